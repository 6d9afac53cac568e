"""What a study will take: the plan, an example of each class, what the budget buys, and the expected time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zostudy.console.dry_run_examples import budget_lines, example_table
from zostudy.console.progress import duration
from zostudy.results.classes import class_table
from zostudy.results.table_formats import Table, plain
from zostudy.search.cautions import cautions
from zostudy.search.estimate import Estimate
from zostudy.search.prepare import PreparedStudy
from zostudy.wording import counted


@dataclass(frozen=True, repr=False)
class DryRun:
    """What ``zostudy.dry_run`` returns; shown as what ``zostudy run --dry-run`` prints.

    Attributes:
        study: the study, with its plan, data and classes.
        expected: the work and the seconds that it will take.
    """

    study: PreparedStudy
    expected: Estimate

    def __repr__(self) -> str:
        """Returns the lines that ``zostudy run --dry-run`` prints."""
        return "\n".join([*plan_lines(self.study), *expectation_lines(self.study, self.expected)])


def plan_lines(study: PreparedStudy) -> Iterator[str]:
    """Yields what is known of a study before its model is timed: cells, classes, examples and notes."""
    yield f"{plain(_cells(study), class_table(study.classes), example_table(study))}\n"
    yield str(study.task.rows)
    yield from (f"note: {note}" for note in _notes(study))
    yield from cautions(study.plan, study.data)
    yield _dtype(study.plan.spec.model.dtype)


def expectation_lines(study: PreparedStudy, expected: Estimate) -> Iterator[str]:
    """Yields how well the evaluator agrees, what the budget buys, and the work and time of the whole study."""
    yield expected.agreement.line
    evaluated = "dev, test and the loss landscape" if study.plan.spec.confirm.landscape else "dev and test"
    search = study.plan.spec.search
    at_most = "" if search.pruning == "none" and search.seeds == 1 else "at most "
    yield ""
    yield from budget_lines(study)
    yield (
        f"{len(study.plan.cells)} cells, {study.plan.n_trials} trials, {at_most}{study.plan.n_queries:,} queries "
        f"({expected.tuning_examples:,} examples), {expected.evaluation_examples:,} examples to evaluate {evaluated}"
    )
    yield (
        f"{at_most}about {duration(expected.seconds)} on {counted(expected.n_replicas, 'replica')} of this machine "
        f"({expected.examples_per_second:,.0f} examples/s each) if nothing else runs, start-up not counted"
    )


def _dtype(dtype: str) -> str:
    """Returns what is known of the dtype before a run measures its noise."""
    if dtype == "auto":
        return "dtype: auto is decided when the study runs, by a measurement; the time below is of float32"
    return f"dtype: {dtype}"


def _notes(study: PreparedStudy) -> list[str]:
    left_out = max(draw.left_out for draw in study.data.draws.values())
    repeats = f"{left_out:,} rows of train are not drawn: their text repeats, or occurs in test"
    return [*study.task.notes, *study.unused, *([repeats] if left_out else []), *study.wording_lines]


def _cells(study: PreparedStudy) -> Table:
    plan = study.plan
    rows = []
    for cell in plan.cells:
        draw = study.data.draws[cell.imbalance_ratio, plan.seed(plan.replicates[-1])]
        rows.append(
            (
                cell.name,
                ", ".join(cell.space) or "-",
                f"{draw.n_minority:,}/{draw.n_majority:,}",
                f"{len(draw.dev_rows):,}",
                f"{len(draw.test_rows):,}",
                f"{cell.n_search} x {cell.n_seeds}" if cell.n_search and cell.n_seeds > 1 else str(cell.n_search),
                str(cell.n_confirm),
                f"{cell.n_trials * plan.queries(cell):,}",
            )
        )
    columns = ("cell", "searched", "minority/majority", "dev", "test", "search", "confirm", "queries")
    return Table(columns, tuple(rows), text_columns=2)
