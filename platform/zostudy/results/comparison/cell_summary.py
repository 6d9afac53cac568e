"""The confirm trials of one method at one imbalance ratio, or in another column, summed up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from zostudy.results.comparison.evidence import Evidence
from zostudy.results.comparison.statistics import Interval, PairedTest, paired_test
from zostudy.results.schema import bounds, lower_is_better

SeedKey: TypeAlias = tuple[int, ...]
"""The key by which confirm trials of two methods are paired."""

RowKey: TypeAlias = tuple[Any, ...]
"""Names a row: the values in which cells differ, then the method."""

CellKey: TypeAlias = tuple[RowKey, Any]
"""Row and column of a cell."""

Block: TypeAlias = tuple[Any, ...]
"""What a cell shares with those that it is ranked and tested against: its row without the method, and its column."""


@dataclass(frozen=True, eq=False)
class CellSummary:
    """The confirm trials of one method at one imbalance ratio, or in another column, summed up.

    Attributes:
        row: one value for each of the comparison's ``row_names``; the last is the method.
        column: the cell's value of what is compared by, such as its imbalance ratio.
        intervals: mean and 95% interval over the complete trials, by metric.
        seeds: complete trials.
        failed: trials that failed; they are in no mean.
        missing: trials still to come: those that another cell of its study and column has and this one lacks, or
            that ran with settings which a later search has improved on.
        budget: queries a trial was allowed.
        queries: queries a complete trial spent, on average.
        examples: examples a complete trial had scored, on average.
        values: of the complete trials by metric and seed, for paired tests.
        search_trials: configurations that the search tried, of which the best gave the settings.
        needs: what the method asks of the model: scores, states or gradients.
        evidence: the facts that verdicts rest on, beside the metrics.
    """

    row: RowKey
    column: Any
    intervals: dict[str, Interval]
    seeds: int
    failed: int
    budget: int
    queries: float
    examples: float
    values: Mapping[str, Mapping[SeedKey, float]] = field(default_factory=dict)
    missing: int = 0
    search_trials: int = 0
    needs: str = "scores"
    evidence: Evidence = field(default_factory=Evidence)
    _tests: dict[tuple[CellSummary, str], PairedTest] = field(default_factory=dict, init=False, repr=False)

    @property
    def is_reference(self) -> bool:
        """True if the method has more access than a black box gives, so that it is compared with no other."""
        return self.needs != "scores"

    @property
    def tunes(self) -> bool:
        """True if the method tunes; the untuned prompt does not, though the choice of its start may take queries."""
        return self.queries > 0 and self.evidence.algorithm != "untuned"

    @property
    def key(self) -> CellKey:
        """Row and column."""
        return self.row, self.column

    @property
    def group(self) -> RowKey:
        """The block without its column."""
        return self.row[:-1]

    @property
    def block(self) -> Block:
        """The block that the cell is ranked and tested in."""
        return (*self.group, self.column)

    @property
    def asked(self) -> int:
        """All its trials, also those that failed or are still to come."""
        return self.seeds + self.failed + self.missing

    @property
    def whole(self) -> bool:
        """True if all its seeds ended; without some, perhaps the hard ones, its mean may be too high."""
        return not self.failed and not self.missing

    def gain(self, metric: str) -> float | None:
        """Returns its mean, or of an error minus it; None while not all its seeds have ended, or without a mean."""
        mean = self.intervals[metric].mean if self.whole else None
        return None if mean is None else gain(metric, mean)

    def test_against(self, other: CellSummary, metric: str) -> PairedTest:
        """Returns the paired test of this cell's values minus another one's. Each test is computed once."""
        if (other, metric) not in self._tests:
            self._tests[other, metric] = paired_test(self.values.get(metric, {}), other.values.get(metric, {}))
        return self._tests[other, metric]


def by_block(cells: Iterable[CellSummary]) -> dict[Block, list[CellSummary]]:
    """Returns the cells of each block, both in the order of the cells."""
    found: dict[Block, list[CellSummary]] = {}
    for cell in cells:
        found.setdefault(cell.block, []).append(cell)
    return found


def possible(test: PairedTest, metric: str) -> PairedTest:
    """Returns a test whose interval is cut at the largest difference that two values of the metric can have."""
    low, high = bounds(metric)
    return replace(test, difference=test.difference.within((low - high, high - low)))


def gain(metric: str, mean: float) -> float:
    """Returns a mean, or of an error minus it: the higher the better."""
    return -mean if lower_is_better(metric) else mean
