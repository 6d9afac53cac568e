"""A comparison as users hold it: its cells, records for programs, and its tables wherever it is printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zostudy.results.comparison.cell_summary import CellKey
from zostudy.results.comparison.cells import Cells
from zostudy.results.comparison.given import check_known
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.comparison.rank_statistics import RankStatistics, rank_statistics, ranked_names
from zostudy.results.comparison.rank_tables import shown_ranks
from zostudy.results.comparison.ranking import Contrast, average_ranks, contrasts, not_worse_than_best
from zostudy.results.comparison.statistics import CONFIDENCE, paired_test
from zostudy.results.table_formats import html, plain


@dataclass(frozen=True, repr=False)
class Comparison(Cells):
    """The result of ``zostudy.compare``; shown as the tables that ``zostudy compare`` prints."""

    def records(self) -> list[dict[str, Any]]:
        """Returns one flat mapping a cell and metric, with unrounded numbers, for programs to read."""
        shown = {statistics.metric: statistics for statistics in shown_ranks(self)}
        return [record for metric in self.metrics for record in self._records(metric, shown.get(metric))]

    def rank_statistics(self, metric: str) -> RankStatistics | None:
        """Returns the methods' ranks over blocks in a metric of the comparison; None with fewer than three blocks.

        Raises:
            ResultsError: the comparison is not of that metric.
        """
        check_known("a metric of this comparison must be one of", metric, self.metrics)
        return rank_statistics(self, metric)

    def __repr__(self) -> str:
        """Returns the tables that ``zostudy compare`` prints."""
        return plain(*comparison_tables(self))

    def _repr_html_(self) -> str:
        """Returns the same tables for notebooks."""
        return "".join(map(html, comparison_tables(self)))

    def _records(self, metric: str, over_blocks: RankStatistics | None) -> list[dict[str, Any]]:
        ranks, holds = average_ranks(self, metric), not_worse_than_best(self, metric)
        rules: dict[CellKey, list[str]] = {}
        for verdict in self.verdicts:
            if verdict.metric in (None, metric):
                rules.setdefault(verdict.cell.key, []).append(verdict.rule)
        names = ranked_names(self)
        against = {contrast.cell.key: contrast for contrast in contrasts(self, metric)}
        return [
            {
                **dict(zip(self.row_names, cell.row, strict=True)),
                self.by: cell.column,
                "metric": metric,
                "mean": cell.intervals[metric].mean,
                "low": cell.intervals[metric].low,
                "high": cell.intervals[metric].high,
                "confidence": CONFIDENCE,
                **{name: getattr(cell, name) for name in _COUNTS},
                "best": self.is_best(metric, cell),
                "not_worse_than_best": holds[cell.key],
                "verdicts": "; ".join(rules.get(cell.key, [])),
                "needs": cell.needs,
                "average_rank": ranks[cell.row].mean if cell.row in ranks else None,
                "ranked_columns": ranks[cell.row].columns if cell.row in ranks else 0,
                **_over_blocks(names.get(cell.key), over_blocks),
                **(_against(against.get(cell.key), self.baseline) if self.baseline else {}),
            }
            for cell in self.cells
        ]


_NO_TEST = paired_test({}, {})
_COUNTS = ("seeds", "failed", "missing", "search_trials", "budget", "queries", "examples")


def _over_blocks(method: str | None, statistics: RankStatistics | None) -> dict[str, Any]:
    """Returns the rank statistics of a method; None where it has none."""
    rank = next((rank for rank in (statistics.ranks if statistics else ()) if rank.method == method), None)
    found = statistics if rank else None
    return {
        "mean_rank": rank.mean if rank else None,
        "mean_rank_low": rank.low if rank else None,
        "mean_rank_high": rank.high if rank else None,
        "rank_blocks": len(found.blocks) if found else 0,
        "rank_p_value": found.p_value if found else None,
        "critical_difference": found.critical_difference if found else None,
    }


def _against(contrast: Contrast | None, baseline: str) -> dict[str, Any]:
    """Returns the test of a cell against the baseline; without one, each of its values is None."""
    if contrast is None:
        return {"baseline": baseline, **dict.fromkeys(_NO_TEST.record(None)), "effect_size": None}
    test = contrast.test
    return {"baseline": baseline, **test.record(contrast.p_value_holm), "effect_size": test.effect_size}
