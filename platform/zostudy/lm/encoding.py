"""Texts to token ids, once per study: replicas get these instead of texts and tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import ModelError, TooLongError
from zostudy.lm.inputs import Input, InputReader, Render, RowTexts, Sides
from zostudy.lm.label_words import label_token_ids
from zostudy.lm.sources import ModelSource
from zostudy.lm.tokenizer import TextNamer, tokenise
from zostudy.lm.truncation import shortened
from zostudy.lm.vocabulary import find_vocabulary

ANY_TEXT = "a text:"
"""Stands for a text where only the words around it matter."""


@dataclass(frozen=True)
class EncodedTask:
    """The token ids of a task, in flat arrays that Ray shares without a copy.

    Attributes:
        tokens: int32 ``[total]``, all inputs one after another, special tokens included, prompt left out.
        offsets: int64 ``[n + 1]``; input i is ``tokens[offsets[i]:offsets[i + 1]]``, empty for a row never used.
        answers: int32 ``[n]``, the position in input i whose state is read: the mask, or the last token.
        lead: number of special tokens that stand before the prompt (1 for a ``<s>`` or ``[CLS]``, else 0).
        label_tokens: int32 ``[C]``, the label words' ids (masked and causal heads), or empty.
        label_texts: one int32 array of ids a class (encoder head), or empty.
        start_vocabulary: int32 ids that may be start tokens of a prompt: all but the special ones.
        notes: warnings about the texts' tokens, one line each.
        start_text: int32 ``[n]``, the ids that every prompt starts from; None where they are drawn.
    """

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    answers: NDArray[np.int32]
    lead: int
    label_tokens: NDArray[np.int32]
    label_texts: tuple[NDArray[np.int32], ...]
    start_vocabulary: NDArray[np.int32]
    notes: tuple[str, ...] = ()
    start_text: NDArray[np.int32] | None = None

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each input, int64 ``[n]``."""
        return np.diff(self.offsets)

    @property
    def n_classes(self) -> int:
        """C, the number of scores of a text."""
        return len(self.label_tokens) or len(self.label_texts)

    def padded(self, rows: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Returns right-padded ids ``[b, L]`` and the mask of real tokens ``[b, L]`` for row numbers ``[b]``."""
        lengths = self.lengths[rows]
        columns = np.arange(lengths.max())
        real = columns < lengths[:, None]
        indices = np.where(real, self.offsets[rows][:, None] + columns, 0)
        return np.where(real, self.tokens[indices], 0).astype(np.int32), real


def encode_task(
    tokenizer: Any,
    source: ModelSource,
    texts: Sequence[str],
    second_texts: Sequence[str] | None,
    rows: NDArray[np.int64],
    render: Render,
    label_words: Sequence[str],
    max_tokens: int,
    truncate: bool,
) -> EncodedTask:
    """Tokenises the rows a study uses, and the label words.

    Args:
        tokenizer: from ``load_tokenizer``.
        source: the model.
        texts: all texts of the task.
        second_texts: the second texts of a pair task, or None.
        rows: int64, the rows to encode.
        render: gives the text before and after the answer.
        label_words: one a class; for the encoder head a text a class.
        max_tokens: tokens that an input may have beside the prompt.
        truncate: cut the text (never the template) of inputs that are longer than ``max_tokens``; else refuse them.

    Raises:
        ModelError: a label word is not one token, the tokenizer cannot read a text, or the model has no row for a
            token.
        TooLongError: texts are too long, and may not be cut.
    """
    used: list[RowTexts] = [
        (texts[row],) if second_texts is None else (texts[row], second_texts[row]) for row in rows.tolist()
    ]
    reader = InputReader(tokenizer, source.head)
    label_tokens: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
    label_texts: list[list[int]] = []
    keep_space = source.head == "masked"
    if source.head == "encoder":
        label_texts = _read_label_texts(reader, label_words, max_tokens)
    else:
        label_tokens, needs_space = _read_label_words(tokenizer, render, used[0], label_words)
        keep_space = keep_space or needs_space

    def sides(text: str, second_text: str | None = None) -> Sides:
        before, after = render(text, second_text)
        return before if keep_space else before.rstrip(" "), after

    def name(index: int) -> str:
        return f"row {rows[index] + 1:,}"

    inputs = reader.read([sides(*pair) for pair in used], name)
    too_long = [index for index, one in enumerate(inputs) if len(one.ids) > max_tokens]
    if too_long and not truncate:
        longest = max(too_long, key=lambda index: len(inputs[index].ids))
        raise TooLongError(
            f"an input may have {max_tokens} tokens beside the prompt",
            got=f"{len(too_long)} of {len(inputs)} have more ({name(longest)} has {len(inputs[longest].ids)})",
            remedy="set task.truncate: true, or fewer model.prompt_tokens",
        )
    for index in too_long:
        inputs[index] = shortened(reader, sides, used[index], inputs[index], max_tokens, name(index))
    vocabulary = find_vocabulary(source, tokenizer)
    vocabulary.check((one.ids for one in inputs), name)
    vocabulary.check([[token] for token in label_tokens.tolist()] or label_texts, _named_words(label_words))
    lengths = np.zeros(len(texts), dtype=np.int64)
    lengths[rows] = [len(one.ids) for one in inputs]
    answers = np.zeros(len(texts), dtype=np.int32)
    answers[rows] = [one.answer for one in inputs]
    order = np.unique(rows, return_index=True)[1]
    return EncodedTask(
        tokens=np.asarray([token for index in order for token in inputs[index].ids], dtype=np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        answers=answers,
        lead=len(reader.frame.lead),
        label_tokens=label_tokens,
        label_texts=tuple(np.asarray(ids, dtype=np.int32) for ids in label_texts),
        start_vocabulary=vocabulary.start_tokens,
        notes=(
            *_cut_texts(len(too_long), len(used), max_tokens),
            *_unknown_texts(tokenizer, reader.empty(sides, len(used[0])), used, inputs, name),
        ),
    )


def _read_label_words(
    tokenizer: Any, render: Render, some_texts: RowTexts, label_words: Sequence[str]
) -> tuple[NDArray[np.int32], bool]:
    """Returns the label words' ids, which are the same after any text, and whether the text keeps its space."""
    second = None if len(some_texts) == 1 else ANY_TEXT
    after_any = label_token_ids(tokenizer, render(ANY_TEXT, second)[0], label_words)
    before = render(*some_texts, *[None] * (2 - len(some_texts)))[0]
    try:
        after_some = label_token_ids(tokenizer, before, label_words)
    except ModelError:
        after_some = after_any[0][:0], False
    if after_any[1] != after_some[1] or not np.array_equal(after_any[0], after_some[0]):
        raise ModelError(
            "a label word must be the same token after every text",
            got="here it depends on how a text ends",
            remedy="put a blank or a word before {mask} in task.template",
        )
    return after_any


def _read_label_texts(reader: InputReader, label_words: Sequence[str], max_tokens: int) -> list[list[int]]:
    name = _named_words(label_words)
    found = [one.ids for one in reader.read([(word, "") for word in label_words], name)]
    for index, ids in enumerate(found):
        if len(ids) > max_tokens:
            raise ModelError(
                f"a label text may have {max_tokens} tokens",
                got=f"{name(index)} has {len(ids)}",
                remedy="choose a shorter one in task.label_words",
            )
    return found


def _named_words(label_words: Sequence[str]) -> TextNamer:
    return lambda index: f"label word {label_words[index]!r}"


def _cut_texts(n_cut: int, n_texts: int, max_tokens: int) -> tuple[str, ...]:
    if not n_cut:
        return ()
    verb = "is" if n_cut == 1 else "are"
    return (f"{n_cut:,} of {n_texts:,} texts {verb} cut to {max_tokens} tokens beside the prompt (task.truncate)",)


def _unknown_texts(
    tokenizer: Any, template: Input, texts: Sequence[RowTexts], inputs: Sequence[Input], name: TextNamer
) -> tuple[str, ...]:
    """Returns a note on texts of which the tokenizer knows nothing: of these a score says nothing."""
    unknown, n = tokenizer.unk_token_id, len(texts[0])
    suspects = [index for index, one in enumerate(inputs) if unknown in one.ids or one.ids == template.ids]
    alone = [text for index in suspects for text in texts[index]]
    own = tokenise(tokenizer, alone, lambda index: name(suspects[index // n]), special=False)
    lost = [index for i, index in enumerate(suspects) if set().union(*own[n * i : n * (i + 1)]) <= {unknown}]
    if not lost:
        return ()
    return (
        f"{len(lost):,} of {len(texts):,} texts hold nothing that the tokenizer knows ({name(lost[0])} is the first), "
        "so their scores say nothing of them",
    )
