"""The one shape in which texts and labels travel through zostudy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
