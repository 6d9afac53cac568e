"""The one token that a label word becomes where the template puts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import ModelError
from zostudy.lm.tokenizer import tokenise
from zostudy.lm.vocabulary import special_ids, unknown_id
from zostudy.wording import clipped

_REMEDY = "choose another word in task.label_words"


def label_token_ids(tokenizer: Any, before: str, label_words: Sequence[str]) -> tuple[NDArray[np.int32], bool]:
    """Returns the label words' ids, int32 ``[C]``, and whether the text keeps its space before them.

    Most tokenizers carry a space at the start of a word's token (``It was`` + `` great``), some at the end of the
    token before it (``It was `` + ``great``). The reading in which every word is exactly one more token is taken.

    Args:
        tokenizer: the model's.
        before: the text in front of the answer, of any row.
        label_words: one a class.

    Raises:
        ModelError: a word is not one token in either reading, or the tokenizer does not know it, or two classes have
            the same token.
    """
    space = " " if before.endswith(" ") else ""
    stem = before.rstrip(" ") if space else before
    leading = _added_tokens(tokenizer, stem, [space + word for word in label_words])
    if _all_single(leading):
        return _checked(tokenizer, leading, label_words), False
    trailing = _added_tokens(tokenizer, before, label_words)
    if space and _all_single(trailing):
        return _checked(tokenizer, trailing, label_words), True
    word, added = next((w, a) for w, a in zip(label_words, leading, strict=True) if a is None or len(a) != 1)
    raise _not_one_token(tokenizer, space, word, added)


def _added_tokens(tokenizer: Any, stem: str, words: Sequence[str]) -> list[list[int] | None]:
    """Returns the ids that each word adds to the stem, or None if it changes the stem's own."""

    def name(index: int) -> str:
        return f"label word {words[index].strip()!r}"

    [bare] = tokenise(tokenizer, [stem], lambda _: "the text before a label word", special=False) if stem else [[]]
    wholes = tokenise(tokenizer, [stem + word for word in words], name, special=False)
    return [whole[len(bare) :] if whole[: len(bare)] == bare else None for whole in wholes]


def _all_single(added: Sequence[list[int] | None]) -> bool:
    return all(ids is not None and len(ids) == 1 for ids in added)


def _checked(tokenizer: Any, added: Sequence[list[int] | None], label_words: Sequence[str]) -> NDArray[np.int32]:
    ids = [a[0] for a in added if a]
    unknown, special = unknown_id(tokenizer), special_ids(tokenizer)
    for id, word in zip(ids, label_words, strict=True):
        if id == unknown or id in special:
            meaning = "unknown" if id == unknown else "a special token"
            got = f"'{word}' is {meaning} to it"
            raise ModelError("a label word must be a word to the tokenizer", got=got, remedy=_REMEDY)
    if len(set(ids)) < len(ids):
        got = f"got {', '.join(label_words)}"
        raise ModelError("label words must be different tokens", got=got, remedy="change task.label_words")
    return np.asarray(ids, dtype=np.int32)


def _not_one_token(tokenizer: Any, space: str, word: str, added: list[int] | None) -> ModelError:
    if added is None:
        [added] = tokenise(tokenizer, [space + word], lambda _: f"label word {word!r}", special=False)
    pieces = tokenizer.convert_ids_to_tokens(added)
    if len(pieces) == 1:
        return ModelError(
            "a label word must be a token of its own",
            got=f"'{word}' changes the tokens of the text before it",
            remedy=f"put a blank before {{mask}} in task.template, or {_REMEDY}",
        )
    count = f"{len(pieces)} ({clipped(' '.join(pieces))})" if pieces else "none"
    got = f"'{clipped(word)}' is {count}"
    return ModelError("a label word must be one token of the model", got=got, remedy=_REMEDY)
