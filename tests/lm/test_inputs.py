"""Inputs and the answer's position, against what each kind of tokenizer makes of whole lines."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import processors

from zostudy.config.known import HeadKind
from zostudy.errors import ModelError
from zostudy.lm.inputs import Input, InputReader, Sides
from zostudy.lm.vocabulary import special_ids, unknown_id

FAST = (
    "wordpiece",
    "roberta",
    "gpt2",
    "llama-legacy",
    "llama",
    "xlm-roberta",
    "t5",
    "words",
    "characters",
    "normalized-mask",
)
KINDS = (*FAST, "byt5", "python-words")
# Their vocabulary holds the special tokens' names as words, so that characters become them whatever one says.
STUBBORN = ("xlm-roberta", "t5", "words", "python-words", "byt5")
HEADS: tuple[HeadKind, ...] = ("masked", "causal", "encoder")
SPECIAL = ("<s>", "</s>", "<pad>", "<unk>", "<mask>", "[SEP]", "[CLS]", "[MASK]", "<|endoftext|>", "<MASK>", "<Unk>")

words = st.sampled_from(("the", "film", "was", "great", "boring", "good", "It", "bad", ".", ",", "!", "?", "5", "/"))
characters = st.text(st.characters(codec="utf-8", exclude_characters="\ue000\ue001"), max_size=6)
blanks = st.sampled_from((" ", "  ", "\n", "\t", "<", ">", "é", "文"))
plain = st.lists(words | blanks | characters).flatmap(lambda parts: st.sampled_from((" ".join(parts), "".join(parts))))
special = st.sampled_from((*SPECIAL, "<answer-goes-here>"))
hostile = st.lists(words | special | blanks | characters).map("".join)


def name(index: int) -> str:
    return f"row {index}"


def has_special(text: str) -> bool:
    return any(token.lower() in text.lower() for token in SPECIAL)


def read(tokenizer: Any, head: HeadKind, *sides: Sides) -> list[Input]:
    return InputReader(tokenizer, head).read(sides, name)


def read_or_refused(tokenizer: Any, head: HeadKind, sides: Sides) -> Input | str:
    try:
        return read(tokenizer, head, sides)[0]
    except ModelError as error:
        return str(error)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(before=plain, after=plain)
def test_an_ordinary_line_is_what_the_tokenizer_makes_of_it(
    make_tokenizer: Callable[..., Any], kind: str, before: str, after: str
) -> None:
    if has_special(before) or has_special(after):
        return
    tokenizer = make_tokenizer(kind)
    if kind != "byt5":
        [one] = read(tokenizer, "masked", (before, after))
        assert one.ids == tokenizer(before + tokenizer.mask_token + after)["input_ids"]
        assert one.answer == one.ids.index(tokenizer.mask_token_id)
    [one] = read(tokenizer, "encoder", (before, ""))
    assert one.ids == tokenizer(before)["input_ids"]
    [one] = read(tokenizer, "causal", (before, ""))
    bare = tokenizer(before, add_special_tokens=False)["input_ids"]
    assert one.ids[len(one.ids) - len(bare) :] == bare
    assert one.answer == len(one.ids) - 1
    assert tokenizer(before)["input_ids"][: len(one.ids)] == one.ids


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(before=hostile, after=hostile, head=st.sampled_from(HEADS))
def test_special_tokens_in_a_text_are_characters_or_refused(
    make_tokenizer: Callable[..., Any], kind: str, before: str, after: str, head: HeadKind
) -> None:
    """Held against the same tokenizer with special tokens of other names, to which the whole text is text."""
    tokenizer = make_tokenizer(kind)
    if head == "masked" and kind == "byt5":
        return
    sides = (before, after if head == "masked" else "")
    one = read_or_refused(tokenizer, head, sides)
    if isinstance(one, str):
        assert "row 0" in one
        assert "\n" not in one
        assert kind in STUBBORN or "<answer-goes-here>" in "".join(sides).lower()
        return
    body = one.ids.copy()
    if head == "masked":
        assert body.pop(one.answer) == tokenizer.mask_token_id
    frame = InputReader(tokenizer, head).frame
    inside = body[len(frame.lead) : len(body) - (0 if head == "causal" else len(frame.trail))]
    assert not set(inside) & (special_ids(tokenizer).keys() - {unknown_id(tokenizer)})
    if kind in FAST and not (kind in STUBBORN and "<unk>" in "".join(sides).lower()):
        secret = make_tokenizer(kind, secret=True)
        expected = secret(sides[0] + (secret.mask_token if head == "masked" else "") + sides[1])["input_ids"]
        assert one.ids == expected[: len(one.ids)]
        assert len(expected) - len(one.ids) == (len(frame.trail) if head == "causal" else 0)
        if head == "masked":
            assert [position for position, id in enumerate(expected) if id == secret.mask_token_id] == [one.answer]


@pytest.mark.parametrize("kind", ["roberta", "wordpiece", "gpt2", "llama", "llama-legacy", "characters"])
def test_what_can_be_read_as_characters_is_not_refused(make_tokenizer: Callable[..., Any], kind: str) -> None:
    tokenizer = make_tokenizer(kind)
    text = "a <mask> film </s> was <s> good [SEP]"
    [one] = read(tokenizer, "masked", (f"{text} It was ", f" . {text}"))
    assert one.ids.count(tokenizer.mask_token_id) == 1
    spelled = tokenizer.decode(one.ids[: one.answer]).lower().replace(" ", "").replace("▁", "")
    assert "film" in spelled
    assert one.answer > len(tokenizer(f"{text} It was ", add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("kind", FAST)
def test_added_words_stay_words_beside_special_tokens(make_tokenizer: Callable[..., Any], kind: str) -> None:
    tokenizer = make_tokenizer(kind, added=("covid 19",))
    added = tokenizer.convert_tokens_to_ids("covid 19")
    texts = [("the covid 19 film was ", ""), ("the <mask> covid 19 film was ", "")]
    for sides in texts[: 1 if kind in STUBBORN else 2]:
        [one] = read(tokenizer, "masked", sides)
        assert one.ids.count(added) == 1
        assert one.ids[one.answer] == tokenizer.mask_token_id


def test_a_pad_token_of_one_character_is_a_character(make_tokenizer: Callable[..., Any]) -> None:
    tokenizer = make_tokenizer("wordpiece")
    tokenizer.pad_token = "!"
    [one] = read(tokenizer, "masked", ("what a film ! It was ", "!"))
    assert one.ids.count(tokenizer.convert_tokens_to_ids("!")) == 2


def test_a_causal_model_is_not_given_the_end_token(make_tokenizer: Callable[..., Any]) -> None:
    tokenizer = make_tokenizer("llama")
    [one] = read(tokenizer, "causal", ("the film was", ""))
    assert tokenizer("the film was")["input_ids"] == [*one.ids, tokenizer.eos_token_id]
    assert one.ids[0] == tokenizer.bos_token_id


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["half an \ud83d emoji", "\udcff"])
def test_a_text_that_the_tokenizer_cannot_take_is_named(
    make_tokenizer: Callable[..., Any], kind: str, text: str
) -> None:
    if kind == "python-words":
        return  # takes anything
    with pytest.raises(ModelError, match=r"this one stops at row 1 .*; change that text"):
        read(make_tokenizer(kind), "causal", ("the film", ""), (text, ""), ("the film", ""))


def test_a_tokenizer_without_an_unknown_token_names_the_row(make_tokenizer: Callable[..., Any]) -> None:
    tokenizer = make_tokenizer("words", secret=True)
    tokenizer.backend_tokenizer.model.unk_token = "not there"
    with pytest.raises(ModelError, match=r"stops at row 2 \(.*; change that text, or mend the tokenizer"):
        read(tokenizer, "causal", ("the film", ""), ("the book", ""), ("zebra", ""), ("zebra", ""))
    tokenizer.backend_tokenizer.model.unk_token = "\ue000unk\ue001"


def test_a_panic_of_the_tokenizer_is_an_error_and_ctrl_c_is_not(make_tokenizer: Callable[..., Any]) -> None:
    class PanicException(BaseException):
        pass

    class Bad:
        def __init__(self, raises: BaseException) -> None:
            self.raises = raises

        def __call__(self, texts: list[str], **options: Any) -> Any:
            if "bad" in texts:
                raise self.raises
            return {"input_ids": [[5]] * len(texts)}

    from zostudy.lm.tokenizer import tokenise

    for raises in (PanicException("index out\nof range"), OverflowError(), Exception("?"), RecursionError("deep")):
        with pytest.raises(ModelError, match=rf"stops at row 1 \({type(raises).__name__}") as caught:
            tokenise(Bad(raises), ["good", "bad"], name)
        assert "\n" not in str(caught.value)
    with pytest.raises(KeyboardInterrupt):
        tokenise(Bad(KeyboardInterrupt()), ["bad"], name)
    with pytest.raises(ModelError, match="has none for a part of row 1"):
        tokenise(lambda texts, **_: {"input_ids": [[1], [None]]}, ["a", "b"], name)


def test_special_tokens_that_cannot_be_told_from_a_text_are_refused(make_tokenizer: Callable[..., Any]) -> None:
    tokenizer = copy.deepcopy(make_tokenizer("wordpiece"))
    ids = tokenizer("a e the 0 .", add_special_tokens=False)["input_ids"]  # each as good a text as any other
    lead = {"id": "lead", "ids": ids, "tokens": tokenizer.convert_ids_to_tokens(ids)}
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single="lead $A", special_tokens=[lead])
    with pytest.raises(ModelError, match="the same special tokens around every text, but this one's cannot be told"):
        InputReader(tokenizer, "causal")


@pytest.mark.parametrize("head", ["causal", "encoder"])
def test_a_text_whose_frame_is_another_one_is_refused(make_tokenizer: Callable[..., Any], head: HeadKind) -> None:
    reader = InputReader(make_tokenizer("wordpiece"), head)
    assert reader.frame.inside([*reader.frame.lead, 7, *reader.frame.trail]) == [7]
    assert reader.frame.inside([7, *reader.frame.trail]) is None
    assert reader.frame.inside([*reader.frame.lead, 7]) is None
