"""What a study's report says, section by section."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from zostudy.errors import ResultsError
from zostudy.report.charts import Charts
from zostudy.report.comparing import anytime_section, comparison_section, curves_section
from zostudy.report.landscape import landscape_section
from zostudy.report.parts import Section, Study
from zostudy.report.repeating import agreement_section, failures_section, noise_section, repeating_section
from zostudy.report.saddle import saddle_section
from zostudy.report.searching import search_section
from zostudy.report.study_file import StudyFile
from zostudy.results.classes import StudyClasses, class_table, read_classes
from zostudy.results.completeness import confirmed
from zostudy.results.losses import study_notes
from zostudy.results.reading import Results


def describe(file: StudyFile, results: Results, baseline: str | None, charts: Charts) -> Study:
    """Returns the report of one study, as far as it has come.

    Raises:
        ResultsError: the baseline is none of the study's methods.
    """
    sections = tuple(_sections(file, results, baseline, charts))
    notes = [f"{line}." for line in study_notes([file.storage])]
    return Study(file.storage.name, " ".join([_summary(results.trials), *notes]), sections)


def _sections(file: StudyFile, results: Results, baseline: str | None, charts: Charts) -> Iterator[Section]:
    trials = results.trials
    counting = results.only(confirmed(trials))
    confirm = counting.trials
    if (classes := read_classes(file.storage)) is not None:
        yield _classes_section(classes)
    yield comparison_section(results, baseline, charts)
    yield _drawn("Against queries", lambda: anytime_section(confirm, counting.history, charts))
    yield _drawn("ROC and precision-recall", lambda: curves_section(confirm, counting.scores, charts))
    yield search_section(trials[trials["stage"] == "search"], file.space, charts)
    saddle = "The saddle of AUC maximisation"
    yield _drawn(saddle, lambda: saddle_section(confirm, counting.history, counting.scores, charts))
    yield _drawn("Loss landscape", lambda: landscape_section(confirm, counting.landscape, charts))
    yield _drawn("Noise floor", lambda: noise_section(results.noise_floor))
    yield _drawn("Agreement with transformers", lambda: agreement_section(results.agreement))
    yield failures_section(trials)
    yield repeating_section(trials, file.text)


def _drawn(title: str, draw: Callable[[], Section]) -> Section:
    """Returns a section, or why it cannot be drawn where its table is refused."""
    try:
        return draw()
    except ResultsError as error:
        return Section(title, note=f"Not drawn: {error}.")


def _classes_section(classes: StudyClasses) -> Section:
    note = f"The minority is made rare. A {classes.asked} is what the model is asked to choose for a class."
    return Section("Classes", note, (class_table(classes),))


def _summary(trials: pd.DataFrame) -> str:
    stages = trials["stage"].value_counts()
    return (
        f"{trials['model'].iloc[0]} on {trials['task'].iloc[0]}: {trials['cell'].nunique()} cells, "
        f"{stages.get('search', 0)} search and {stages.get('confirm', 0)} confirm trials, "
        f"{trials['queries'].sum():,} queries, last trial ended {trials['finished_at'].max():%Y-%m-%d %H:%M} UTC."
    )
