"""A comparison as tables for people: one a metric, and one of the differences to a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from zostudy.results.comparison.cell_summary import CellKey, CellSummary, RowKey
from zostudy.results.comparison.cells import Cells
from zostudy.results.comparison.rank_tables import rank_notes, rank_tables, shown_ranks
from zostudy.results.comparison.ranking import Contrast, Rank, average_ranks, contrasts, not_worse_than_best
from zostudy.results.comparison.statistics import CONFIDENCE, LEAST_PAIRS, SIGNIFICANCE
from zostudy.results.comparison.verdict_notes import verdict_notes
from zostudy.results.comparison.way_to_gradients import way_notes
from zostudy.results.decision import ENOUGH_ROWS
from zostudy.results.schema import AT_DEV_THRESHOLD, LOSSES
from zostudy.results.table_formats import Table, p_value_text, value_text

NOT_WORSE, UNTESTED = "†", "‡"

_OF_THE_LOSS = ("sharpness", *LOSSES)
"""Metrics that share a table: a sharpness is read beside the loss that it was measured at."""


def comparison_tables(cells: Cells) -> list[Table]:
    """Returns one table a metric: rows are methods, columns imbalance ratios, with ranks and queries spent.

    A metric of argmax and the same one at the threshold of dev share a table, a row each, and so do sharpness and
    losses. With a baseline, tables of the differences to it follow each. Verdicts in a metric stand under its table.
    Under the first table also stands how far the methods are on the way to true gradients; under the last metric's
    table stand the verdicts on cells as a whole, and the notes. Mean ranks over blocks of several studies come last.
    """
    marks = {metric: _marks(cells, metric) for metric in cells.metrics}
    ranks = {metric: average_ranks(cells, metric) for metric in cells.metrics}
    together = _together(cells.metrics)
    tables = []
    for metrics in together:
        notes = list(dict.fromkeys(note for metric in metrics for note in _rank_notes(cells, ranks[metric])))
        notes += [*(way_notes(cells, metrics[0]) if metrics is together[0] else ()), *verdict_notes(cells, metrics)]
        if metrics is together[-1]:
            used = {mark for marked in marks.values() for mark in marked.values()}
            notes += [*verdict_notes(cells, [None]), *_decision_notes(cells), *_mark_notes(cells, used), *_notes(cells)]
        tables.append(_table(cells, metrics, marks, ranks, tuple(notes)))
        if cells.baseline is not None:
            found = {metric: contrasts(cells, metric) for metric in metrics}
            tables += [_differences(cells, metric, cells.baseline, of) for metric, of in found.items() if of]
    return [*tables, *rank_tables(cells)]


def _together(metrics: Iterable[str]) -> list[tuple[str, ...]]:
    """Returns the metrics of each table."""
    groups: dict[str, dict[str, None]] = {}
    for metric in metrics:
        table = "loss" if metric in _OF_THE_LOSS else metric.removesuffix(AT_DEV_THRESHOLD)
        groups.setdefault(table, {})[metric] = None
    return [tuple(group) for group in groups.values()]


def comparison_notes(cells: Cells) -> list[str]:
    """Returns the notes of the tables without those that explain marks, for readers of ``records``."""
    notes = [note for metric in cells.metrics for note in _rank_notes(cells, average_ranks(cells, metric))]
    notes += [*way_notes(cells, cells.metrics[0]), *verdict_notes(cells, cells.metrics), *verdict_notes(cells, [None])]
    found = [contrast for metric in cells.metrics for contrast in contrasts(cells, metric)]
    return list(dict.fromkeys([*notes, *_notes(cells), *_test_notes(found), *rank_notes(shown_ranks(cells))]))


def _table(
    cells: Cells,
    metrics: Sequence[str],
    marks: Mapping[str, Mapping[CellKey, str]],
    ranks: Mapping[str, Mapping[RowKey, Rank]],
    notes: tuple[str, ...],
) -> Table:
    by_key, columns = {cell.key: cell for cell in cells.cells}, cells.columns
    has_ranks = len(cells.rows) - len(cells.references) > 1 and len(columns) > 1
    names = (*cells.row_names, *(["metric" if metrics[0] in _OF_THE_LOSS else "decision"] if len(metrics) > 1 else []))
    rows: list[tuple[str, ...]] = []
    best: set[tuple[int, int]] = set()
    for row, metric in product(cells.rows, metrics):
        across = [by_key.get((row, column)) for column in columns]
        best |= {(len(rows), len(names) + j) for j, cell in enumerate(across) if cell and cells.is_best(metric, cell)}
        there = [cell for cell in across if cell]
        rows.append(
            (
                *map(value_text, row),
                *((_row_name(metric),) if len(metrics) > 1 else ()),
                *(_cell_text(cell, metric, marks[metric]) if cell else "-" for cell in across),
                *((_rank_text(ranks[metric].get(row)),) if has_ranks else ()),
                _range(cell.queries for cell in there),
                _range(cell.examples for cell in there),
            )
        )
    seeds = _range(cell.asked for cell in cells.cells)
    measured = dict.fromkeys(metric.removesuffix(AT_DEV_THRESHOLD) for metric in metrics)
    title = ", ".join(measured) if len(metrics) > 1 else metrics[0]
    return Table(
        columns=(
            *names,
            *map(cells.heading, columns),
            *(["rank"] if has_ranks else []),
            "queries",
            "examples",
        ),
        rows=tuple(rows),
        title=f"{title} by {cells.by}: mean ({CONFIDENCE:.0%} interval) over {seeds} confirm seeds",
        notes=notes,
        text_columns=len(names),
        best=frozenset(best),
        below=len(cells.references) * len(metrics),
    )


def _row_name(metric: str) -> str:
    """Returns what tells the rows of a method apart where several metrics share a table."""
    if metric in _OF_THE_LOSS:
        return metric
    return "threshold" if metric.endswith(AT_DEV_THRESHOLD) else "argmax"


def _rank_text(rank: Rank | None) -> str:
    return "-" if rank is None else f"{rank.mean:.1f}"


def _marks(cells: Cells, metric: str) -> dict[CellKey, str]:
    """Returns the marks of cells beside the best one: not worse than it, or not tested against it."""
    holds = not_worse_than_best(cells, metric)
    beside_the_best = [
        cell.key
        for cell in cells.cells
        if not cell.is_reference
        and cell.intervals[metric].mean is not None
        and cells.best(metric, cell.column, cell.group) is not None
        and not cells.is_best(metric, cell)
    ]
    return {key: NOT_WORSE if holds[key] else UNTESTED for key in beside_the_best if holds[key] is not False}


def _cell_text(cell: CellSummary, metric: str, marks: Mapping[CellKey, str]) -> str:
    interval = cell.intervals[metric]
    if interval.mean is None and not cell.missing:
        return "failed" if cell.failed else "no value"
    seeds = f" ({cell.seeds}/{cell.asked})" if _shows_seeds(cell, metric) else ""
    return f"{interval:.3f}{seeds}{marks.get(cell.key, '')}"


def _shows_seeds(cell: CellSummary, metric: str) -> bool:
    """Returns whether a cell tells how many of its seeds ended; a cell that says "failed" does not."""
    return bool(cell.missing or (cell.failed and cell.intervals[metric].mean is not None))


def _differences(cells: Cells, metric: str, baseline: str, found: Sequence[Contrast]) -> Table:
    n_tests = sum(contrast.test.p_value is not None for contrast in found)
    explained = (
        f"p: paired t test, two-sided, Holm's correction for the tests of this table ({n_tests}). "
        "g: Hedges' g of paired differences (mean / standard deviation, corrected for small samples)."
    )
    return Table(
        columns=(*cells.row_names, cells.by, f"difference to {baseline}", "p", "g", "seeds"),
        rows=tuple(_difference(contrast, cells.heading(contrast.cell.column)) for contrast in found),
        title=f"{metric} against {baseline}: mean difference ({CONFIDENCE:.0%} interval) over the seeds that both have",
        notes=(explained, *_test_notes(found)),
        text_columns=len(cells.row_names),
    )


def _difference(contrast: Contrast, column: str) -> tuple[str, ...]:
    test = contrast.test
    return (
        *map(value_text, contrast.cell.row),
        column,
        f"{test.difference:+.3f}",
        _p_value(contrast),
        "-" if test.effect_size is None else f"{test.effect_size:+.2f}",
        str(test.pairs),
    )


def _p_value(contrast: Contrast) -> str:
    p_value = contrast.p_value_holm
    if p_value is None:
        return "too few seeds" if contrast.test.has_too_few_pairs else "-"
    return p_value_text(p_value)


def _test_notes(found: Sequence[Contrast]) -> list[str]:
    untested = {contrast.test.has_too_few_pairs for contrast in found if contrast.test.p_value is None}
    notes = {
        True: f"Too few seeds: a test needs {LEAST_PAIRS} that both methods have; confirm more (confirm.seeds).",
        False: "No p and g where the difference is the same in every seed: there is no spread to test it against.",
    }
    return [note for too_few, note in notes.items() if too_few in untested]


def _rank_notes(cells: Cells, ranks: Mapping[RowKey, Rank]) -> list[str]:
    n_columns, counts = len(cells.columns), {rank.columns for rank in ranks.values()}
    if n_columns == 1 or counts <= {n_columns}:
        return []
    return [f"rank: over {_range(counts)} of {n_columns} columns, those in which every method has all its seeds."]


def _decision_notes(cells: Cells) -> list[str]:
    if not any(metric.endswith(AT_DEV_THRESHOLD) for metric in cells.metrics):
        return []
    return [
        "argmax: the class with the highest score. threshold: one between the two classes that dev chose, by search "
        f"with {ENOUGH_ROWS} dev rows or more of each class, else as the middle of the class means. "
        "Each decision has its own best and ranks."
    ]


def _mark_notes(cells: Cells, marks: set[str]) -> list[str]:
    notes = {
        NOT_WORSE: "not significantly worse than the best of its column (paired t test over the seeds, "
        f"p > {SIGNIFICANCE:g}, not corrected for the number of methods).",
        UNTESTED: "not tested against the best of its column: a test needs every confirm seed of both cells, at least "
        f"{LEAST_PAIRS} seeds that they share, and differences that vary from seed to seed.",
    }
    shows_seeds = any(_shows_seeds(cell, metric) for cell in cells.cells for metric in cells.metrics)
    return [
        *(f"{mark} {note}" for mark, note in notes.items() if mark in marks),
        *(["(2/3): 2 of 3 seeds ended."] if shows_seeds else []),
    ]


def _notes(cells: Cells) -> list[str]:
    failed, missing = (sum(getattr(cell, count) for cell in cells.cells) for count in ("failed", "missing"))
    searched = {cell.search_trials for cell in cells.cells if cell.queries}
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
            f"Search trials of a cell differ ({_range(searched)}): settings that are the best of more trials are no "
            "sign of a better method."
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
    of_baseline = {(cell.group, cell.column) for cell in cells.cells if cell.row[-1] == cells.baseline}
    of_others = {(cell.group, cell.column) for cell in cells.ranked if cell.row[-1] != cells.baseline}
    if not of_baseline:
        return [f"No tests: {cells.baseline} has no confirm trial yet."]
    if not of_baseline & of_others:
        return [f"No tests: no other method has a confirm trial beside {cells.baseline}."]
    return []


def _range(values: Iterable[float]) -> str:
    low, *_, high = sorted([*values] * 2)
    return f"{low:,.0f}" if low == high else f"{low:,.0f}-{high:,.0f}"
