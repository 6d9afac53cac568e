"""Reads what results/README.md says of the reference studies, and writes figures as it does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from zostudy import load_results
from zostudy.config.loading import parse_study
from zostudy.config.study import StudySpec
from zostudy.results.comparison.statistics import holm

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"
TASKS = {"reviews": "generated reviews", "sst2": "SST-2"}
NUMBERS = {2: "two", 3: "three", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten", 11: "eleven"}

Metrics: TypeAlias = dict[str, dict[tuple[int, str], NDArray[np.float64]]]
"""The values over the seeds, by metric, budget and method."""


def findings(study: str) -> str:
    """Returns what results/README.md says of a study, on one line."""
    text = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    return " ".join(text.split(f"### {study}\n")[1].split("\n##")[0].split())


def readme(heading: str) -> str:
    """Returns a section of README.md, on one line."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return " ".join(text.split(f"## {heading}\n")[1].split("\n##")[0].split())


def results(heading: str) -> str:
    """Returns a section of results/README.md up to its first part, on one line; without a heading, what is before."""
    text = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    return " ".join(re.split(r"\n##", text.split(f"## {heading}\n" if heading else "# Results\n")[1])[0].split())


def readme_start() -> str:
    """Returns README.md up to its first section, on one line."""
    return " ".join((ROOT / "README.md").read_text(encoding="utf-8").split("\n## ")[0].split())


def record() -> str:
    """Returns what README.md says of the reference studies, on one line."""
    return readme("What the record says")


def values(study: str, budgets: Sequence[int], seeds: int, *metrics: str) -> Metrics:
    """Returns what the confirm trials of a study have at each budget, in the order of their seeds."""
    trials = load_results([REFERENCE / f"{study}-{budget}" for budget in budgets]).trials.sort_values("number")
    groups = [rows for _, rows in trials[trials["stage"] == "confirm"].groupby(["budget", "method"])]
    assert {len(rows) for rows in groups} == {seeds}
    keys = [(int(rows["budget"].iloc[0]), str(rows["method"].iloc[0])) for rows in groups]
    return {name: {key: rows[name].to_numpy(float) for key, rows in zip(keys, groups, strict=True)} for name in metrics}


def committed(pattern: str) -> list[StudySpec]:
    """Returns the reference studies of a pattern, such as ``budget-*``, from their study files."""
    files = sorted(REFERENCE.glob(f"{pattern}/study.yaml"))
    return [parse_study(file.read_text(encoding="utf-8"), file.parent.name) for file in files]


def set_up(pattern: str) -> str:
    """Returns how the text writes the set-up of the reference studies of a pattern; data that differ are left out."""
    studies = committed(pattern)
    queries = sorted({study.budget.queries for study in studies})
    data = {(study.task.name, tuple(study.imbalance.ratios)) for study in studies}
    (rest,) = {(study.imbalance.minority_size, study.budget.batch_size, study.confirm.seeds) for study in studies}
    rare, batch_size, seeds = rest
    on = [f"{TASKS[task]} at ratio{'s'[: len(ratios) - 1]} {listed(ratios)}" for task, ratios in data if len(data) == 1]
    tuning = [f"{rare} examples of the rare class", f"{listed(queries)} queries of {batch_size} examples"]
    return ", ".join([listed(sorted({study.model.name for study in studies})), *on, *tuning, f"{NUMBERS[seeds]} seeds"])


def listed(items: Sequence[str | float]) -> str:
    """Returns words or numbers as the text lists them: ``a, b and c``."""
    *first, last = (item if isinstance(item, str) else f"{item:,g}" for item in items)
    return f"{', '.join(first)} and {last}" if first else last


def short(value: float, digits: int = 3) -> str:
    """Returns a share as the text writes it."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{digits}f}")


def signed(value: float, digits: int = 3) -> str:
    """Returns a difference as the text writes it."""
    return ("+" if value >= 0 else "-") + short(abs(value), digits)


def paired_p_values(differences: Iterable[NDArray[np.float64]]) -> list[float]:
    """Returns those of paired t tests, after Holm's correction over all; of trials that are all equal it is 1."""
    return holm([float(stats.ttest_1samp(each, 0).pvalue) if each.any() else 1.0 for each in differences])


def chance(p: float) -> str:
    return "p < .001" if p < 5e-4 else f"p = {short(p)}"
