"""Compares methods: confirm trials side by side, at equal budgets, with their spread."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from statistics import fmean
from typing import Any

from zostudy.errors import ResultsError
from zostudy.results.comparison.cell_summary import CellSummary, SeedKey
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.confirm_trials import TrialColumns, TrialValues, confirm_trials_of
from zostudy.results.comparison.coordinates import (
    BUDGET,
    COORDINATES,
    natural_ratios,
    ratio_notes,
    row_names,
    trials_by_cell,
    unequal_budgets,
)
from zostudy.results.comparison.evidence import evidence_of
from zostudy.results.comparison.given import (
    PAIRED_BY,
    Given,
    check_columns,
    check_known,
    checked_metrics,
    default_metrics,
    read_columns,
)
from zostudy.results.comparison.search_ranges import StudyRanges, range_notes, read_search_ranges
from zostudy.results.comparison.statistics import bounded_interval
from zostudy.results.lost_rows import study_notes
from zostudy.results.schema import bounds
from zostudy.results.storage import Storage

BASELINE_RULE = "the baseline must be one of"


def compare(
    results: Given,
    metrics: str | Sequence[str] | None = None,
    by: str = "imbalance_ratio",
    baseline: str | None = None,
    allow_unequal: bool = False,
) -> Comparison:
    """Returns mean and 95% interval over the confirm seeds of each cell, with the queries and examples spent.

    Confirm trials of settings that a longer search has improved on are in no mean: the cell waits for new ones.

    Args:
        results: from ``load_results``, its ``trials``, or what ``load_results`` takes. Search trials are in no mean.
            ``trials`` alone, and more than 20 studies, get no verdict on the edges of search ranges.
        metrics: a column of ``trials`` such as ``test_auc``, or several; without them, ``DEFAULT_METRICS``, of which
            those at the threshold are left out where no trial has them: with more than two classes, or of an older
            zostudy. ``sharpness`` brings ``train_loss``, beside which it is read.
        by: names the columns: ``imbalance_ratio``, ``model``, ``task``, ``budget`` or ``study``. Whatever else differs
            between the studies names the rows, and only cells that share it are compared.
        baseline: the label of a method. Every other one is tested against it, seed by seed. It may have no trial yet.
        allow_unequal: whether cells of different budgets may be compared as if these were equal. The untuned prompt,
            which spends no queries, may stand beside any budget.

    Raises:
        ResultsError: there is nothing to compare, a column is missing, a metric, ``by`` or ``baseline`` is unknown,
            or two studies ran the same cell.
    """
    asked = checked_metrics(metrics, by)
    trials, storages = read_columns(results, asked)
    return compare_columns(trials, storages, asked, by, baseline, allow_unequal)


def compare_columns(
    trials: TrialColumns,
    storages: Sequence[Storage],
    asked: Sequence[str],
    by: str,
    baseline: str | None,
    allow_unequal: bool,
) -> Comparison:
    """Returns what ``compare`` does with its arguments, and raises the same errors.

    ``trials`` are the ``needed_columns`` of all trials, ``storages`` those of their studies if known, and ``asked`` the
    metrics, perhaps none.
    """
    metrics = tuple(asked) or default_metrics(trials)
    check_columns(trials, metrics)
    confirm = confirm_trials_of(trials)
    if not confirm:
        n_searched, n_failed = len(trials["stage"]), list(trials["status"]).count("failed")
        got, remedy = f"there are only {n_searched} search trials so far", "let the study run to its end"
        if n_searched == n_failed > 0:
            got = f"there are only {n_searched} search trials, and all have failed"
            remedy = "mend what the column error of the table trials says, and run the study under another name"
        raise ResultsError("a comparison needs confirm trials", got=got, remedy=remedy)
    if baseline is not None:
        check_known(BASELINE_RULE, baseline, sorted(known_methods(baseline, trials, storages)))
    unequal = [name for name in unequal_budgets(confirm) if name != by]
    kept_apart = () if allow_unequal else unequal
    coordinates = [name for name in COORDINATES if name != by and (name not in BUDGET or name in kept_apart)]
    names = row_names(confirm, coordinates, by)
    by_cell = trials_by_cell(confirm, [*coordinates, by])
    has_search = any(trial["searched"] for trial in confirm)
    ranges = read_search_ranges(storages) if has_search else {}
    cells = [_summary(of_cell, names, metrics, by, ranges) for of_cell in by_cell]
    in_order = tuple(sorted(cells, key=lambda cell: (cell.is_reference, cell.queries > 0)))
    notes = (*ratio_notes(confirm, by), *_outdated_notes(confirm), *study_notes(storages))
    notes += tuple(range_notes(storages)) if has_search else ()
    natural = natural_ratios(confirm)
    return Comparison(by, names, metrics, in_order, baseline, bool(unequal) and allow_unequal, notes, natural)


def _outdated_notes(confirm: Sequence[TrialValues]) -> list[str]:
    left_out = [trial["cell"] for trial in confirm if trial["outdated"]]
    if not left_out:
        return []
    return [
        f"Confirm trials left out: {len(left_out)}. A later search has found better settings "
        f"({', '.join(dict.fromkeys(left_out))}), which the study confirms when it is run again."
    ]


def _summary(
    trials: list[TrialValues], row_names: tuple[str, ...], metrics: Sequence[str], by: str, ranges: StudyRanges
) -> CellSummary:
    first = trials[0]
    studies = list(dict.fromkeys(trial["study"] for trial in trials))
    if len(studies) > 1:
        got = f"{_described(first)} is in {' and '.join(studies)}"
        raise ResultsError("a cell must be of one study", got=got, remedy="set `by` to study")
    current = [trial for trial in trials if not trial["outdated"]]
    complete = [trial for trial in current if trial["status"] == "complete"]
    spent = complete or trials
    seeds = [tuple(trial[name] for name in PAIRED_BY) for trial in complete]
    if len(set(seeds)) < len(seeds):
        got, remedy = f"{_described(first)} has one twice", "give the trials of each study once"
        raise ResultsError("a cell must have one confirm trial a seed", got=got, remedy=remedy)
    values = {metric: _by_seed(complete, seeds, metric) for metric in metrics}
    return CellSummary(
        row=tuple(first[name] for name in row_names),
        column=first[by],
        intervals={metric: bounded_interval(of.values(), bounds(metric)) for metric, of in values.items()},
        seeds=len(complete),
        failed=len(current) - len(complete),
        budget=int(first["budget"]),
        queries=fmean([trial["queries"] for trial in spent]),
        examples=fmean([trial["examples"] for trial in spent]),
        values=values,
        missing=first["asked"] - len(current),
        search_trials=first["searched"],
        needs=first.get("needs") or "scores",  # an earlier zostudy had no reference that needs more
        evidence=evidence_of(complete, first["best_configuration"], ranges.get((first["study"], first["method"]), {})),
    )


def _by_seed(trials: list[TrialValues], seeds: Sequence[SeedKey], metric: str) -> dict[SeedKey, float]:
    """Returns the values; none where a trial of an older zostudy lacks its own, so that all means are of all seeds."""
    values = {seed: trial[metric] for seed, trial in zip(seeds, trials, strict=True)}
    return {} if None in values.values() else values


def known_methods(baseline: str, trials: TrialColumns, storages: Sequence[Storage]) -> set[str]:
    """Returns the methods that have trials. If the baseline is not among them, those of the study files are added."""
    methods = set(trials["method"])
    if baseline in trials["method"]:  # a list, so that a baseline that is none can be refused in words
        return methods
    from zostudy.results.studies_table import read_studies  # parsing many study files takes long

    for storage in storages:
        with suppress(ResultsError):
            methods.update(read_studies([storage])["methods"][0].as_py())
    return methods


def _described(trial: dict[Any, Any]) -> str:
    return f"{trial['method']} at imbalance ratio {trial['imbalance_ratio']:g} of study {trial['study']}"
