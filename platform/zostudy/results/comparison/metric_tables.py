"""A comparison as tables for people: one a metric, and one of the differences to a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from zostudy.results.comparison.cell_summary import CellKey, CellSummary, RowKey
from zostudy.results.comparison.cells import Cells
from zostudy.results.comparison.rank_tables import rank_tables
from zostudy.results.comparison.ranking import Contrast, Rank, average_ranks, contrasts, not_worse_than_best
from zostudy.results.comparison.statistics import CONFIDENCE
from zostudy.results.comparison.table_notes import (
    NOT_WORSE,
    UNTESTED,
    cell_notes,
    column_rank_notes,
    count_range,
    decision_notes,
    mark_notes,
    shows_seeds,
    untested_notes,
    verdict_notes,
)
from zostudy.results.comparison.way_to_gradients import way_notes
from zostudy.results.schema import AT_DEV_THRESHOLD, LOSSES
from zostudy.results.table_formats import Table, p_value_text, value_text

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
        notes = list(dict.fromkeys(note for metric in metrics for note in column_rank_notes(cells, ranks[metric])))
        notes += [*(way_notes(cells, metrics[0]) if metrics is together[0] else ()), *verdict_notes(cells, metrics)]
        if metrics is together[-1]:
            used = {mark for marked in marks.values() for mark in marked.values()}
            notes += [
                *verdict_notes(cells, [None]),
                *decision_notes(cells),
                *mark_notes(cells, used),
                *cell_notes(cells),
            ]
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
                count_range(cell.queries for cell in there),
                count_range(cell.examples for cell in there),
            )
        )
    seeds = count_range(cell.asked for cell in cells.cells)
    confirm_seeds = f"{seeds} confirm seed{'' if seeds == '1' else 's'}"
    measured = dict.fromkeys(metric.removesuffix(AT_DEV_THRESHOLD) for metric in metrics)
    title = ", ".join(measured) if len(metrics) > 1 else metrics[0]
    return Table(
        columns=(
            *names,
            *cells.headings,
            *(["rank"] if has_ranks else []),
            "queries",
            "examples",
        ),
        rows=tuple(rows),
        title=f"{title} by {cells.by}: mean ({CONFIDENCE:.0%} interval) over {confirm_seeds}",
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
    seeds = f" ({cell.seeds}/{cell.asked})" if shows_seeds(cell, metric) else ""
    return f"{interval:.3f}{seeds}{marks.get(cell.key, '')}"


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
        notes=(explained, *untested_notes(found)),
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
