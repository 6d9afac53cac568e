"""How long texts are: in characters and words, or in a model's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Lengths:
    """Lengths of texts.

    Attributes:
        unit: ``characters``, ``words`` or ``tokens``. Tokens count the template and the special ones, not the prompt.
        median: half of the texts are at most so long.
        most: 95% of the texts are at most so long.
        longest: of all.
        mean: of all.
    """

    unit: str
    median: int
    most: int
    longest: int
    mean: float

    def __str__(self) -> str:
        return f"{self.unit}: median {self.median:,}, 95% up to {self.most:,}, longest {self.longest:,}"


def lengths_of(unit: str, lengths: Sequence[int]) -> Lengths:
    """Returns the summary of at least one length; quantiles are lengths that occur."""
    median, most = np.quantile(lengths, [0.5, 0.95], method="higher")
    return Lengths(unit, int(median), int(most), max(lengths), float(np.mean(lengths)))
