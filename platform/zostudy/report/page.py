"""Writes a report: an HTML file that contains the drawing library, and each figure as PNG and SVG."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
from jinja2 import Environment
from markupsafe import Markup

from zostudy.report.all_studies import all_studies_report
from zostudy.report.charts import Charts
from zostudy.report.parts import StudyReport, with_safe_names
from zostudy.report.sections import StudyFile, describe, read_study_file
from zostudy.results.results import Results, read_results
from zostudy.results.storage import Storage, Where

FIGURE_WIDTH, FIGURE_SCALE = 460, 2.0
ENDINGS = (".svg", ".png")

# On the page a section has one legend. A figure in a file of its own has its own legend.
_FILE_CONFIG = {"legend": {"orient": "bottom", "columns": 4, "symbolOpacity": 1}, "axis": {"labelOverlap": True}}


def write_report(studies: Sequence[Where], to: Where, watch: bool = False, baseline: str | None = None) -> None:
    """Writes one report of all studies, and its figures to ``figures/`` beside it; removes those of an earlier report.

    Args:
        studies: the location of each study.
        to: the HTML file.
        watch: whether the page reloads itself every few seconds; then no figure files are written.
        baseline: the label of the method against which every other one is tested.

    Raises:
        ResultsError: a location cannot be read, the report cannot be written, or a study lacks the baseline.
    """
    storages, page = [Storage.at(study) for study in studies], Storage.at(to)
    results = [read_results(storage) for storage in storages]
    study_files = [read_study_file(storage) for storage in storages]
    methods = _methods(study_files, results)
    reports = [
        describe(file, one, baseline, Charts(methods, one.trials["method"].unique()))
        for file, one in zip(study_files, results, strict=True)
    ]
    title = " and ".join(report.name for report in reports)
    trials = pd.concat([one.trials for one in results], ignore_index=True)
    before = [all_studies_report(trials, storages, Charts(methods))] if len(reports) > 1 else []
    described = with_safe_names([*before, *reports])
    # Altair's limit on the rows of a figure is switched off, as the frames are thinned already.
    with alt.data_transformers.enable("default", max_rows=None):
        specs = {figure.name: figure.chart.to_dict() for study in described for figure in study.figures}
    figures = page.parent / "figures"
    outdated = _figure_names(page) - set(specs)
    page.parent.make()
    page.parent.write(page.name, _page(title, described, specs, watch).encode())
    for name in sorted(outdated):
        for ending in ENDINGS:
            figures.remove(name + ending)
    if not watch:
        _draw(specs, figures)


def _figure_names(page: Storage) -> set[str]:
    """Returns the names of an earlier report's figures: only files of these names may be removed."""
    try:
        earlier = page.parent.read(page.name).decode(errors="replace")
    except OSError:
        return set()
    return set(re.findall(r'<div class="chart" id="([\w.-]+)"></div>', earlier, re.ASCII))


def _methods(study_files: Sequence[StudyFile], results: Sequence[Results]) -> list[str]:
    """Returns all methods in the order of the study files, so that their colours stay the same as trials end."""
    named = [method for file in study_files for method in file.methods]
    found = sorted({method for one in results for method in one.trials["method"].unique()})
    return list(dict.fromkeys([*named, *found]))


def _page(title: str, studies: Sequence[StudyReport], specs: Mapping[str, Any], watch: bool) -> str:
    environment = Environment(autoescape=True, trim_blocks=True)
    template = environment.from_string(files("zostudy.report").joinpath("template.html").read_text(encoding="utf-8"))
    charts = json.dumps({name: _compact(spec) for name, spec in specs.items()})
    return template.render(
        title=title,
        studies=studies,
        watch=watch,
        library=Markup(_library()),
        charts=Markup(charts.replace("<", "\\u003c")),
    )


def _compact(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a figure with its data as lists, which do not repeat the names of the columns in each row."""
    datasets = {
        name: {"columns": list(rows[0]), "rows": [list(row.values()) for row in rows]}
        for name, rows in spec["datasets"].items()
    }
    return {**spec, "datasets": datasets}


def _library() -> str:
    """Returns vega-embed with its libraries; they do not contain ``</script``."""
    return vl_convert.javascript_bundle()  # type: ignore[call-arg]  # the stub asks for an argument


def _draw(specs: Mapping[str, Any], folder: Storage) -> None:
    folder.make()
    for name, spec in specs.items():
        fixed = json.dumps({**spec, "width": FIGURE_WIDTH, "background": "white", "config": _FILE_CONFIG})
        svg = vl_convert.vegalite_to_svg(fixed)
        folder.write(f"{name}.svg", svg.encode())
        folder.write(f"{name}.png", vl_convert.svg_to_png(svg, scale=FIGURE_SCALE))
