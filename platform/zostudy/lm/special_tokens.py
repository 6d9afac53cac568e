"""A tokenizer's special tokens: which they are, and which of them it puts around every text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zostudy.errors import ModelError
from zostudy.lm.tokenizer import tokenise

_LETTERS = ("a", "A", "e", "the", "0", ".")


@dataclass(frozen=True)
class Frame:
    """The special tokens around a text.

    Attributes:
        lead: ids before it, such as that of ``<s>`` or ``[CLS]``; no prompt stands in front of these.
        trail: ids after it, such as that of ``</s>`` or ``[SEP]``.
    """

    lead: tuple[int, ...]
    trail: tuple[int, ...]

    def inside(self, ids: Sequence[int]) -> list[int] | None:
        """Returns the ids without the frame, or None where they do not stand in it."""
        start, stop = len(self.lead), len(ids) - len(self.trail)
        if stop < start or tuple(ids[:start]) != self.lead or tuple(ids[stop:]) != self.trail:
            return None
        return list(ids[start:stop])


def find_frame(tokenizer: Any) -> Frame:
    """Returns the special tokens that a tokenizer puts around a text.

    Raises:
        ModelError: they cannot be told from the text's own tokens.
    """
    refusal: ModelError | None = None
    for letters in _LETTERS:
        try:
            [bare] = tokenise(tokenizer, [letters], lambda _: f"the text {letters!r}", special=False)  # noqa: B023
            [whole] = tokenise(tokenizer, [letters], lambda _: f"the text {letters!r}")  # noqa: B023
        except ModelError as error:  # an alphabet without this letter
            refusal = refusal or error
            continue
        starts = [start for start in range(len(whole)) if bare and whole[start : start + len(bare)] == bare]
        if len(starts) == 1:
            return Frame(tuple(whole[: starts[0]]), tuple(whole[starts[0] + len(bare) :]))
    raise refusal or ModelError(
        "a tokenizer must put the same special tokens around every text, but this one's cannot be told from the tokens "
        f"of a text such as {_LETTERS[0]!r}; mend its vocabulary or its post-processor"
    )


def special_ids(tokenizer: Any) -> dict[int, str]:
    """Returns the special tokens that a text may not hold, by their ids.

    A special token of one character is left out: a ``!`` that pads is a ``!`` in a text all the same.
    """
    added = {id: token.content for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    named = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    return {id: token for id, token in {**added, **named}.items() if len(token) > 1}


def unknown_id(tokenizer: Any) -> int | None:
    """Returns the id that stands for what the vocabulary lacks, or None where it stands for something else too."""
    roles = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id]
    unknown: int | None = tokenizer.unk_token_id
    return None if unknown in [*roles, tokenizer.mask_token_id] else unknown
