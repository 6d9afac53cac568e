"""A text in its template to token ids, and the position where the answer is read.

The position follows from the template: that of its own mask, or of its last word. It is never searched among the ids,
because a text may hold the mask token too. All that a text holds is text, even if it looks like a special token.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from zostudy.config.known import HeadKind
from zostudy.errors import ModelError
from zostudy.lm.tokenizer import TextNamer, tokenise
from zostudy.lm.vocabulary import Frame, find_frame, special_ids, unknown_id

RowTexts = tuple[str, ...]
"""The text of a row and, of a pair, the second text."""
Sides = tuple[str, str]
"""The text before and after the answer."""
Render = Callable[..., Sides]
"""Puts a text, and the second one of a pair, in the template."""

# Stands for the template's mask while the mask token's characters are text.
_STAND_IN = "<answer-goes-here>"


@dataclass(frozen=True)
class Input:
    """An input of the model, without its prompt.

    Attributes:
        ids: special tokens included.
        answer: the position whose state is read: that of the mask, or of the last token.
    """

    ids: list[int]
    answer: int


def input_lengths(tokenizer: Any, head: HeadKind, sides: Sequence[Sides]) -> list[int]:
    """Returns the tokens of each text in its template, special tokens included, the prompt not.

    Raises:
        ModelError: the tokenizer cannot read a text.
    """
    kept = sides if head == "masked" else [(before.rstrip(" "), after) for before, after in sides]
    inputs = InputReader(tokenizer, head).read(kept, lambda index: f"text {index + 1}")
    return [len(each.ids) for each in inputs]


# What can be wrong with a text; the reader adds which text it is.
_OTHER_FRAME = ModelError(
    "a tokenizer must put the same special tokens around every text",
    got="is given others",
    remedy="change that text, or mend the tokenizer's post-processor",
)
_NO_MASK = ModelError(
    "the mask token must be a token of its own where the template puts it",
    got="has none there",
    remedy="put blanks around {mask} in task.template",
)


class InputReader:
    """Turns texts in their template into inputs."""

    def __init__(self, tokenizer: Any, head: HeadKind) -> None:
        """Finds the special tokens that the tokenizer puts around every text.

        Raises:
            ModelError: they cannot be told from the text.
        """
        self._tokenizer, self._head = tokenizer, head
        self.frame = find_frame(tokenizer)
        mask = tokenizer.mask_token if head == "masked" else ""
        self._usual = _LineReader(tokenizer, head, self.frame, mask, special_ids(tokenizer))

    def read(self, sides: Sequence[Sides], name: TextNamer) -> list[Input]:
        """Returns an input for each text.

        A line without special tokens gets the ids that the tokenizer gives it. A line with some is read again, their
        names as ordinary text.

        Raises:
            ModelError: the tokenizer raises at a text, or insists on reading its characters as a special token.
        """
        readings = self._usual.read(sides, name)
        again = [index for index, found in enumerate(readings) if isinstance(found, ModelError)]
        if again:
            plain = self._plain.read([sides[index] for index in again], lambda index: name(again[index]))
            for index, found in zip(again, plain, strict=True):
                readings[index] = found
        return [_checked(found, index, name) for index, found in enumerate(readings)]

    def empty(self, render: Render, n_texts: int) -> Input:
        """Returns the input of the template around empty texts."""
        return self.read([render(*[""] * n_texts)], lambda _: "the template")[0]

    def tokenizer_for(self, text: str, name: TextNamer) -> Any:
        """Returns the tokenizer for a text: the model's, or the one that reads special tokens as characters."""
        [ids] = tokenise(self._tokenizer, [text], name, special=False)
        return self._tokenizer if self._usual.special.keys().isdisjoint(ids) else self._plain.tokenizer

    @cached_property
    def _plain(self) -> _LineReader:
        special = special_ids(self._tokenizer)
        unknown = unknown_id(self._tokenizer)
        if unknown is not None:  # characters become it too
            special.pop(unknown, None)
        if not self._tokenizer.is_fast:  # slow ones would leave out added words as well
            return _LineReader(self._tokenizer, self._head, self.frame, self._usual.mark, special)
        tokenizer = copy.deepcopy(self._tokenizer)
        tokenizer.split_special_tokens = True
        if self._head != "masked":
            return _LineReader(tokenizer, self._head, self.frame, "", special)
        mask = self._tokenizer.added_tokens_decoder[self._tokenizer.mask_token_id]
        habits = {key: getattr(mask, key) for key in ("single_word", "lstrip", "rstrip", "normalized")}
        from tokenizers import AddedToken  # replicas import this module, but not tokenizers

        tokenizer.add_tokens([AddedToken(_STAND_IN, special=False, **habits)])
        special[tokenizer.convert_tokens_to_ids(_STAND_IN)] = _STAND_IN
        return _LineReader(tokenizer, self._head, self.frame, _STAND_IN, special)


def _checked(found: Input | ModelError, index: int, name: TextNamer) -> Input:
    if isinstance(found, ModelError):
        raise ModelError(found.rule, got=f"{name(index)} {found.got}", remedy=found.remedy)
    return found


@dataclass(frozen=True)
class _LineReader:
    """One way to read a line.

    Attributes:
        tokenizer: reads the line.
        head: decides where the answer is read.
        frame: the special tokens around every text.
        mark: stands for the answer in the line; empty if the answer is at the line's end.
        special: the tokens that no text may become, by their ids.
    """

    tokenizer: Any
    head: HeadKind
    frame: Frame
    mark: str
    special: dict[int, str]

    def read(self, sides: Sequence[Sides], name: TextNamer) -> list[Input | ModelError]:
        """Returns for each text its input, or an error that lacks only the text's name."""
        lines = tokenise(self.tokenizer, [f"{before}{self.mark}{after}" for before, after in sides], name)
        if self.head != "masked":
            return [self._at_end(ids) for ids in lines]
        starts = tokenise(self.tokenizer, [f"{before}{self.mark}" for before, _ in sides], name, special=False)
        mark = self.tokenizer.convert_tokens_to_ids(self.mark)
        return [self._at_mask(ids, start, mark) for ids, start in zip(lines, starts, strict=True)]

    def _at_end(self, ids: list[int]) -> Input | ModelError:
        body = self.frame.inside(ids)
        if body is None:
            return _OTHER_FRAME
        # A special token behind the last word would be read instead of that word.
        kept = [*self.frame.lead, *body] if self.head == "causal" else ids
        return self._special_in(body) or Input(kept, len(kept) - 1)

    def _at_mask(self, ids: list[int], start: list[int], mark: int) -> Input | ModelError:
        body = self.frame.inside(ids)
        if body is None:
            return _OTHER_FRAME
        before, after = start[:-1], body[len(start) :]
        if body[: len(start)] != start or start[-1:] != [mark]:
            return _NO_MASK
        answer = len(self.frame.lead) + len(before)
        kept = [*ids[:answer], self.tokenizer.mask_token_id, *ids[answer + 1 :]]
        return self._special_in([*before, *after]) or Input(kept, answer)

    def _special_in(self, ids: list[int]) -> ModelError | None:
        if self.special.keys().isdisjoint(ids):
            return None
        found = next(self.special[id] for id in ids if id in self.special)
        rule = "a text must hold no special token that the tokenizer cannot read as characters"
        return ModelError(rule, got=f"holds {found!r}", remedy="change that text")
