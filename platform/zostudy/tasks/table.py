"""Texts and labels, as every part of zostudy holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zostudy.digests import short_digest


@dataclass(frozen=True)
class TextTable:
    """Texts with labels.

    Attributes:
        texts: one text a row, n in all.
        second_texts: the second text of pair tasks, n in all, or None.
        labels: int32 ``[n]``, classes counted from 0.
        class_names: the name of each class, in label order.
        splits: row numbers (int64) of each split; ``train`` and ``test`` are always there.
    """

    texts: tuple[str, ...]
    second_texts: tuple[str, ...] | None
    labels: NDArray[np.int32]
    class_names: tuple[str, ...]
    splits: dict[str, NDArray[np.int64]]

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def used_rows(self) -> NDArray[np.int64]:
        """The rows of all splits, ascending, int64."""
        return np.sort(np.concatenate(list(self.splits.values())))

    def row_texts(self, row: int) -> tuple[str, ...]:
        """Returns the text of a row and, in a pair task, its second text."""
        return (self.texts[row],) if self.second_texts is None else (self.texts[row], self.second_texts[row])

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of a SHA-256 of the whole table: equal exactly for equal tables."""
        return short_digest(piece for part in self._parts() for piece in (len(part).to_bytes(8, "little"), part))

    def _parts(self) -> Iterator[bytes]:
        splits = sorted(self.splits)
        for texts in (self.texts, self.second_texts or (), self.class_names, splits):
            yield np.fromiter(map(len, texts), "<i8").tobytes()
            yield "".join(texts).encode("utf-8", "surrogatepass")
        yield self.labels.astype("<i4").tobytes()
        for name in splits:
            yield self.splits[name].astype("<i8").tobytes()
