"""The facts of a cell that verdicts rest on, beside metrics: its moves, its predictions, what the search chose."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from zostudy.results.comparison.confirm_trials import TrialValues
from zostudy.results.completeness import BestConfiguration

if TYPE_CHECKING:  # slow to import, and most comparisons do without
    from zostudy.config.distributions import Range

EVIDENCE_COLUMNS = (
    "latent_norm",
    "reach",
    "learning_rate",
    "subspace_dim",
    "sampler",
    "test_largest_share",
    "test_mcc",
    "dev_threshold",
)
"""The columns of ``trials`` that evidence is taken from, beside those of every comparison; older tables lack some."""


class Move(NamedTuple):
    """The move of a trial's kept point from its start, in latent units.

    Attributes:
        distance: of the two.
        reach: ``reach * sqrt(d)``, the length at which every prompt entry moves by ``reach`` embedding spreads; None
            for a method whose steps have no reach.
    """

    distance: float
    reach: float | None


class Prediction(NamedTuple):
    """A trial's predictions on test by argmax.

    Attributes:
        largest_share: the share of the class that it predicts most often.
        mcc: Matthews correlation coefficient of its predictions.
    """

    largest_share: float
    mcc: float


SearchedRanges: TypeAlias = "Mapping[str, tuple[str, Range]]"
"""By option: the key of ``search.space`` that it is searched by, and its range."""


@dataclass(frozen=True)
class Evidence:
    """The facts of a cell; each is empty or None where it is not known, as in older results.

    Attributes:
        algorithm: registered name of the method.
        sampler: how its batches are drawn.
        step_setting: the setting that makes its steps longer.
        moves: of the complete trials.
        predictions: of the complete trials, on test.
        has_threshold: whether dev chose a threshold, which there is between two classes only.
        dev_auc: of the complete trials, at the kept point.
        best_configuration: that of the search.
        chosen: the keys of ``search.space`` with a range, each with the value and the range.
    """

    algorithm: str = ""
    sampler: str | None = None
    step_setting: str = "budget.queries"
    moves: tuple[Move, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    has_threshold: bool = False
    dev_auc: tuple[float, ...] = ()
    best_configuration: BestConfiguration | None = None
    chosen: tuple[tuple[str, float, Range], ...] = ()


def evidence_of(trials: Sequence[TrialValues], best: BestConfiguration | None, ranges: SearchedRanges) -> Evidence:
    """Returns the evidence of a cell.

    Args:
        trials: its complete confirm trials that count, of one method and one configuration.
        best: the best configuration of its search.
        ranges: that its study searches for its method.
    """
    if not trials:
        return Evidence()
    first = trials[0]
    has_reach = first.get("reach") is not None
    without_reach = "learning_rate" if first.get("learning_rate") is not None else "budget.queries"
    return Evidence(
        algorithm=first["algorithm"],
        sampler=first.get("sampler"),
        step_setting="reach" if has_reach else without_reach,
        moves=tuple(move for trial in trials if (move := _move(trial))),
        predictions=tuple(
            Prediction(share, trial["test_mcc"])
            for trial in trials
            if (share := trial.get("test_largest_share")) is not None and trial.get("test_mcc") is not None
        ),
        has_threshold=first.get("dev_threshold") is not None,
        dev_auc=tuple(trial["dev_auc"] for trial in trials if trial["dev_auc"] is not None),
        best_configuration=best,
        chosen=_chosen(first, ranges) if best else (),
    )


def _move(trial: TrialValues) -> Move | None:
    """Returns the move of a trial with a prompt whose method spends queries."""
    distance, size, reach = (trial.get(name) for name in ("latent_norm", "subspace_dim", "reach"))
    if distance is None or not size or not trial["queries"] or trial["algorithm"] == "untuned":
        return None
    return Move(distance, None if reach is None else reach * math.sqrt(size))


def _chosen(trial: TrialValues, ranges: SearchedRanges) -> tuple[tuple[str, float, Range], ...]:
    params = json.loads(trial["params"]) if ranges else {}
    unused = {name for name in ("reach", "learning_rate") if trial.get(name) is None}  # beside the step rule
    return tuple(
        (key, float(value), within)
        for option, (key, within) in ranges.items()
        if option not in unused
        and isinstance(value := params.get(option), int | float)
        and within.contains(value)  # else the study's range has been changed since
    )
