"""The report of one study: its summary and its sections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from zostudy.config.distributions import Distribution, SearchSpace
from zostudy.errors import ResultsError
from zostudy.report.charts import Charts
from zostudy.report.classification import CALIBRATION, CLASSES, calibration_section, classes_section
from zostudy.report.comparing import (
    AGAINST_QUERIES,
    ROC,
    SADDLE,
    anytime_section,
    comparison_sections,
    curves_section,
    saddle_section,
)
from zostudy.report.findings import counts_line, question
from zostudy.report.landscape import LANDSCAPE, landscape_section
from zostudy.report.parts import ReportSection, StudyReport
from zostudy.report.searching import search_section
from zostudy.report.table_sections import (
    AGREEMENT,
    NOISE_FLOOR,
    agreement_section,
    failures_section,
    noise_section,
    repeating_section,
    trials_section,
)
from zostudy.results.classes import read_classes
from zostudy.results.completeness import confirmed
from zostudy.results.lost_rows import study_notes
from zostudy.results.results import Results
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import read_table
from zostudy.results.study_file import STUDY_FILE, check_same_study, read_stored_study
from zostudy.study_keys import options_by_label
from zostudy.wording import counted


@dataclass(frozen=True)
class StudyFile:
    """The parts of a study file that a report shows.

    Attributes:
        storage: the study's folder.
        text: of the file.
        methods: their labels, in the file's order.
        space: the search space.
    """

    storage: Storage
    text: str
    methods: tuple[str, ...]
    space: SearchSpace


def read_study_file(storage: Storage) -> StudyFile:
    """Returns the stored study file of a study.

    Raises:
        ResultsError: the file is missing, cannot be read, or holds no study.
    """
    stored = read_stored_study(storage, "a report", "give a folder that zostudy run wrote")
    check_same_study(storage, stored.data.get("name"), read_table(storage, "trials", ("study",))["study"].to_pylist())
    try:
        search = stored.data.get("search") or {}
        space = TypeAdapter(dict[str, Distribution]).validate_python(search.get("space") or {})
    except (AttributeError, ValidationError) as error:
        file = str(storage / STUDY_FILE)
        raise ResultsError("must hold a study", about=file, remedy="restore it as the run wrote it") from error
    return StudyFile(storage, stored.text, tuple(options_by_label(stored.data.get("methods"))), space)


def describe(file: StudyFile, results: Results, baseline: str | None, charts: Charts) -> StudyReport:
    """Returns the report of one study, with the trials that have ended so far.

    Raises:
        ResultsError: the study has no method of the baseline's label.
    """
    sections = tuple(_sections(file, results, baseline, charts))
    notes = [f"{line}." for line in study_notes([file.storage])]
    summary = " ".join([_summary(results.trials), *notes])
    asked = question(results.trials, len(file.methods))
    return StudyReport(file.storage.name, asked, summary, sections, charts.colours)


def _sections(file: StudyFile, results: Results, baseline: str | None, charts: Charts) -> Iterator[ReportSection]:
    trials = results.trials
    counting = results.only(confirmed(trials))
    confirm = counting.trials
    classes = read_classes(file.storage)
    yield from comparison_sections(results, baseline, counts_line(classes), charts)
    yield _drawn(CLASSES, lambda: classes_section(confirm, counting.scores, classes))
    yield _drawn(AGAINST_QUERIES, lambda: anytime_section(confirm, counting.history, charts))
    yield _drawn(ROC, lambda: curves_section(confirm, counting.scores, charts))
    yield _drawn(CALIBRATION, lambda: calibration_section(results, confirm, counting.scores, charts))
    yield search_section(trials[trials["stage"] == "search"], file.space, charts)
    yield _drawn(SADDLE, lambda: saddle_section(confirm, counting.history, counting.scores))
    yield _drawn(LANDSCAPE, lambda: landscape_section(confirm, counting.landscape, charts))
    yield _drawn(NOISE_FLOOR, lambda: noise_section(results.noise_floor))
    yield _drawn(AGREEMENT, lambda: agreement_section(results.agreement))
    yield failures_section(trials)
    yield trials_section(trials, file.space)
    yield repeating_section(trials, file.text, classes)


def _drawn(title: str, draw: Callable[[], ReportSection]) -> ReportSection:
    """Returns the section that ``draw`` returns, or the reason why its table cannot be read."""
    try:
        return draw()
    except ResultsError as error:
        return ReportSection(title, note=f"Not drawn: {error}.")


def _summary(trials: pd.DataFrame) -> str:
    stages = trials["stage"].value_counts()
    return (
        f"{counted(trials['cell'].nunique(), 'cell')}, {stages.get('search', 0)} search and "
        f"{stages.get('confirm', 0)} confirm trials, {trials['queries'].sum():,} queries; the last trial ended "
        f"{trials['finished_at'].max():%Y-%m-%d %H:%M} UTC."
    )
