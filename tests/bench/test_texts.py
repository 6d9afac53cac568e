from __future__ import annotations

from pathlib import Path

import pytest

from zostudy.bench.models import VOCABULARY_SIZE, train_tokenizer
from zostudy.bench.texts import Texts, read_texts
from zostudy.config.known import HeadKind
from zostudy.errors import DataError


def test_texts_of_a_file_are_read_and_empty_ones_left_out(tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("line,kind\nfirst,1\n ,1\nsecond,2\n,3\nthird,4\n")
    assert read_texts(file, "line", 3) == Texts("some.csv", ("first", "second", "third"))


def test_a_file_that_gives_no_batch_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("line\nfirst\nsecond\n")
    with pytest.raises(DataError, match="`texts` must name a file"):
        read_texts(tmp_path / "other.csv", "line", 1)
    with pytest.raises(DataError, match=r"no column 'text'; the columns are line; name one with `column`"):
        read_texts(file, "text", 1)
    with pytest.raises(DataError, match=r"needs 3 texts, but column 'line' has 2"):
        read_texts(file, "line", 3)


def test_a_draw_is_always_the_same_and_repeats_no_text() -> None:
    texts = read_texts(None, "", 1)
    drawn = texts.draw(32)
    assert drawn == texts.draw(32)
    assert len(set(drawn)) == 32
    assert set(drawn) <= set(texts.everything)


@pytest.mark.parametrize(("head", "frame"), [("masked", ("<s>", "</s>")), ("causal", None)])
def test_the_tokenizer_knows_every_byte_and_frames_as_its_family(head: HeadKind, frame: tuple[str, str] | None) -> None:
    tokenizer = train_tokenizer(head, ["a good film", "a bad film"] * 3, longest=64)
    assert len(tokenizer) <= VOCABULARY_SIZE
    tokens = tokenizer.tokenize(" good film")
    assert tokens == ["Ġgood", "Ġfilm"]
    ids = tokenizer("größer\n")["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "größer\n"
    ends = (tokenizer.decode(ids[0]), tokenizer.decode(ids[-1]))
    assert (ends == frame) if frame else ("<s>" not in ends)
