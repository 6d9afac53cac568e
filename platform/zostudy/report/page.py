"""Writes a report: one HTML file with the drawing library in it, and each figure as PNG and SVG beside it."""

from __future__ import annotations

import json
import os
import re
from importlib.resources import files
from pathlib import Path

import vl_convert
from jinja2 import Environment
from markupsafe import Markup

from zostudy.errors import ResultsError
from zostudy.report.charts import Charts
from zostudy.report.sections import Figure, Study, describe
from zostudy.results.reading import load_results

FIGURE_WIDTH, FIGURE_SCALE = 460, 2.0


def write_report(folders: list[Path], to: Path, watch: bool = False) -> Path:
    """Writes one report of all studies and returns its path; figures go into ``figures/`` beside it.

    Args:
        folders: of one study each.
        to: the HTML file.
        watch: the page reloads itself every few seconds, and no figure files are written.

    Raises:
        ResultsError: a folder cannot be read, or the report not be written.
    """
    results = [load_results(folder) for folder in folders]
    charts = Charts(sorted({method for one in results for method in one.trials["method"].unique()}))
    studies = [describe(folder, one, charts) for folder, one in zip(folders, results, strict=True)]
    specs = {
        _name(study, figure): figure.chart.to_dict()
        for study in studies
        for part in study.sections
        for figure in part.figures
    }
    try:
        _replace(to, _page(studies, specs, watch))
        if not watch:
            _draw(specs, to.parent / "figures")
    except OSError as error:
        raise ResultsError(
            f"the report must be writable, but {to} is not ({error.strerror}); give another --to"
        ) from error
    return to


def _page(studies: list[Study], specs: dict[str, object], watch: bool) -> str:
    environment = Environment(autoescape=True, trim_blocks=True)
    environment.globals["figure_name"] = _name
    template = environment.from_string(files("zostudy.report").joinpath("template.html").read_text(encoding="utf-8"))
    return template.render(
        title=" and ".join(study.name for study in studies),
        studies=studies,
        watch=watch,
        library=Markup(_library()),
        charts=Markup(json.dumps(specs).replace("<", "\\u003c").replace("\u2028", "\\u2028")),
    )


def _library() -> str:
    """Returns vega-embed and what it stands on, which holds no ``</script``; its stub wrongly asks for an argument."""
    return vl_convert.javascript_bundle()  # type: ignore[call-arg]


def _draw(specs: dict[str, object], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, spec in specs.items():
        assert isinstance(spec, dict)
        fixed = json.dumps({**spec, "width": FIGURE_WIDTH, "background": "white"})
        (folder / f"{name}.svg").write_text(vl_convert.vegalite_to_svg(fixed), encoding="utf-8")
        (folder / f"{name}.png").write_bytes(vl_convert.vegalite_to_png(fixed, scale=FIGURE_SCALE))


def _name(study: Study, figure: Figure) -> str:
    """Returns a name that is safe as a file and as an element of the page."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", f"{study.name}-{figure.name}").lstrip("-.")[:120]


def _replace(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
