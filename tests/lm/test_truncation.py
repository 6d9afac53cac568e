from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.errors import ModelError
from zostudy.lm.inputs import Input, InputReader, Sides
from zostudy.lm.truncation import shortened

texts = st.lists(
    st.sampled_from(("the", "film", "was", "boring", "good", "<mask>", "</s>", "?", "\n", "文字", "<", "unheard-of")),
    min_size=1,
    max_size=60,
).map(" ".join)


def render(text: str, second_text: str = "") -> Sides:
    return f"{text} : {second_text} It was ", "."


def cut(tokenizer: Any, texts: tuple[str, ...], room: int) -> Input:
    reader = InputReader(tokenizer, "causal" if tokenizer.mask_token is None else "masked")
    [whole] = reader.read([render(*texts)], lambda _: "row 7")
    return shortened(reader, render, texts, whole, room, "row 7")


def cut_or_refused(tokenizer: Any, texts: tuple[str, ...], room: int) -> Input | str:
    try:
        return cut(tokenizer, texts, room)
    except ModelError as error:
        return str(error)


def plainly_cut(tokenizer: Any, text: str, second_text: str | None, room: int) -> list[int] | None:
    """The longer text loses as many tokens as are too many, until all fit; None where a text would be lost."""
    while True:
        before, after = render(text, second_text or "")
        ids: list[int] = tokenizer(before + tokenizer.mask_token + after)["input_ids"]
        if len(ids) <= room:
            return ids
        is_second = second_text is not None and len(second_text) > len(text)
        longer = (second_text or "") if is_second else text
        offsets = tokenizer(longer, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        excess = len(ids) - room
        if excess >= len(offsets):
            return None
        shorter = longer[: offsets[-excess][0]].rstrip()
        text, second_text = (text, shorter) if is_second else (shorter, second_text)
        if not shorter:
            return None


@pytest.mark.parametrize("kind", ["roberta", "wordpiece", "llama", "xlm-roberta"])
@settings(max_examples=25)
@given(text=texts, second_text=st.none() | texts, room=st.integers(14, 40))
def test_an_ordinary_text_is_cut_as_before(
    make_tokenizer: Callable[..., Any], kind: str, text: str, second_text: str | None, room: int
) -> None:
    tokenizer = make_tokenizer(kind)
    given_texts = (text,) if second_text is None else (text, second_text)
    pair = tuple(part.replace("<mask>", "").replace("</s>", "") for part in given_texts)
    expected = plainly_cut(tokenizer, pair[0], pair[1] if len(pair) > 1 else None, room)
    if expected is not None:
        assert cut(tokenizer, pair, room).ids == expected


@pytest.mark.parametrize("kind", ["roberta", "wordpiece", "llama-legacy", "gpt2", "python-words", "characters"])
@settings(max_examples=25)
@given(pair=st.tuples(texts) | st.tuples(texts, texts), room=st.integers(3, 40))
def test_a_cut_input_fits_and_keeps_its_template(
    make_tokenizer: Callable[..., Any], kind: str, pair: tuple[str, ...], room: int
) -> None:
    tokenizer = make_tokenizer(kind)
    if not tokenizer.is_fast:
        pair = tuple(text.replace("<mask>", "").replace("</s>", "") for text in pair)
    one = cut_or_refused(tokenizer, pair, room)
    if isinstance(one, str):
        assert "must fit the" in one
        assert "shorten task.template or use fewer model.prompt_tokens" in one
    else:
        assert len(one.ids) <= room
        assert one.ids[one.answer] == tokenizer.mask_token_id
        spelled = tokenizer.decode(one.ids[: one.answer]).replace(" ", "").replace("▁", "")
        assert spelled.lower().endswith("itwas")


def test_a_tokenizer_written_in_python_cuts_too(make_tokenizer: Callable[..., Any]) -> None:
    tokenizer = make_tokenizer("byt5")
    reader = InputReader(tokenizer, "causal")
    text = "a very long text without an end " * 300

    def ask(text: str) -> Sides:
        return f"{text} y/n:", ""

    [whole] = reader.read([ask(text)], lambda _: "row 0")
    one = shortened(reader, ask, (text,), whole, 50, "row 0")
    assert tokenizer.decode(one.ids) == text[:45].rstrip() + " y/n:"


def test_no_text_of_a_pair_is_lost(make_tokenizer: Callable[..., Any]) -> None:
    tokenizer = make_tokenizer("roberta")
    pair = ("the film was good " * 30, "the book was bad " * 35)
    one = cut(tokenizer, pair, 30)
    words = tokenizer.decode(one.ids)
    assert "film" in words.partition(" : ")[0]
    assert "book" in words.partition(" : ")[2]
    assert len(one.ids) >= 27


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["roberta", "wordpiece", "llama-legacy"])
@pytest.mark.parametrize("text", ["a" * 100_000, "</s>" * 25_000, "the film " * 11_000, "\n" * 50_000 + "x"])
def test_a_text_of_a_hundred_thousand_characters_is_cut(
    make_tokenizer: Callable[..., Any], kind: str, text: str
) -> None:
    tokenizer = make_tokenizer(kind)
    words = cut_or_refused(tokenizer, (text,), 30)
    assert isinstance(words, Input) or "leaves too few for row 7" in words


def test_offsets_that_do_not_move_end_all_the_same(make_tokenizer: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.setattr("zostudy.lm.truncation.token_starts", lambda tokenizer, text, name: [len(text)] * len(text))
    one = cut(make_tokenizer("roberta"), ("good " * 30,), 20)
    assert len(one.ids) <= 20


def test_a_first_token_without_characters_loses_no_text(make_tokenizer: Callable[..., Any]) -> None:
    tokenizer = make_tokenizer("llama-legacy")
    pair = ("zzz the film " * 3, "zzz the book " * 20)
    for room in range(16, 60):
        one = cut_or_refused(tokenizer, pair, room)
        assert isinstance(one, Input) or room < 22
