"""The contents of several comparisons, a line each: the last table where studies take more than one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from zostudy.results.comparison.cells import Cells
from zostudy.results.table_formats import Table
from zostudy.wording import comma_list

SCOPE = ("study", "model", "task", "budget", "method")
"""The names in the ``scope`` of a comparison among several; each but the first is a column of ``trials``."""


def contents(comparisons: Sequence[Cells]) -> Table:
    """Returns a row for each comparison, which has a ``scope``: its studies, their contents, and the best method."""
    metric = comparisons[0].metrics[0]
    *named, methods = SCOPE
    return Table(
        columns=("table", *named, "methods", f"best in {metric}"),
        rows=tuple(
            (
                str(number),
                *(comma_list(map(str, of.scope[name])) for name in named),
                str(len(of.scope[methods])),
                _best(of, metric),
            )
            for number, of in enumerate(comparisons, 1)
        ),
        title="what the tables above are of",
        notes=(
            "Best: the method that is the best of the most columns, of those with a best one; all such methods, if "
            "several tie. The studies of one table alone, with `metric`, `by` and `baseline`, answer more.",
        ),
        text_columns=len(named) + 3,
    )


def _best(cells: Cells, metric: str) -> str:
    counts = Counter(str(cell.row[-1]) for cell in cells.ranked if cells.is_best(metric, cell))
    if not counts:
        return "-"
    most = max(counts.values())
    methods = [method for method, count in counts.items() if count == most]
    return f"{comma_list(methods)} ({most} of {counts.total()}{' each' if len(methods) > 1 else ''})"
