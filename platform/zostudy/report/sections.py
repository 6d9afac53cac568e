"""What a study's report says, section by section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import yaml

from zostudy.errors import ResultsError
from zostudy.report.charts import Charts
from zostudy.report.comparing import anytime_section, comparison_section, curves_section
from zostudy.report.landscape import landscape_section
from zostudy.report.parts import Section, Study
from zostudy.report.repeating import failures_section, noise_section, repeating_section
from zostudy.report.saddle import saddle_section
from zostudy.report.searching import search_section
from zostudy.results.ledger import STUDY_FILE
from zostudy.results.reading import Results
from zostudy.results.storage import Storage
from zostudy.results.unfinished import unfinished


def describe(place: Storage, results: Results, baseline: str | None, charts: Charts) -> Study:
    """Returns the report of one study, as far as it has come.

    Raises:
        ResultsError: ``study.yaml`` is missing or no YAML, or the baseline is none of the study's methods.
    """
    text = _study_text(place)
    sections = tuple(_sections(results, _search_space(place, text), text, baseline, charts))
    notes = [f"{line}." for line in unfinished([place])]
    return Study(place.name, " ".join([_summary(results.trials), *notes]), sections)


def _sections(
    results: Results, space: Mapping[str, Any], text: str, baseline: str | None, charts: Charts
) -> Iterator[Section]:
    trials = results.trials
    search = trials[trials["stage"] == "search"]
    confirmed = results.only(trials[(trials["stage"] == "confirm") & (trials["status"] == "complete")])
    confirm = confirmed.trials
    yield comparison_section(trials, baseline, charts)
    if len(confirm):
        yield anytime_section(confirm, confirmed.history, charts)
        yield curves_section(confirm, confirmed.scores, charts)
    if len(search) and space:
        yield search_section(search, space, charts)
    if len(confirm) and (section := saddle_section(confirm, confirmed.history, confirmed.scores, charts)):
        yield section
    if len(confirm) and (section := landscape_section(confirm, confirmed.landscape, charts)):
        yield section
    if len(results.precision):
        yield noise_section(results.precision)
    yield failures_section(trials)
    yield repeating_section(trials, text)


def _summary(trials: pd.DataFrame) -> str:
    stages = trials["stage"].value_counts()
    return (
        f"{trials['model'].iloc[0]} on {trials['task'].iloc[0]}: {trials['cell'].nunique()} cells, "
        f"{stages.get('search', 0)} search and {stages.get('confirm', 0)} confirm trials, "
        f"{trials['queries'].sum():,} queries, last trial ended {trials['finished_at'].max():%Y-%m-%d %H:%M} UTC."
    )


def _study_text(place: Storage) -> str:
    try:
        return place.read(STUDY_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(
            f"a report needs the study's file, but {place / STUDY_FILE} cannot be read "
            f"({' '.join(str(error).split())}); give a folder that zostudy run wrote"
        ) from error


def _search_space(place: Storage, text: str) -> Mapping[str, Any]:
    """Returns the keys that were searched, each with its choices or its range."""
    try:
        spec = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ResultsError(f"{place / STUDY_FILE} must be YAML, but is not; restore it as the run wrote it") from error
    search = (spec.get("search") or {}) if isinstance(spec, dict) else None
    space = (search.get("space") or {}) if isinstance(search, dict) else None
    if not isinstance(space, dict):
        raise ResultsError(f"{place / STUDY_FILE} must hold a study, but does not; restore it as the run wrote it")
    return space
