"""Reads what results/README.md says of the reference studies, and writes figures as it does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from zostudy import load_results

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"

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


def short(value: float, digits: int = 3) -> str:
    """Returns a share as the text writes it."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{digits}f}")


def signed(value: float, digits: int = 3) -> str:
    """Returns a difference as the text writes it."""
    return ("+" if value >= 0 else "-") + short(abs(value), digits)


def chance(p: float) -> str:
    return "p < .001" if p < 5e-4 else f"p = {short(p)}"
