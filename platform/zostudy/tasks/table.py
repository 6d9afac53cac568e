"""Texts and labels, as every part of zostudy holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zostudy.digests import short_digest
from zostudy.tasks.sizes import Available

RowNumbers = NDArray[np.int32]


@dataclass(frozen=True)
class Candidates:
    """The rows that draws may take.

    Attributes:
        train: those of each class, in label order.
        dev: those of a dev split of its own; None where dev is drawn from ``train``.
        left_out: repeats, and texts that also occur in test, or in that dev split.
    """

    train: tuple[RowNumbers, ...]
    dev: tuple[RowNumbers, ...] | None
    left_out: int

    @property
    def available(self) -> Available:
        """How many there are of each class."""
        return Available(tuple(map(len, self.train)), None if self.dev is None else tuple(map(len, self.dev)))


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

    @cached_property
    def candidates(self) -> Candidates:
        """The rows that draws may take."""
        seen = {self.row_texts(row) for row in self.splits["test"]}
        of_split: dict[str, tuple[RowNumbers, ...]] = {}
        left_out = 0
        for split in (name for name in ("dev", "train") if name in self.splits):
            fresh = []
            for row in self.splits[split]:
                if (key := self.row_texts(row)) in seen:
                    left_out += 1
                else:
                    seen.add(key)
                    fresh.append(row)
            rows = np.array(fresh, np.int32)
            of_split[split] = tuple(rows[self.labels[rows] == label] for label in range(self.n_classes))
        return Candidates(of_split["train"], of_split.get("dev"), left_out)

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
