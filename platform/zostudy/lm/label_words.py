"""The one token that a label word becomes, in the place where the template puts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import ModelError


def label_token_ids(tokenizer: Any, before: str, label_words: Sequence[str]) -> tuple[NDArray[np.int32], bool]:
    """Returns the label words' ids, int32 ``[C]``, and whether the text keeps its space before them.

    Most tokenizers carry a space at the start of a word's token (``It was`` + `` great``), some at the end of the
    token before it (``It was `` + ``great``); the reading in which every word is exactly one more token is taken.

    Args:
        tokenizer: the model's tokenizer.
        before: the text in front of the answer's place, for any one row.
        label_words: one word a class.

    Raises:
        ModelError: a word is not one token in either reading, or two classes have the same token.
    """
    space = " " if before.endswith(" ") else ""
    stem = before.rstrip(" ") if space else before
    leading = [_added_tokens(tokenizer, stem, space + word) for word in label_words]
    if _all_single(leading):
        return _distinct(leading, label_words), False
    trailing = [_added_tokens(tokenizer, before, word) for word in label_words]
    if space and _all_single(trailing):
        return _distinct(trailing, label_words), True
    word, pieces = next(
        (w, _pieces(tokenizer, space + w)) for w, a in zip(label_words, leading, strict=True) if len(a or ()) != 1
    )
    raise ModelError(
        f"a label word must be one token of the model, but '{word}' is {len(pieces)} ({' '.join(pieces)}); "
        "choose another word in task.label_words"
    )


def _added_tokens(tokenizer: Any, stem: str, word: str) -> list[int] | None:
    """Returns the ids that the word adds to the stem, or None where it changes the stem's own."""
    bare = tokenizer(stem, add_special_tokens=False)["input_ids"] if stem else []
    whole = tokenizer(stem + word, add_special_tokens=False)["input_ids"]
    return whole[len(bare) :] if whole[: len(bare)] == bare else None


def _all_single(added: Sequence[list[int] | None]) -> bool:
    return all(ids is not None and len(ids) == 1 for ids in added)


def _distinct(added: Sequence[list[int] | None], label_words: Sequence[str]) -> NDArray[np.int32]:
    ids = np.asarray([a[0] for a in added if a], dtype=np.int32)
    if len(set(ids.tolist())) < len(ids):
        raise ModelError(
            f"label words must be different tokens, but got {', '.join(label_words)}; change task.label_words"
        )
    return ids


def _pieces(tokenizer: Any, word: str) -> list[str]:
    pieces: list[str] = tokenizer.tokenize(word)
    return pieces
