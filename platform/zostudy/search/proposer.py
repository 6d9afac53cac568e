"""Optuna's proposal for configuration n of a cell: a pure function of results up to n - lag and earlier proposals."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from zostudy.config.study import StudySpec
from zostudy.randomness import derive_seed
from zostudy.search.plan import Cell
from zostudy.search.space import defaults_inside, distributions

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
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
        """True if it ran to its end."""
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


class Proposer:
    """Proposes a cell's configurations, in order.

    The results are a list that only grows, so they are kept in one Optuna study. Each proposal has a sampler of its
    own. So a proposal depends neither on the order in which trials end nor on a resume.
    """

    def __init__(self, spec: StudySpec, cell: Cell) -> None:
        """Starts without results.

        Args:
            spec: the study.
            cell: the cell.
        """
        self._spec, self._cell = spec, cell
        self._space = distributions(cell.space, cell.method.method_class.Options)
        self._known: set[frozenset[tuple[str, Any]]] = set()
        self._n_known = 0
        self._start()

    def propose(
        self, number: int, told: Sequence[SearchResult], proposed: Mapping[int, Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Returns the searched values of configuration n. From call to call n grows.

        Configuration 0 has the method's defaults, as far as the space contains them. In a space of a few choices the
        sampler may repeat an earlier proposal. Then it is asked again, then values are drawn at random, until the space
        seems to hold nothing new.

        Args:
            number: n.
            told: the results of configurations 0 to n - lag, in order.
            proposed: the values of configurations by number, at least those of 0 to n - 1.
        """
        self._tell(told)
        self._known.update(frozenset(proposed[each].items()) for each in range(self._n_known, number))
        self._n_known = number
        self._study.sampler = self._sampler(number)
        if number == 0:
            self._study.enqueue_trial(defaults_inside(self._cell.space, self._cell.method, self._spec))
        first = self._draw()
        if self._is_new(first):
            return first
        other = next(filter(self._is_new, self._other_draws(number)), first)
        self._start()  # without the trials that these draws have left
        return other

    def _start(self) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(direction="maximize")
        self._n_told = 0
        self._shared = set(self._space)  # the keys that all results have

    def _tell(self, told: Sequence[SearchResult]) -> None:
        for result in told[self._n_told :]:
            trial = frozen_trial(result, self._cell)
            self._study.add_trial(trial)
            if result.complete or result.pruned:
                self._shared &= set(trial.params)
        self._n_told = len(told)

    def _is_new(self, params: Mapping[str, Any]) -> bool:
        return frozenset(params.items()) not in self._known

    def _other_draws(self, number: int) -> Iterator[dict[str, Any]]:
        """Yields further values: first the sampler's, then random ones."""
        from optuna.samplers import RandomSampler

        for draw in range(SAMPLER_DRAWS + RANDOM_DRAWS):
            if draw == SAMPLER_DRAWS:
                seed = derive_seed(self._spec.seed, "proposal", self._cell.name, number, "random")
                self._study.sampler = RandomSampler(seed=seed)
            yield self._draw()

    def _draw(self) -> dict[str, Any]:
        from optuna.trial import TrialState

        trial = self._study.ask(self._space)
        self._study.tell(trial, state=TrialState.FAIL)  # which samplers pass over: the result comes when it is told
        return dict(trial.params)

    def _sampler(self, number: int) -> BaseSampler:
        """Returns the sampler of one proposal, with a seed derived from the study's."""
        from optuna.samplers import RandomSampler

        seed = derive_seed(self._spec.seed, "proposal", self._cell.name, number)
        if self._spec.search.sampler == "random":
            return RandomSampler(seed=seed)
        together = {key: self._space[key] for key in sorted(self._shared) if not self._space[key].single()}
        return tpe_sampler(seed, self._spec.search.startup_trials, together if self._n_told else {})


def tpe_sampler(seed: int, startup_trials: int, together: dict[str, BaseDistribution]) -> BaseSampler:
    """Returns Optuna's TPE sampler, which draws these keys together.

    It would find the same keys by itself, but by reading all trials for each proposal.
    """
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import TPESampler

    class JointSampler(TPESampler):
        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
            return together

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # multivariate is stable from Optuna 5 on
        return JointSampler(seed=seed, n_startup_trials=startup_trials, multivariate=True, constant_liar=False)


def frozen_trial(result: SearchResult, cell: Cell) -> FrozenTrial:
    """Returns the Optuna trial of a cell's result: COMPLETE or PRUNED with its dev AUC, or FAIL.

    TPE ranks pruned trials by their last step, longer ones first. A value outside the space is left out, as Optuna
    refuses it; the default of an option that a method has gained may be such a value.
    """
    from optuna.trial import TrialState, create_trial

    params = {key: value for key, value in result.params.items() if cell.space[key].contains(value)}
    space = distributions(cell.space, cell.method.method_class.Options)
    stopped = TrialState.PRUNED if result.pruned else TrialState.FAIL
    return create_trial(
        state=TrialState.COMPLETE if result.complete else stopped,
        params=params,
        distributions={key: space[key] for key in params},
        value=result.dev_auc,
        intermediate_values=result.steps,
    )
