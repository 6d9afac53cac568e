"""A comparison as users hold it: its cells, records for programs, and its tables wherever it is printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zostudy.results.cell_summary import CellKey
from zostudy.results.cells import Cells
from zostudy.results.comparison_tables import comparison_tables
from zostudy.results.ranking import Contrast, average_ranks, contrasts, not_worse_than_best
from zostudy.results.statistics import CONFIDENCE
from zostudy.results.tables import html, plain


@dataclass(frozen=True, repr=False)
class Comparison(Cells):
    """What ``zostudy.compare`` returns; shown as the tables that ``zostudy compare`` prints."""

    def records(self) -> list[dict[str, Any]]:
        """Returns one flat mapping a cell and metric, with unrounded numbers, for programs to read."""
        return [record for metric in self.metrics for record in self._records(metric)]

    def __repr__(self) -> str:
        """Returns the tables that ``zostudy compare`` prints."""
        return plain(*comparison_tables(self))

    def _repr_html_(self) -> str:
        """Returns the same tables for notebooks."""
        return "".join(map(html, comparison_tables(self)))

    def _records(self, metric: str) -> list[dict[str, Any]]:
        ranks, holds = average_ranks(self, metric), not_worse_than_best(self, metric)
        rules: dict[CellKey, list[str]] = {}
        for verdict in self.verdicts:
            if verdict.metric in (None, metric):
                rules.setdefault(verdict.cell.key, []).append(verdict.rule)
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
                **(_against(against.get(cell.key), self.baseline) if self.baseline else {}),
            }
            for cell in self.cells
        ]


_COUNTS = ("seeds", "failed", "missing", "search_trials", "budget", "queries", "examples")


def _against(contrast: Contrast | None, baseline: str) -> dict[str, Any]:
    test = contrast.test if contrast else None
    return {
        "baseline": baseline,
        "pairs": test.pairs if test else None,
        "difference": test.difference.mean if test else None,
        "difference_low": test.difference.low if test else None,
        "difference_high": test.difference.high if test else None,
        "p_value": test.p_value if test else None,
        "p_value_holm": contrast.p_value_holm if contrast else None,
        "effect_size": test.effect_size if test else None,
    }
