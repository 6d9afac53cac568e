"""Texts to token ids, once per study: what the replicas get in place of texts and tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import ModelError, TooLongError
from zostudy.lm.label_words import label_token_ids
from zostudy.lm.reading import reading
from zostudy.lm.sources import ModelSource

Pieces = tuple[str, str]
Render = Callable[[str, str | None], Pieces]


@dataclass(frozen=True)
class EncodedTask:
    """The token ids of a task, in flat arrays that Ray shares without a copy.

    Attributes:
        tokens: int32 ``[total]``, all inputs one after another, special tokens included, prompt left out.
        offsets: int64 ``[n + 1]``; input i is ``tokens[offsets[i]:offsets[i + 1]]``, empty for a row never used.
        answers: int32 ``[n]``, the position in input i whose state is read: the mask, or the last token.
        lead: number of special tokens in front of which no prompt may stand (1 for a ``<s>`` or ``[CLS]``, else 0).
        label_tokens: int32 ``[C]``, the label words' ids (masked and causal heads), or empty.
        label_texts: one int32 array of ids a class (encoder head), or empty.
        start_vocabulary: int32 ids that may be start tokens of a prompt: all but the special ones.
    """

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    answers: NDArray[np.int32]
    lead: int
    label_tokens: NDArray[np.int32]
    label_texts: tuple[NDArray[np.int32], ...]
    start_vocabulary: NDArray[np.int32]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each input, int64 ``[n]``."""
        return np.diff(self.offsets)

    def padded(self, rows: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Returns right-padded ids ``[b, L]`` and the mask of real tokens ``[b, L]`` for row numbers ``[b]``."""
        lengths = self.lengths[rows]
        columns = np.arange(lengths.max())
        real = columns < lengths[:, None]
        places = np.where(real, self.offsets[rows][:, None] + columns, 0)
        return np.where(real, self.tokens[places], 0).astype(np.int32), real


def load_tokenizer(source: ModelSource) -> Any:
    """Returns the model's own fast tokenizer.

    Raises:
        ModelError: it cannot be loaded, or a masked model's tokenizer has no mask token.
    """
    from transformers import AutoTokenizer

    with reading(source):
        tokenizer = AutoTokenizer.from_pretrained(source.location, **source.loading)
    if source.head == "masked" and tokenizer.mask_token is None:
        raise ModelError(
            f"a masked head needs a mask token, but the tokenizer of {source.location} has none; set model.head"
        )
    # Lengths are checked in encode_task; the tokenizer's own warning would come first, and with the wrong remedy.
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    return tokenizer


def encode_task(
    tokenizer: Any,
    source: ModelSource,
    texts: Sequence[str],
    second_texts: Sequence[str] | None,
    rows: NDArray[np.int64],
    render: Render,
    label_words: Sequence[str],
    room: int,
    truncate: bool,
) -> EncodedTask:
    """Tokenises the rows a study uses, and the label words.

    Args:
        tokenizer: from ``load_tokenizer``.
        source: the model.
        texts: all texts of the task.
        second_texts: the second texts of a pair task, or None.
        rows: int64, the rows to encode.
        render: gives the text before and after the answer's place.
        label_words: one a class; for the encoder head a text a class.
        room: tokens that an input may have beside the prompt.
        truncate: cut the text (never the template) of inputs that are longer than ``room``; else refuse them.

    Raises:
        ModelError: a label word is not one token.
        TooLongError: texts are too long, and may not be cut.
    """

    def pieces(row: int) -> Pieces:
        return render(texts[row], second_texts[row] if second_texts is not None else None)

    lead = _lead(tokenizer)
    keep_space = False
    label_tokens: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
    label_texts: tuple[NDArray[np.int32], ...] = ()
    if source.head == "encoder":
        label_texts = tuple(np.asarray(tokenizer(word)["input_ids"], dtype=np.int32) for word in label_words)
    else:
        label_tokens, keep_space = label_token_ids(tokenizer, pieces(int(rows[0]))[0], label_words)

    def tokenise(some: Sequence[Pieces]) -> list[list[int]]:
        ids: list[list[int]] = tokenizer([_join(tokenizer, source, p, keep_space) for p in some])["input_ids"]
        return ids

    inputs = dict(zip(rows.tolist(), tokenise([pieces(row) for row in rows.tolist()]), strict=True))
    too_long = [row for row, ids in inputs.items() if len(ids) > room]
    if too_long and not truncate:
        longest = max(too_long, key=lambda row: len(inputs[row]))
        raise TooLongError(
            f"an input may have {room} tokens beside the prompt, but {len(too_long)} of {len(inputs)} have more "
            f"(row {longest} has {len(inputs[longest])})",
            "set task.truncate: true, or fewer model.prompt_tokens",
        )
    for row in too_long:
        inputs[row] = _truncated(
            tokenizer,
            tokenise,
            render,
            texts[row],
            second_texts[row] if second_texts is not None else None,
            room,
        )
    return _pack(tokenizer, source, inputs, len(texts), lead, label_tokens, label_texts)


def _lead(tokenizer: Any) -> int:
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    return next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)


def _join(tokenizer: Any, source: ModelSource, pieces: Pieces, keep_space: bool) -> str:
    before, after = pieces
    if source.head == "masked":
        return f"{before}{tokenizer.mask_token}{after}"
    return before if keep_space else before.rstrip(" ")


def _truncated(
    tokenizer: Any,
    tokenise: Callable[[Sequence[Pieces]], list[list[int]]],
    render: Render,
    text: str,
    second_text: str | None,
    room: int,
) -> list[int]:
    """Shortens the longer of the two texts token by token until the whole input fits."""
    while True:
        ids = tokenise([render(text, second_text)])[0]
        if len(ids) <= room:
            return ids
        if not text and not second_text:
            raise ModelError(
                f"the template alone must fit the {room} tokens beside the prompt, but has {len(ids)}; "
                "shorten task.template or use fewer model.prompt_tokens"
            )
        excess = len(ids) - room
        if second_text is not None and len(second_text) > len(text):
            second_text = _without_tail(tokenizer, second_text, excess)
        else:
            text = _without_tail(tokenizer, text, excess)


def _without_tail(tokenizer: Any, text: str, n_tokens: int) -> str:
    starts = [
        start for start, _ in tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    ]
    return text[: starts[-n_tokens]].rstrip() if n_tokens < len(starts) else ""


def _pack(
    tokenizer: Any,
    source: ModelSource,
    inputs: dict[int, list[int]],
    n_rows: int,
    lead: int,
    label_tokens: NDArray[np.int32],
    label_texts: tuple[NDArray[np.int32], ...],
) -> EncodedTask:
    lengths = np.zeros(n_rows, dtype=np.int64)
    answers = np.zeros(n_rows, dtype=np.int32)
    for row, ids in inputs.items():
        lengths[row] = len(ids)
        answers[row] = ids.index(tokenizer.mask_token_id) if source.head == "masked" else len(ids) - 1
    flat = [np.asarray(inputs[row], dtype=np.int32) for row in sorted(inputs)]
    special = set(tokenizer.all_special_ids)
    return EncodedTask(
        tokens=np.concatenate(flat),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        answers=answers,
        lead=lead,
        label_tokens=label_tokens,
        label_texts=label_texts,
        start_vocabulary=np.asarray([i for i in range(len(tokenizer)) if i not in special], dtype=np.int32),
    )
