"""The base class of every method: a generator of queries, driven by ask and tell until the budget is spent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import NotFiniteError, SpecError
from zostudy.methods.options import ImbalanceSettings, MethodOptions

Latents: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.int32]
Scores: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int32]
Losses: TypeAlias = NDArray[np.float64]
State: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Queries:
    """Prompts to evaluate, each on its own batch of examples.

    Attributes:
        latents: float32 ``[q, d]``, one prompt each.
        rows: int32 ``[q, b]``, row numbers into the task's table: the examples that prompt is evaluated on.
        group: number of consecutive queries that must share a forward (2 for a +/- pair, whose
            difference would amplify any noise between forwards). The last group may be shorter.
    """

    latents: Latents
    rows: Rows
    group: int = 1

    def cost(self, batch_size: int) -> int:
        """Returns the queries charged: ``q * b / batch_size``.

        One query is one prompt on one batch, or equally one batch with a prompt of its own for each example.
        """
        cost, rest = divmod(self.rows.size, batch_size)
        if rest:
            raise ValueError(f"queries must fill whole batches of {batch_size}, but hold {self.rows.size} rows")
        return cost


@dataclass(frozen=True)
class StepRecord:
    """Measurements of one step.

    Attributes:
        loss: the objective's mean over the batch at the unperturbed latent where the method asks for it, else
            its mean over the step's probes. The AUC objective is a saddle: it may rise or be negative.
        loss_spread: standard deviation of the step's losses over its probes.
        gradient_norm: Euclidean norm of the (unscaled) estimate that moved the latent; 0 without one.
        latent_norm: Euclidean norm of the latent after the step.
        auxiliary: the objective's own scalars after the step (``a``, ``b``, ``alpha``), or nothing.
    """

    loss: float
    loss_spread: float
    gradient_norm: float
    latent_norm: float
    auxiliary: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """Everything that a method knows about its trial.

    Attributes:
        seed: the trial's seed; all noise is a function of it and the step.
        labels: int32 ``[n_train]``, the classes of the training draw.
        rows: int32 ``[n_train]``, its row numbers in the task's table.
        n_classes: number of classes, C.
        minority_classes: the rare classes; with two classes the first is the AUC objective's positive one.
        batch_size: examples in one query.
        budget: queries the method may spend.
        imbalance: sampler, prior, margin and class weights.
    """

    seed: int
    labels: Labels
    rows: Rows
    n_classes: int
    minority_classes: tuple[int, ...]
    batch_size: int
    budget: int
    imbalance: ImbalanceSettings = field(default_factory=ImbalanceSettings)


Step: TypeAlias = Generator[Queries, tuple[Scores, Labels], StepRecord]


class Method(ABC):
    """An ask/tell optimiser of a prompt's latent.

    A subclass writes ``step``, a generator that reads like the paper's pseudo-code: it yields queries,
    is sent their scores and labels, moves ``self.latent`` and returns a record. It is run by
    ``while not method.finished: method.tell(*evaluate(method.ask()))``.

    Attributes:
        name: the name under which it is registered.
        Options: its options, a frozen dataclass.
        spends_queries: False for a method that tunes nothing; its options are never searched.
        latent: float32 ``[d]``, the point to evaluate.
        step_number: steps done.
        queries_spent: queries spent so far, never above ``context.budget``.
    """

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]]
    spends_queries: ClassVar[bool] = True

    def __init__(self, options: MethodOptions, context: Context) -> None:
        """Starts at the zero latent, where the prompt is its start tokens.

        Raises:
            SpecError: the budget is smaller than one step.
        """
        self.options = options
        self.context = context
        self.latent: Latents = np.zeros(options.subspace_dim, dtype=np.float32)
        self.step_number = 0
        self.queries_spent = 0
        self._running: Step | None = None
        self._pending: Queries | None = None
        if context.budget < self.step_cost:
            raise SpecError(
                f"must hold at least one step of {self.name}, {self.step_cost} queries",
                got=f"is {context.budget}",
                remedy="raise it or lower queries_per_step",
                about="budget.queries",
            )

    @abstractmethod
    def step(self) -> Step:
        """Yields the queries of one step, moves the latent, returns the step's record."""

    @property
    @abstractmethod
    def step_cost(self) -> int:
        """The queries that one whole step costs, the same for every step."""

    @property
    def finished(self) -> bool:
        """Whether the budget has no room for another whole step."""
        return self._running is None and self.queries_spent + self.step_cost > self.context.budget

    def ask(self) -> Queries:
        """Returns the queries to evaluate next. Until ``tell``, every call returns the same ones.

        Raises:
            RuntimeError: the method has finished.
        """
        if self._pending is None:
            if self.finished:
                raise RuntimeError(f"{self.name} has finished: {self.queries_spent} queries spent")
            self._running = self.step()
            self._pending = next(self._running)
        return self._pending

    def tell(self, scores: Scores, labels: Labels) -> StepRecord | None:
        """Takes the answer to the last ``ask``.

        Args:
            scores: float32 ``[q, b, C]``, logits of the label words.
            labels: int32 ``[q, b]``, the classes of those examples.

        Returns:
            The record of the step this ends, or None when the step goes on with another ``ask``.

        Raises:
            NotFiniteError: a score, the loss or the latent is not finite.
            RuntimeError: nothing was asked.
        """
        if self._running is None or self._pending is None:
            raise RuntimeError("tell must follow ask")
        self._check_scores(scores, self._pending)
        self.queries_spent += self._pending.cost(self.context.batch_size)
        try:
            self._pending = self._running.send((scores, labels))
        except StopIteration as end:
            record: StepRecord = end.value
        else:
            return None
        self._running = self._pending = None
        self._check_record(record)
        self.step_number += 1
        return record

    def state_dict(self) -> State:
        """Returns copies of everything that steps change, as small arrays and numbers. Called between steps.

        Raises:
            RuntimeError: a step is under way.
        """
        if self._running is not None:
            raise RuntimeError("state_dict is defined between steps only")
        counters = {"step_number": self.step_number, "queries_spent": self.queries_spent}
        return counters | {"latent": self.latent.copy()} | self._extra_state()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores a ``state_dict``. The steps that follow equal those of an uninterrupted run, bit for bit.

        Raises:
            ValueError: the latent is of another length, or not finite.
        """
        latent = np.array(state["latent"], dtype=np.float32)
        if latent.shape != self.latent.shape or not np.isfinite(latent).all():
            raise ValueError(
                f"a saved latent must hold {self.latent.size} finite numbers, but has shape {latent.shape}"
            )
        self._running = self._pending = None
        self.step_number = int(state["step_number"])
        self.queries_spent = int(state["queries_spent"])
        self.latent = latent
        self._load_extra_state(state)

    def _extra_state(self) -> State:
        return {}

    def _load_extra_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027  (most have none)
        """Restores what ``_extra_state`` returned."""

    def _check_scores(self, scores: Scores, queries: Queries) -> None:
        expected = (*queries.rows.shape, self.context.n_classes)
        if scores.shape != expected:
            raise ValueError(f"scores must have shape {expected}, got {scores.shape}")
        bad = ~np.isfinite(scores)
        if bad.any():
            raise NotFiniteError(
                f"step {self.step_number}: {np.count_nonzero(bad)} of {scores.size} scores are not finite "
                f"(first: {scores[bad][0]}); lower perturbation_radius or learning_rate"
            )

    def _check_record(self, record: StepRecord) -> None:
        seen = {"loss": record.loss, "gradient norm": record.gradient_norm, "latent norm": record.latent_norm}
        for what, value in (seen | record.auxiliary).items():
            if not np.isfinite(value):
                raise NotFiniteError(f"step {self.step_number}: {what} is {value}; lower the learning rates")
