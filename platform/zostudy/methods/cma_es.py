"""CMA-ES in the latent: black-box tuning (BBT), through the ``cmaes`` library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray
from typing_extensions import Doc

from zostudy.errors import SpecError
from zostudy.methods.context import Context
from zostudy.methods.estimators import spread
from zostudy.methods.option_notes import LogRange
from zostudy.methods.options import MethodOptions, ObjectiveOptions
from zostudy.methods.probing import TunedMethod
from zostudy.methods.queries import Queries, Step
from zostudy.methods.registry import register_method
from zostudy.methods.state import State
from zostudy.randomness import generator

LEAST_POPULATION = 4
"""Of three candidates only the best has weight, from which the library divides by zero."""

Population = NDArray[np.float64]
SubspaceDim: TypeAlias = Annotated[
    int, Ge(2), Doc("dimension d of the latent that is tuned; CMA-ES needs two"), LogRange(20, 500)
]


@dataclass(frozen=True, kw_only=True)
class CmaEsOptions(ObjectiveOptions):
    """Options of CMA-ES."""

    subspace_dim: SubspaceDim = 100
    queries_per_step: Annotated[
        int, Ge(LEAST_POPULATION), Doc("population size: queries of a step (auc spends one of them at the mean)")
    ] = 20
    reach: Annotated[
        float,
        Gt(0),
        Doc("first standard deviation of each entry of the population, in embedding spreads; CMA-ES adapts it"),
        LogRange(0.3, 10),
    ] = 2.0
    covariance: Annotated[
        Literal["full", "separable"],
        Doc("full: d^2 numbers, which each step decomposes; separable: one variance for each entry"),
    ] = "full"


@register_method("cma-es")
class CmaEs(TunedMethod):
    """BBT (Sun et al., ICML 2022): CMA-ES over the latent, a whole population on the step's batch.

        x_k ~ N(z, sigma^2 C), k = 1..population;   l_k = L(x_k), all on one batch
        z <- weighted mean of the half with the least losses;   sigma and C follow the same ranking

    The weights and the paths of sigma and C are the library's. ``covariance: separable`` is sep-CMA-ES (Ros & Hansen,
    PPSN 2008), whose C is diagonal and whose time grows with d alone: the form for a prompt without a subspace. The
    state is the losses of all generations: each population is a function of the seed, the generation and the earlier
    losses, so loading a state replays them.

    Cost: ``queries_per_step`` queries a step, one for each candidate. The AUC objective takes one of them for the mean,
    where its scalars step.

    Settings: BBT's are the start at zero, a population of 20 (``queries_per_step``) and ``covariance: full``. BBT has
    500 numbers, a first sigma of 1, the whole training set as a batch, 8,000 queries, and keeps the candidate with the
    best dev score. Ours are ``subspace_dim`` 100, ``reach`` 2 as the first sigma, the batches of the study, and the
    mean as the point to evaluate: one lucky batch misleads it less than the best candidate ever seen.
    """

    Options = CmaEsOptions
    options: CmaEsOptions
    use = (
        "as the classic black-box baseline; "
        "with defaults above spsa on one embedded model of three, and above spsa in mean rank on real text; "
        "above bpt-fzg in 4 of 29 blocks of the record"
    )

    def __init__(self, options: CmaEsOptions, context: Context) -> None:
        """Starts the search distribution at zero.

        Raises:
            SpecError: beside the query at the mean too few are left for a population; and as ``TunedMethod``.
        """
        super().__init__(options, context)
        if self._population_size < LEAST_POPULATION:
            rule = f"must be at least {LEAST_POPULATION + 1} with {options.objective}, which takes one at the mean"
            about, got = f"queries_per_step of {self.name}", f"got {options.queries_per_step}"
            raise SpecError(rule, got=got, remedy="raise it", about=about)
        self._losses: list[NDArray[np.float64]] = []
        self._search = self._new_search()

    @classmethod
    def remedy_for_square_cost(cls, options: MethodOptions) -> str | None:
        """Returns the separable form, where the covariance is full."""
        full = isinstance(options, CmaEsOptions) and options.covariance == "full"
        return "write {cma-es: {covariance: separable}}" if full else None

    @property
    def step_cost(self) -> int:
        """The population, and the mean if the objective has scalars of its own."""
        return self.options.queries_per_step

    @property
    def _population_size(self) -> int:
        return self.step_cost - int(self.objective.has_auxiliaries)

    def step(self) -> Step:
        """Evaluates one population and updates the search distribution by its ranking."""
        population = self._population(len(self._losses))
        at_mean = [self.latent] if self.objective.has_auxiliaries else []
        latents = np.stack([*population.astype(np.float32), *at_mean])
        scores, labels = yield Queries(latents, np.tile(self.batch(), (len(latents), 1)))
        size = len(population)
        self.objective.start(scores[size:], labels[size:])

        losses = self.objective.losses(scores, labels).mean(axis=1)
        self._learn(population, losses[:size])
        self.objective.update(scores[size:], labels[size:])
        return self.record(float(losses[:size].mean()), spread(losses[:size]))

    def _population(self, generation: int) -> Population:
        """Draws the generation's candidates, float64 ``[population, d]``, from a seed of its own."""
        self._search.reseed_rng(int(generator(self.context.seed, "population", generation).integers(2**32)))
        return np.stack([self._search.ask() for _ in range(self._search.population_size)])

    def _learn(self, population: Population, losses: NDArray[np.float64]) -> None:
        self._search.tell(list(zip(population, losses.tolist(), strict=True)))
        self._losses.append(losses)
        self.latent = self._search.mean.astype(np.float32)

    def _new_search(self) -> Any:
        from cmaes import CMA, SepCMA  # type: ignore[import-untyped]  # here, because it imports scipy, which is slow

        mean = np.zeros(self.options.subspace_dim)
        kind = CMA if self.options.covariance == "full" else SepCMA
        return kind(mean=mean, sigma=self.options.reach, population_size=self._population_size, seed=0)

    def state(self) -> State:
        """Returns the losses of all generations and where they have led, beside the objective's scalars."""
        return super().state() | {"told": np.array(self._losses), "mean": self._search.mean.copy()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Makes the search distribution again, by telling it the losses of all generations.

        Raises:
            ValueError: it comes out otherwise: the eigenvectors of an almost round distribution follow the last bits
                of this processor's linear algebra.
        """
        super().load_state(state)
        self._losses, self._search = [], self._new_search()
        for generation, losses in enumerate(np.asarray(state["told"])):
            self._learn(self._population(generation), losses)
        if not np.array_equal(self._search.mean, state["mean"]):
            raise ValueError("CMA-ES's distribution comes out otherwise on this kind of processor")
