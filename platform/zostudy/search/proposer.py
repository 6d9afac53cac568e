"""Optuna's proposal for trial n of a cell: a pure function of the results up to n - lag and the earlier proposals."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from zostudy.config.study import StudySpec
from zostudy.randomness import derive_seed
from zostudy.search.plan import Cell
from zostudy.search.space import defaults_inside, distributions, holds

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

SAMPLER_DRAWS = 20
RANDOM_DRAWS = 100


@dataclass(frozen=True)
class SearchResult:
    """A finished configuration, as Optuna is told of it.

    Attributes:
        params: the searched values.
        dev_auc: the value that is maximised; None for one that failed.
        curve: the best dev AUC so far by queries, at each evaluation point that the trial reached.
        pruned: whether the trial was stopped early.
        seeds: dev AUC of each seed that ran, None where it failed; empty in a search of one seed.
    """

    params: Mapping[str, Any]
    dev_auc: float | None
    curve: Mapping[float, float] = field(default_factory=dict)
    pruned: bool = False
    seeds: tuple[float | None, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether it ran to its end."""
        return self.dev_auc is not None and not self.pruned

    @property
    def n_trials(self) -> int:
        """The trials that it took."""
        return max(1, len(self.seeds))

    @property
    def steps(self) -> dict[int, float]:
        """Optuna's intermediate values: dev AUC by seed, or in a search of one seed the best so far by queries."""
        if self.seeds:
            return {seed: dev_auc for seed, dev_auc in enumerate(self.seeds) if dev_auc is not None}
        return {ceil(queries): dev_auc for queries, dev_auc in self.curve.items()}


def propose(
    spec: StudySpec,
    cell: Cell,
    number: int,
    told: Sequence[SearchResult],
    proposed: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Returns the searched values of a cell's configuration.

    Trial 0 has the method's defaults, as far as the space contains them. Study and sampler are made anew for each
    proposal, so it depends neither on the order in which trials end nor on a resume. In a space of a few choices the
    sampler may repeat an earlier proposal. Then it is asked again, then values are drawn at random, until the space
    seems to hold nothing new.

    Args:
        spec: the study.
        cell: the cell.
        number: n, the trial's number.
        told: the results of trials 0 to n - lag, in order.
        proposed: the values of trials 0 to n - 1.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = distributions(cell.space, cell.method_class.Options)
    study = optuna.create_study(direction="maximize", sampler=make_sampler(spec, cell, number))
    study.add_trials([frozen_trial(result, space) for result in told])
    if number == 0:
        study.enqueue_trial(defaults_inside(cell.space, cell.method, spec))
    first = dict(study.ask(space).params)
    return first if first not in proposed else next(_other_draws(study, space, proposed), first)


def _other_draws(
    study: Study, space: dict[str, Any], proposed: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yields values that were not proposed before: first the sampler's, then random ones."""
    from optuna.samplers import RandomSampler

    for draw in range(SAMPLER_DRAWS + RANDOM_DRAWS):
        if draw == SAMPLER_DRAWS:
            study.sampler = RandomSampler(seed=len(proposed))
        params = dict(study.ask(space).params)
        if params not in proposed:
            yield params


def make_sampler(spec: StudySpec, cell: Cell, number: int) -> BaseSampler:
    """Returns the sampler of one proposal, with a seed derived from the study's."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import RandomSampler, TPESampler

    seed = derive_seed(spec.seed, "proposal", cell.name, number)
    if spec.search.sampler == "random":
        return RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # multivariate is stable from Optuna 5 on
        return TPESampler(
            seed=seed, n_startup_trials=spec.search.startup_trials, multivariate=True, constant_liar=False
        )


def frozen_trial(result: SearchResult, space: Mapping[str, Any]) -> FrozenTrial:
    """Returns the Optuna trial of a result: COMPLETE or PRUNED with its dev AUC, or FAIL.

    TPE ranks pruned trials by their last step, longer ones first. A value outside the space is left out, as Optuna
    refuses it; the default of an option that a method has gained may be such a value.
    """
    from optuna.trial import TrialState, create_trial

    params = {key: value for key, value in result.params.items() if holds(space[key], value)}
    stopped = TrialState.PRUNED if result.pruned else TrialState.FAIL
    return create_trial(
        state=TrialState.COMPLETE if result.complete else stopped,
        params=params,
        distributions={key: space[key] for key in params},
        value=result.dev_auc,
        intermediate_values=result.steps,
    )
