"""Names the rows and columns of a comparison by the columns of ``trials`` in which its trials differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from zostudy.ratios import NATURAL, ratio_label
from zostudy.results.comparison.confirm_trials import TrialValues

BUDGET = ("budget", "batch_size")
COORDINATES = ("model", "task", *BUDGET, "imbalance_ratio", "method")
COLUMNS = ("imbalance_ratio", "model", "task", "budget", "study")
ASKED_RATIO = "imbalance"


def unequal_budgets(confirm: Sequence[TrialValues]) -> list[str]:
    """Returns those of queries and examples that differ between the cells that spend some."""
    spending = {(trial["study"], trial["cell"]) for trial in confirm if trial["queries"]}
    tuned = [trial for trial in confirm if (trial["study"], trial["cell"]) in spending]
    return [name for name in BUDGET if _differs(tuned, name)]


def row_names(confirm: Sequence[TrialValues], coordinates: Sequence[str], by: str) -> tuple[str, ...]:
    """Returns the coordinates that name the rows: the method, and those in which trials differ.

    Not the imbalance ratio, if each column has one of its own, as tasks at their natural ratios have.
    """
    differing = (name for name in coordinates if name == "method" or _differs(confirm, name))
    return tuple(name for name in differing if name != "imbalance_ratio" or not _ratio_by_column(confirm, by))


def ratio_notes(confirm: Sequence[TrialValues], by: str) -> Iterator[str]:
    """Yields the ratio of each column, where columns have different ones of their own."""
    if by != "imbalance_ratio" and _differs(confirm, "imbalance_ratio") and (ratios := _ratio_by_column(confirm, by)):
        yield f"Imbalance ratios: {', '.join(f'{column} {ratio}' for column, ratio in sorted(ratios.items()))}."


def trials_by_cell(confirm: Sequence[TrialValues], coordinates: Sequence[str]) -> list[list[TrialValues]]:
    """Returns the trials with equal coordinates together, in the order of the coordinates."""
    cells: dict[tuple[Any, ...], list[TrialValues]] = {}
    for trial in confirm:
        cells.setdefault(tuple(trial[name] for name in coordinates), []).append(trial)
    return [cells[key] for key in sorted(cells)]


def natural_ratios(confirm: Sequence[TrialValues]) -> frozenset[float]:
    """Returns the imbalance ratios of which every trial took the data as they are."""
    by_size = {trial["imbalance_ratio"] for trial in confirm if trial.get(ASKED_RATIO) != NATURAL}
    return frozenset({trial["imbalance_ratio"] for trial in confirm} - by_size)


def _ratio_by_column(confirm: Sequence[TrialValues], by: str) -> dict[Any, str]:
    """Returns the one ratio of each column, or nothing where one has several."""
    ratios = {(trial[by], ratio_label(trial.get(ASKED_RATIO), trial["imbalance_ratio"])) for trial in confirm}
    by_column = dict(ratios)
    return by_column if len(by_column) == len(ratios) else {}


def _differs(trials: Sequence[TrialValues], name: str) -> bool:
    return len({trial[name] for trial in trials} - {None}) > 1
