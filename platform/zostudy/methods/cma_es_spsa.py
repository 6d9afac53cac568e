"""CMA-ES that finds a region, then SPSA that descends in it: the shape of SharpZO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from annotated_types import Ge, Gt, Lt
from typing_extensions import Doc

from zostudy.methods.cma_es import LEAST_POPULATION, CmaEs, CmaEsOptions, SubspaceDim
from zostudy.methods.context import Context
from zostudy.methods.option_notes import LogRange
from zostudy.methods.options import MethodOptions, Reach
from zostudy.methods.queries import Step
from zostudy.methods.registry import register_method
from zostudy.methods.spsa import Spsa, SpsaOptions
from zostudy.methods.state import State, part_of, with_prefix

_WARM_UP = "warm_up."


@dataclass(frozen=True, kw_only=True)
class CmaEsSpsaOptions(SpsaOptions, CmaEsOptions):
    """Options of CMA-ES, then SPSA."""

    subspace_dim: SubspaceDim = 100
    queries_per_step: Annotated[
        int, Ge(LEAST_POPULATION), Doc("population of a step of the warm-up, and the most queries of a later step")
    ] = 10
    warm_up: Annotated[float, Gt(0), Lt(1), Doc("share of the budget's steps that CMA-ES takes")] = 0.5
    warm_up_reach: Annotated[
        float, Gt(0), Doc("first standard deviation of CMA-ES, in embedding spreads"), LogRange(0.3, 10)
    ] = 2.0
    reach: Reach = 1.0


@register_method("cma-es-spsa")
class CmaEsSpsa(Spsa):
    """A warm-up by CMA-ES, whose mean SPSA then starts from: the order of SharpZO's two stages.

        for the first ``warm_up`` share of the steps:  z <- mean of CMA-ES after one population
        then:                                          z <- z - move along SPSA's estimate

    SharpZO's first stage is a sharpness-aware CMA-ES by coordinate-wise differences, whose cost grows with d, and its
    second prunes entries of the gradient; both are left out. SharpZO switches after a number of steps or when
    validation no longer gains. We switch after a share of the budget, because dev must not steer a step here.

    Cost: the queries of a step of ``spsa``, in both parts; they are CMA-ES's population.

    Settings: The order of the stages is the paper's. Ours are all defaults: ``queries_per_step`` 10, ``warm_up`` 0.5,
    ``warm_up_reach`` 2, ``subspace_dim`` 100, and ``reach`` 1, which is shorter than SPSA's, so that the descent does
    not leave at once the region that was found. All others are those of ``cma-es`` and ``spsa``, each for its part.
    """

    Options = CmaEsSpsaOptions
    options: CmaEsSpsaOptions
    use = (
        "to study a warm-up; "
        "with defaults above cma-es on two embedded models, but below cma-es in mean rank on real text; "
        "above bpt-fzg in 1 of 7 blocks of the record"
    )

    def __init__(self, options: CmaEsSpsaOptions, context: Context) -> None:
        """Starts CMA-ES at zero; raises as ``Spsa`` does."""
        super().__init__(options, context)
        inherited = {one.name: getattr(options, one.name) for one in fields(CmaEsOptions)}
        own = {"queries_per_step": self.step_cost, "reach": options.warm_up_reach}
        self.cma_es = CmaEs(CmaEsOptions(**inherited | own), context)
        self.cma_es.objective = self.objective
        self._warm_up_steps = max(1, int(options.warm_up * (context.step_budget // self.step_cost)))

    @property
    def least_directions(self) -> int:
        """As many as give CMA-ES a population: its candidates are all queries but that of the objective's scalars."""
        if self.central:
            return LEAST_POPULATION // 2
        return LEAST_POPULATION - 1 + int(self.objective.has_auxiliaries)

    @classmethod
    def remedy_for_square_cost(cls, options: MethodOptions) -> str | None:
        """As CMA-ES's."""
        remedy = CmaEs.remedy_for_square_cost(options)
        return remedy and remedy.replace("cma-es", cls.name)

    def step(self) -> Step:
        """Takes a step of CMA-ES in the first part of the budget, of SPSA in the rest."""
        if self.step_number >= self._warm_up_steps:
            return (yield from super().step())
        self.cma_es.step_number, self.cma_es.objective = self.step_number, self.objective
        record = yield from self.cma_es.step()
        self.latent = self.cma_es.latent
        return record

    def state(self) -> State:
        """Returns SPSA's state and CMA-ES's."""
        return super().state() | with_prefix(_WARM_UP, self.cma_es.state())

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state`` returned."""
        super().load_state(state)
        self.cma_es.load_state(part_of(state, _WARM_UP))
