"""The tokens of a tokenizer against the rows of its model's embedding table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import ModelError
from zostudy.lm.sources import ModelSource, load_config
from zostudy.lm.tokenizer import Name


@dataclass(frozen=True)
class Vocabulary:
    """Which tokens a model can be given.

    Attributes:
        tokenizer: the model's.
        n_rows: of the model's embedding table.
    """

    tokenizer: Any
    n_rows: int

    @property
    def tokens(self) -> list[int]:
        """The ids that are tokens, and have a row, ascending; the table may have more rows, which nothing uses."""
        return sorted(id for id in set(self.tokenizer.get_vocab().values()) if 0 <= id < self.n_rows)

    @property
    def start_tokens(self) -> NDArray[np.int32]:
        """The ids that a prompt may start from, int32: all tokens but the special ones."""
        special = set(self.tokenizer.all_special_ids)
        return np.asarray([id for id in self.tokens if id not in special], dtype=np.int32)

    def check(self, texts: Iterable[Iterable[int]], name: Name) -> None:
        """Checks that every token has a row.

        Args:
            texts: the ids of each text.
            name: names a text in an error.

        Raises:
            ModelError: a token has none.
        """
        for index, ids in enumerate(texts):
            beyond = max(ids, default=0)
            if beyond >= self.n_rows:
                raise ModelError(
                    f"every token must have a row of the model's embedding table, but {name(index)} has token {beyond} "
                    f"({self.tokenizer.convert_ids_to_tokens(beyond)!r}), the tokenizer has {len(self.tokenizer)} "
                    f"tokens and the model {self.n_rows} rows; use the tokenizer that the model was trained with, or "
                    f"save the model after resize_token_embeddings({len(self.tokenizer)})"
                )


def find_vocabulary(source: ModelSource, tokenizer: Any) -> Vocabulary:
    """Returns the tokens that a model can be given.

    Raises:
        ModelError: the model's configuration cannot be loaded.
    """
    return Vocabulary(tokenizer, load_config(source).get_text_config().vocab_size)
