"""A tokenizer's tokens: the special ones, those around every text, and those that the model has a row for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import ModelError
from zostudy.lm.finding import load_config
from zostudy.lm.sources import ModelSource
from zostudy.lm.tokenizer import TextNamer, tokenise

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
        """Returns the ids without the frame, or None for ids that are not framed so."""
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
        "a tokenizer must put the same special tokens around every text",
        got=f"this one's cannot be told from the tokens of a text such as {_LETTERS[0]!r}",
        remedy="mend its vocabulary or its post-processor",
    )


def special_ids(tokenizer: Any) -> dict[int, str]:
    """Returns the special tokens that a text may not hold, by their ids.

    A special token of one character is left out: a ``!`` that pads is a ``!`` in a text all the same.
    """
    added = {id: token.content for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    named = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    return {id: token for id, token in {**added, **named}.items() if len(token) > 1}


def unknown_id(tokenizer: Any) -> int | None:
    """Returns the id of the unknown token, or None if the tokenizer has none or uses it for something else too."""
    roles = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id]
    unknown: int | None = tokenizer.unk_token_id
    return None if unknown in [*roles, tokenizer.mask_token_id] else unknown


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that a model can be given.

    Attributes:
        tokenizer: the model's.
        n_rows: of the model's embedding table.
    """

    tokenizer: Any
    n_rows: int

    @property
    def tokens(self) -> list[int]:
        """The ids of all tokens that have a row, ascending. The table may have more rows, which nothing uses."""
        return sorted(id for id in set(self.tokenizer.get_vocab().values()) if 0 <= id < self.n_rows)

    @property
    def start_tokens(self) -> NDArray[np.int32]:
        """The ids that a prompt may start from, int32: all tokens but the special ones."""
        special = {*special_ids(self.tokenizer), *self.tokenizer.all_special_ids}
        return np.asarray([id for id in self.tokens if id not in special], dtype=np.int32)

    def check(self, texts: Iterable[Iterable[int]], name: TextNamer) -> None:
        """Checks that every id of every text has a row; ``name`` names a text in the error.

        Raises:
            ModelError: an id has none.
        """
        n_tokens = len(self.tokenizer)
        for index, ids in enumerate(texts):
            beyond = max(ids, default=0)
            if beyond >= self.n_rows:
                token = self.tokenizer.convert_ids_to_tokens(beyond)
                raise ModelError(
                    "every token must have a row of the model's embedding table",
                    got=f"{name(index)} has token {beyond} ({token!r}), the tokenizer has {n_tokens} tokens and the "
                    f"model {self.n_rows} rows",
                    remedy="use the tokenizer that the model was trained with, or save the model after "
                    f"resize_token_embeddings({n_tokens})",
                )


def find_vocabulary(source: ModelSource, tokenizer: Any) -> Vocabulary:
    """Returns the tokens that a model can be given.

    Raises:
        ModelError: the model's configuration cannot be loaded.
    """
    return Vocabulary(tokenizer, load_config(source).get_text_config().vocab_size)
