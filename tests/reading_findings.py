"""Reads what results/README.md says of the reference studies, and writes figures as it does."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"


def findings(study: str) -> str:
    """Returns what results/README.md says of a study, on one line."""
    text = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    return " ".join(text.split(f"### {study}\n")[1].split("\n##")[0].split())


def record() -> str:
    """Returns what README.md says of the reference studies, on one line."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return " ".join(text.split("## What the record says\n")[1].split("\n##")[0].split())


def short(value: float, digits: int = 3) -> str:
    """Returns a share as the text writes it."""
    return f"{value:.{digits}f}".removeprefix("0")


def chance(p: float) -> str:
    return "p < .001" if p < 5e-4 else f"p = {short(p)}"
