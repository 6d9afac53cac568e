from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.encoding import EncodedTask, encode_task
from zostudy.lm.finding import find_model
from zostudy.lm.sources import ModelSource
from zostudy.lm.tokenizer import load_tokenizer

TEXTS = ("the film was great", "the story was slow but the actors were good and the music was good", "bad")
ROOM = 60


def render(text: str, second_text: str | None) -> tuple[str, str]:
    return f"{text} It was ", "."


@pytest.fixture(scope="module")
def source() -> ModelSource:
    return find_model(ModelSpec(name="mini-roberta"))


@pytest.fixture(scope="module")
def tokenizer(source: ModelSource) -> Any:
    return load_tokenizer(source)


def encode(
    tokenizer: Any, source: ModelSource, rows: list[int], room: int = ROOM, truncate: bool = False
) -> EncodedTask:
    return encode_task(tokenizer, source, TEXTS, None, np.array(rows), render, ("terrible", "great"), room, truncate)


def test_each_input_is_what_the_tokenizer_makes_of_the_template(tokenizer: Any, source: ModelSource) -> None:
    task = encode(tokenizer, source, [0, 1, 2])
    for row, text in enumerate(TEXTS):
        ids = task.tokens[task.offsets[row] : task.offsets[row + 1]].tolist()
        assert ids == tokenizer(f"{text} It was {tokenizer.mask_token}.")["input_ids"]
        assert ids[task.answers[row]] == tokenizer.mask_token_id
    assert task.lead == 1


def test_rows_that_are_not_used_are_empty(tokenizer: Any, source: ModelSource) -> None:
    task = encode(tokenizer, source, [1])
    assert task.lengths[0] == task.lengths[2] == 0
    assert task.lengths[1] == len(task.tokens) > 0


def test_padded_is_right_padded(tokenizer: Any, source: ModelSource) -> None:
    task = encode(tokenizer, source, [0, 1, 2])
    ids, real = task.padded(np.array([2, 1], dtype=np.int32))
    assert real.sum(1).tolist() == [task.lengths[2], task.lengths[1]]
    assert not real[0, task.lengths[2] :].any()
    assert ids[1].tolist() == task.tokens[task.offsets[1] : task.offsets[2]].tolist()


def test_start_tokens_are_never_special(tokenizer: Any, source: ModelSource) -> None:
    vocabulary = encode(tokenizer, source, [0]).start_vocabulary
    assert not set(vocabulary.tolist()) & set(tokenizer.all_special_ids)
    assert len(vocabulary) + len(tokenizer.all_special_ids) == len(tokenizer)


def test_texts_too_long_are_refused_with_the_numbers(tokenizer: Any, source: ModelSource) -> None:
    with pytest.raises(
        ModelError,
        match=r"12 tokens beside the prompt, but 1 of 3 have more \(row 2 has \d+\).*truncate: true",
    ):
        encode(tokenizer, source, [0, 1, 2], room=12)


@pytest.mark.parametrize("room", range(7, 16))
def test_truncation_cuts_the_text_and_keeps_the_template(tokenizer: Any, source: ModelSource, room: int) -> None:
    task = encode(tokenizer, source, [1], room=room, truncate=True)
    ids = task.tokens.tolist()
    ending = tokenizer(f"x It was {tokenizer.mask_token}.")["input_ids"][-5:]
    assert room - 2 <= len(ids) <= room
    assert ids[-5:] == ending


def test_a_note_counts_the_texts_that_are_cut(tokenizer: Any, source: ModelSource) -> None:
    assert encode(tokenizer, source, [0, 1, 2], room=12, truncate=True).notes == (
        "1 of 3 texts is cut to 12 tokens beside the prompt (task.truncate)",
    )
    lengths = encode(tokenizer, source, [0, 1, 2]).lengths.tolist()
    assert encode(tokenizer, source, [0, 1, 2], room=max(lengths), truncate=True).notes == ()
    cut = encode(tokenizer, source, [0, 1, 2], room=min(lengths), truncate=True).notes
    assert cut == (f"2 of 3 texts are cut to {min(lengths)} tokens beside the prompt (task.truncate)",)


def test_a_template_that_does_not_fit_is_refused(tokenizer: Any, source: ModelSource) -> None:
    with pytest.raises(ModelError, match="the template alone must fit the 3 tokens"):
        encode(tokenizer, source, [1], room=3, truncate=True)


def test_a_label_text_that_does_not_fit_is_refused(tokenizer: Any, source: ModelSource) -> None:
    encoder = replace(source, head="encoder")
    with pytest.raises(ModelError, match=r"a label text may have 12 tokens, but label word '(great )+' has \d+; "):
        encode_task(
            tokenizer, encoder, TEXTS, None, np.array([0]), render, ("terrible", "great " * 30), 12, truncate=True
        )


def test_texts_of_which_the_tokenizer_knows_nothing_are_counted(
    make_tokenizer: Callable[..., Any], tmp_path: Path
) -> None:
    tokenizer = make_tokenizer("words")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": len(tokenizer)}))
    source, texts = ModelSource(str(tmp_path), None, "masked"), ("the film", "zebra quagga", "the quagga", "okapi")

    def noted(rows: list[int]) -> tuple[str, ...]:
        words = ("bad", "good")
        return encode_task(
            tokenizer, source, texts, None, np.array(rows), lambda text, _: (f"{text} It was ", " ."), words, 60, False
        ).notes

    assert noted([0, 2]) == ()
    [note] = noted([0, 3, 2, 1])
    assert note.startswith("2 of 4 texts hold nothing that the tokenizer knows (row 4 is the first)")


def test_masks_in_texts_and_in_the_template_are_text(tokenizer: Any, source: ModelSource) -> None:
    texts = ("a <mask> in <mask> a text", "no such text")

    def ask(text: str, _: str | None) -> tuple[str, str]:
        return f"<mask> {text} It was ", ". <mask>"

    task = encode_task(tokenizer, source, texts, None, np.arange(2), ask, ("terrible", "great"), ROOM, False)
    for row in range(2):
        ids = task.tokens[task.offsets[row] : task.offsets[row + 1]].tolist()
        assert [position for position, id in enumerate(ids) if id == tokenizer.mask_token_id] == [task.answers[row]]
        assert tokenizer.decode(ids[1 : task.answers[row]]).endswith(f"{texts[row]} It was")
        assert tokenizer.decode(ids[1:]).endswith(". <mask></s>")
