"""What a study's report says, section by section: tables, figures and a caption for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from zostudy.errors import ResultsError
from zostudy.report import frames
from zostudy.report.charts import Charts
from zostudy.report.importances import importance_frame
from zostudy.results.compare import Comparison, compare
from zostudy.results.reading import Results

BEST_SHOWN = 3


@dataclass(frozen=True)
class Figure:
    """A chart and the sentence or two below it."""

    name: str
    chart: Any
    caption: str


@dataclass(frozen=True)
class Table:
    """A table of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of the report; what it has nothing of is empty."""

    title: str
    note: str = ""
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Study:
    """The report of one study."""

    name: str
    summary: str
    sections: tuple[Section, ...]


def describe(folder: Path, results: Results, charts: Charts) -> Study:
    """Returns the report of one study, as far as it has come.

    Raises:
        ResultsError: ``study.yaml`` is missing or no YAML.
    """
    text = _study_text(folder)
    spec = _parsed(folder, text)
    return Study(folder.name, _summary(results.trials, spec), tuple(_sections(results, spec, text, charts)))


def _sections(results: Results, spec: Mapping[str, Any], text: str, charts: Charts) -> Iterator[Section]:
    trials, scores, history = results.trials, results.scores, results.history
    complete = trials[trials["status"] == "complete"]
    confirm, search = complete[complete["stage"] == "confirm"], trials[trials["stage"] == "search"]
    space = (spec.get("search") or {}).get("space") or {}
    if confirm.empty:
        yield Section("Comparison", note="No confirm trial has ended yet; the comparison comes with the first ones.")
    else:
        yield _comparison(compare(trials), charts)
        yield Section("Against queries", figures=tuple(_anytime(confirm, history, charts)))
        yield Section("ROC and precision-recall", figures=tuple(_curves(confirm, scores, charts)))
    if not search.empty and space:
        yield _found(search, space, charts)
    if saddle := tuple(_saddle(confirm, history, scores, charts)):
        yield Section("The saddle of AUC maximisation", figures=saddle)
    if not results.precision.empty:
        yield Section("Noise floor", note=_NOISE_NOTE, tables=(_precision(results.precision),))
    yield _failures(trials)
    yield Section(
        "To repeat it", note="The study file with every default filled in.", tables=_counts(trials), text=text
    )


def _comparison(comparison: Comparison, charts: Charts) -> Section:
    figures = []
    for metric in comparison.metrics:
        words = metric.replace("_", " ")
        frame = frames.metric_frame(comparison, metric)
        caption = f"Mean over {_n(frame['seeds'])} confirm seeds; the band is Student's 95% interval and may pass 1."
        figures.append(Figure(f"{metric}-by-ratio", charts.banded(frame, "ratio", words, words), caption))
    return Section(
        "Comparison", tables=tuple(map(_metric_table, [comparison] * 3, comparison.metrics)), figures=tuple(figures)
    )


def _metric_table(comparison: Comparison, metric: str) -> Table:
    cells = {(cell.row, cell.column): cell for cell in comparison.cells}
    rows = []
    for row in comparison.rows:
        across = [cells.get((row, column)) for column in comparison.columns]
        spent = [cell.queries for cell in across if cell]
        means = [_interval(*cell.intervals[metric]) if cell else "-" for cell in across]
        rows.append((" ".join(map(str, row)), *means, _range(spent)))
    columns = ("method", *(f"ratio {column:g}" for column in comparison.columns), "queries")
    return Table(f"{metric}: mean ±95% interval over confirm seeds", columns, tuple(rows))


def _anytime(confirm: pd.DataFrame, history: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    for ratio, frame in frames.anytime_frame(confirm, history).groupby("ratio"):
        caption = (
            f"Best dev AUC so far, mean over {_n(frame['seeds'])} confirm seeds; the band is Student's 95% interval. "
            "The kept point is chosen on dev, so test AUC may be lower."
        )
        title = f"dev AUC, ratio {ratio:g}"
        yield Figure(f"anytime-ratio-{ratio:g}", charts.banded(frame, "queries", title, "best dev AUC"), caption)


def _curves(confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    axes = {"roc": ("false positive rate", "true positive rate"), "precision-recall": ("recall", "precision")}
    for kind, (x, y) in axes.items():
        frame = frames.curve_frame(confirm, scores, kind)
        for ratio, cell in frame.groupby("ratio") if len(frame) else ():
            caption = f"{kind} on test, one line for each of {cell['trial'].nunique()} confirm trials; no band."
            yield Figure(f"{kind}-ratio-{ratio:g}", charts.curves(cell, f"{kind}, ratio {ratio:g}", x, y), caption)


def _found(search: pd.DataFrame, space: Mapping[str, Any], charts: Charts) -> Section:
    values, importances = frames.search_frame(search, space), importance_frame(search, space)
    figures = []
    for key, frame in values.groupby("key"):
        log = any(found.get("log", False) for name, found in space.items() if name.endswith(str(key)))
        frame = frame.assign(value=frame["value"].infer_objects())
        caption = f"Each of {len(frame)} complete search trials by its value of {key}, all ratios; no band."
        figures.append(Figure(f"search-{key}", charts.search(frame, str(key), log), caption))
    if len(importances):
        caption = (
            f"fANOVA by Optuna, one point a cell, from {_n(importances['trials'])} search trials each: "
            "with so few trials a hint, no measurement."
        )
        figures.append(Figure("search-importances", charts.importances(importances), caption))
    return Section("What the search found", tables=(_best(search, space),), figures=tuple(figures))


def _best(search: pd.DataFrame, space: Mapping[str, Any]) -> Table:
    complete = search[search["status"] == "complete"].sort_values("dev_auc", ascending=False, kind="stable")
    best = (
        complete.groupby("cell", sort=True).head(BEST_SHOWN).sort_values(["cell", "dev_auc"], ascending=[True, False])
    )
    rows = tuple(
        (trial["trial"], f"{trial['dev_auc']:.3f}", ", ".join(f"{k} {_short(v)}" for k, v in values.items()))
        for _, trial in best.iterrows()
        for values in [frames.searched(trial, space)]
    )
    return Table(
        f"Best {BEST_SHOWN} configurations of each cell, by dev AUC", ("trial", "dev AUC", "configuration"), rows
    )


def _saddle(confirm: pd.DataFrame, history: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    values, levels = frames.auxiliary_frame(confirm, history), frames.saddle_frame(confirm, scores)
    for (method, ratio), frame in values.groupby(["method", "ratio"]):
        level = levels[(levels["method"] == method) & (levels["ratio"] == ratio)]
        caption = (
            f"Auxiliary scalars over {frame['trial'].nunique()} confirm trials; no band. Dashed: the saddle for "
            "the kept point's dev scores, a and b the mean probability of the minority and of the other class, "
            "alpha = margin + b - a. The scalars follow training batches, so they need not meet it."
        )
        yield Figure(
            f"saddle-{method}-{ratio:g}", charts.auxiliary(frame, level, f"{method}, ratio {ratio:g}"), caption
        )


_NOISE_NOTE = (
    "Spread of the loss difference over directions (signal) against its spread over dtype and batch composition "
    "alone (noise), at the smallest radius a cell may use; under 10 a finite difference drowns."
)


def _precision(rows: pd.DataFrame) -> Table:
    columns = ("cell", "dtype", "chosen", "perturbation_radius", "loss_signal", "loss_noise", "signal_over_noise")
    return Table("Noise floor of each cell", columns, _texts(rows, columns))


def _failures(trials: pd.DataFrame) -> Section:
    failed = trials[trials["status"] == "failed"]
    if failed.empty:
        return Section("Failures", note=f"None of {len(trials)} trials failed.")
    columns = ("trial", "queries", "error")
    return Section(
        "Failures", tables=(Table(f"{len(failed)} of {len(trials)} trials", columns, _texts(failed, columns)),)
    )


def _counts(trials: pd.DataFrame) -> tuple[Table, ...]:
    draws = trials[["imbalance_ratio", "n_minority", "n_majority"]].drop_duplicates().sort_values("imbalance_ratio")
    spent = trials.groupby(["stage", "status"])[["queries", "examples", "wall_seconds"]].sum().reset_index()
    spent.insert(2, "trials", trials.groupby(["stage", "status"]).size().to_numpy())
    versions = sorted({pair for text in trials["versions"].unique() for pair in json.loads(text).items()})
    return (
        Table("Training draws", _columns(draws), _texts(draws, _columns(draws))),
        Table("What was spent", _columns(spent), _texts(spent, _columns(spent))),
        Table("Versions", ("library", "version"), tuple((name, str(version)) for name, version in versions)),
    )


def _summary(trials: pd.DataFrame, spec: Mapping[str, Any]) -> str:
    stages = trials["stage"].value_counts()
    return (
        f"{spec['model']['name']} on {trials['task'].iloc[0]}: {trials['cell'].nunique()} cells, "
        f"{stages.get('search', 0)} search and {stages.get('confirm', 0)} confirm trials, "
        f"{trials['queries'].sum():,} queries, finished {trials['finished_at'].max():%Y-%m-%d %H:%M} UTC."
    )


def _study_text(folder: Path) -> str:
    try:
        return (folder / "study.yaml").read_text(encoding="utf-8")
    except OSError as error:
        raise ResultsError(
            f"a report needs the study's file, but {folder / 'study.yaml'} cannot be read ({error.strerror}); "
            "give a folder that zostudy run wrote"
        ) from error


def _parsed(folder: Path, text: str) -> Mapping[str, Any]:
    try:
        spec = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ResultsError(
            f"{folder / 'study.yaml'} must be YAML, but is not; restore it as the run wrote it"
        ) from error
    if not isinstance(spec, dict):
        raise ResultsError(f"{folder / 'study.yaml'} must hold a study, but does not; restore it as the run wrote it")
    return spec


def _texts(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(map(_short, row)) for row in frame[list(columns)].itertuples(index=False))


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):,.0f}", f"{max(values):,.0f}"
    return low if low == high else f"{low}-{high}"


def _columns(frame: pd.DataFrame) -> tuple[str, ...]:
    return tuple(map(str, frame.columns))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _interval(mean: float | None, half: float | None) -> str:
    return "failed" if mean is None else f"{mean:.3f}" if half is None else f"{mean:.3f} ±{half:.3f}"


def _n(counts: pd.Series[Any]) -> str:
    return f"{counts.min():g}" if counts.nunique() == 1 else f"{counts.min():g} to {counts.max():g}"
