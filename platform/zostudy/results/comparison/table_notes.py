"""The notes under the tables of a comparison: verdicts, and what the numbers, marks and tests rest on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from zostudy.results.comparison.cell_summary import CellKey, CellSummary, RowKey
from zostudy.results.comparison.cells import Cells
from zostudy.results.comparison.rank_tables import rank_notes, shown_ranks
from zostudy.results.comparison.ranking import Contrast, Rank, average_ranks, contrasts
from zostudy.results.comparison.statistics import LEAST_PAIRS, SIGNIFICANCE
from zostudy.results.comparison.verdicts import Verdict
from zostudy.results.comparison.way_to_gradients import way_notes
from zostudy.results.decision import ENOUGH_ROWS
from zostudy.results.schema import AT_DEV_THRESHOLD
from zostudy.results.table_formats import value_text
from zostudy.wording import counted

NOT_WORSE, UNTESTED = "†", "‡"

MOST_ROWS = 6
"""Rows whose cells a line names; records hold the verdicts on all."""


def comparison_notes(cells: Cells) -> list[str]:
    """Returns the notes of the tables without those that explain marks, for readers of ``records``."""
    notes = [note for metric in cells.metrics for note in column_rank_notes(cells, average_ranks(cells, metric))]
    notes += [*way_notes(cells, cells.metrics[0]), *verdict_notes(cells, cells.metrics), *verdict_notes(cells, [None])]
    found = [contrast for metric in cells.metrics for contrast in contrasts(cells, metric)]
    return list(dict.fromkeys([*notes, *cell_notes(cells), *untested_notes(found), *rank_notes(shown_ranks(cells))]))


def verdict_notes(cells: Cells, metrics: Collection[str | None]) -> list[str]:
    """Returns lines such as ``Did not move: zosa at ratio 1 (...), 10 (...). To change: raise search.trials``.

    A verdict that several metrics give is listed under the first of them only.

    Args:
        cells: of a comparison.
        metrics: of the verdicts; None for the verdicts on cells as a whole.
    """
    first: dict[tuple[str, CellKey], str | None] = {}
    grouped: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in cells.verdicts:
        is_first = first.setdefault((verdict.rule, verdict.cell.key), verdict.metric) == verdict.metric
        if is_first and verdict.metric in metrics:
            grouped.setdefault((verdict.title, verdict.setting), []).append(verdict)
    return [f"{title}: {_listed(cells, of)}. To change: {setting}." for (title, setting), of in grouped.items()]


def _listed(cells: Cells, found: Sequence[Verdict]) -> str:
    """Returns the cells of each row with their figures. A figure that all cells share stands once, at the end."""
    by_row: dict[RowKey, list[Verdict]] = {}
    for verdict in found:
        by_row.setdefault(verdict.cell.row, []).append(verdict)
    shared = len(found) > 1 and len({_figure(verdict) for verdict in found}) == 1
    by, named = cells.by.removeprefix("imbalance_"), []
    for row, of_row in list(by_row.items())[:MOST_ROWS]:
        columns = (cells.heading(each.cell.column) + ("" if shared else f" ({_figure(each)})") for each in of_row)
        named.append(f"{' '.join(map(value_text, row))} at {by} {', '.join(columns)}")
    if len(by_row) > MOST_ROWS:
        named.append(f"and {counted(len(by_row) - MOST_ROWS, 'more row')}")
    return "; ".join(named) + (f" (each {_figure(found[0])})" if shared else "")


def _figure(verdict: Verdict) -> str:
    return verdict.figure or verdict.fact


def untested_notes(found: Sequence[Contrast]) -> list[str]:
    """Returns why differences of a table have no p-value; nothing if all have one."""
    untested = {contrast.test.has_too_few_pairs for contrast in found if contrast.test.p_value is None}
    notes = {
        True: f"Too few seeds: a test needs {LEAST_PAIRS} that both methods have; confirm more (confirm.seeds).",
        False: "No p and g where the difference is the same in every seed: there is no spread to test it against.",
    }
    return [note for too_few, note in notes.items() if too_few in untested]


def column_rank_notes(cells: Cells, ranks: Mapping[RowKey, Rank]) -> list[str]:
    """Returns over how many columns ranks are averaged, unless it is all of them."""
    n_columns, counts = len(cells.columns), {rank.columns for rank in ranks.values()}
    if n_columns == 1 or counts <= {n_columns}:
        return []
    return [f"rank: over {count_range(counts)} of {n_columns} columns, those in which every method has all its seeds."]


def decision_notes(cells: Cells) -> list[str]:
    """Returns a note on the two decisions, if a metric at the threshold is compared."""
    if not any(metric.endswith(AT_DEV_THRESHOLD) for metric in cells.metrics):
        return []
    return [
        "argmax: the class with the highest score. threshold: one between the two classes that dev chose, by search "
        f"with {ENOUGH_ROWS} dev rows or more of each class, else as the middle of the class means. "
        "Each decision has its own best and ranks."
    ]


def mark_notes(cells: Cells, marks: set[str]) -> list[str]:
    """Returns a note on each mark that the tables show."""
    notes = {
        NOT_WORSE: "not significantly worse than the best of its column (paired t test over the seeds, "
        f"p > {SIGNIFICANCE:g}, not corrected for the number of methods).",
        UNTESTED: "not tested against the best of its column: a test needs every confirm seed of both cells, at least "
        f"{LEAST_PAIRS} seeds that they share, and differences that vary from seed to seed.",
    }
    lacking = [cell for cell in cells.cells if any(shows_seeds(cell, metric) for metric in cells.metrics)][:1]
    return [
        *(f"{mark} {note}" for mark, note in notes.items() if mark in marks),
        *(f"({cell.seeds}/{cell.asked}): {cell.seeds} of {cell.asked} seeds ended." for cell in lacking),
    ]


def shows_seeds(cell: CellSummary, metric: str) -> bool:
    """Returns whether a cell tells how many of its seeds ended; a cell that says "failed" does not."""
    return bool(cell.missing or (cell.failed and cell.intervals[metric].mean is not None))


def cell_notes(cells: Cells) -> list[str]:
    """Returns notes on references, budgets, searches and lost seeds, then those of the comparison itself."""
    failed, missing = (sum(getattr(cell, count) for cell in cells.cells) for count in ("failed", "missing"))
    searched = {cell.search_trials for cell in cells.cells if cell.tunes}
    notes = []
    if cells.references:
        notes.append(f"Below the line: {reference_note(cells)}")
    if "sharpness" in cells.metrics:
        notes.append("Compare sharpness at equal train_loss alone: around a point that has hardly moved it is low too.")
    if not {"budget", "batch_size"}.isdisjoint(cells.row_names):
        notes.append("Budgets differ: only cells of one budget are compared. Side by side: `by` budget.")
    if cells.unequal:
        notes.append("Budgets differ: scores of more queries are no sign of a better method.")
    if len(searched) > 1:
        notes.append(
            f"Search trials of a cell differ ({count_range(searched)}): settings that are the best of more trials are "
            "no sign of a better method."
        )
    if any(cell.seeds < 2 for cell in cells.cells):
        notes.append("No interval where fewer than 2 seeds ended.")
    if failed:
        notes.append(
            f"Confirm trials that failed: {failed}. They are in no mean, and a cell that lost seeds is not called "
            "best; the column error of trials says why."
        )
    if missing:
        notes.append(f"Confirm trials still to come: {missing}. A cell that waits for seeds is not called best.")
    return [*notes, *_baseline_notes(cells), *cells.notes]


def reference_note(cells: Cells) -> str:
    """Returns the note on references, each with its needs of the model; empty without references."""
    needs = {cell.row[-1]: cell.needs for cell in cells.cells if cell.is_reference}
    named = ", ".join(f"{method} ({need})" for method, need in needs.items())
    more = "They need more of the model than a black box gives, so they are neither ranked nor tested with the others."
    return f"{named}. {more}" if needs else ""


def _baseline_notes(cells: Cells) -> list[str]:
    if cells.baseline is None:
        return []
    of_baseline = {cell.block for cell in cells.cells if cell.row[-1] == cells.baseline}
    of_others = {cell.block for cell in cells.ranked if cell.row[-1] != cells.baseline}
    if not of_baseline:
        return [f"No tests: {cells.baseline} has no confirm trial yet."]
    if not of_baseline & of_others:
        return [f"No tests: no other method has a confirm trial beside {cells.baseline}."]
    return []


def count_range(values: Iterable[float]) -> str:
    """Returns the least and the greatest count, such as ``3`` or ``2-3``."""
    counts = [*values]
    low, high = min(counts), max(counts)
    return f"{low:,.0f}" if low == high else f"{low:,.0f}-{high:,.0f}"
