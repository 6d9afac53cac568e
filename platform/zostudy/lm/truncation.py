"""Shortens an input that has too many tokens: its texts lose their ends, its template loses nothing."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from zostudy.errors import ModelError
from zostudy.lm.inputs import Input, InputReader, Render, RowTexts
from zostudy.lm.tokenizer import TextNamer, token_starts, tokenise


def shortened(reader: InputReader, render: Render, texts: RowTexts, whole: Input, max_tokens: int, name: str) -> Input:
    """Returns the input of the texts, the longer of them cut until the input fits.

    Args:
        reader: of the model.
        render: puts the texts in their template.
        texts: of one row.
        whole: their input.
        max_tokens: tokens that the input may have.
        name: names the row in an error.

    Raises:
        ModelError: the template leaves no room for the texts.
    """
    found = whole
    while len(found.ids) > max_tokens:
        shorter = _cut(reader, texts, len(found.ids) - max_tokens, name)
        if shorter == texts or any(before and not after for before, after in zip(texts, shorter, strict=True)):
            raise _no_room(reader, render, len(texts), max_tokens, name)
        texts = shorter
        [found] = reader.read([render(*texts)], lambda _: name)
    return found


def _cut(reader: InputReader, texts: RowTexts, excess: int, name: str) -> RowTexts:
    """Returns the texts without ``excess`` of their tokens, or unchanged if nothing of one would be left."""
    longer = 1 if len(texts) > 1 and len(texts[1]) > len(texts[0]) else 0
    cuts = [_Cut(reader.tokenizer_for(text, lambda _: name), text, lambda _: name) for text in texts]
    keep = [cut.n_tokens for cut in cuts]
    keep[longer] -= excess
    if keep[longer] < 1:  # the longer text is too short for that: both lose tokens, down to the same number
        both = max(sum(keep), len(texts))
        keep[longer] = min(cuts[longer].n_tokens, max(1, -(-both // len(texts))))
        if len(texts) > 1:
            keep[1 - longer] = min(cuts[1 - longer].n_tokens, both - keep[longer])
    return tuple(cut.to(n_tokens) for cut, n_tokens in zip(cuts, keep, strict=True))


class _Cut:
    """A text that can be cut after any of its tokens."""

    def __init__(self, tokenizer: Any, text: str, name: TextNamer) -> None:
        self._tokenizer, self._text, self._name = tokenizer, text, name
        self._starts = token_starts(tokenizer, text, name) if tokenizer.is_fast else None
        self.n_tokens = self._count(text) if self._starts is None else len(self._starts)

    def to(self, n_tokens: int) -> str:
        """Returns the longest beginning of the text that has ``n_tokens`` tokens."""
        if n_tokens >= self.n_tokens:
            return self._text
        if self._starts is None:  # a tokenizer written in Python does not give the positions of its tokens
            end = bisect_right(range(len(self._text)), n_tokens, key=lambda end: self._count(self._text[:end])) - 1
        else:
            # Some tokenizers begin with a token that covers no character.
            ends = (start for start in self._starts[n_tokens:] if self._text[:start].strip() or not n_tokens)
            end = next(ends, len(self._text))
        return self._text[: min(end, len(self._text) - 1)].rstrip()

    def _count(self, text: str) -> int:
        return len(tokenise(self._tokenizer, [text], self._name, special=False)[0])


def _no_room(reader: InputReader, render: Render, n_texts: int, max_tokens: int, name: str) -> ModelError:
    n_template = len(reader.empty(render, n_texts).ids)
    rule, got = "some of each text", f"the template takes {n_template} and leaves too few for {name}"
    if n_template > max_tokens:
        rule, got = "the template alone", f"has {n_template}"
    return ModelError(
        f"{rule} must fit the {max_tokens} tokens beside the prompt",
        got=got,
        remedy="shorten task.template or use fewer model.prompt_tokens",
    )
