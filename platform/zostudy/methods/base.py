"""The base class of every method: a generator of queries, driven by ask and tell until the budget is spent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from typing import Any, ClassVar

import numpy as np

from zostudy.errors import SpecError
from zostudy.methods.context import Context
from zostudy.methods.contract import check_answers, check_end, check_queries, check_spent
from zostudy.methods.options import MethodOptions
from zostudy.methods.queries import Access, Evaluation, Labels, Latents, Queries, Rows, Scores, Step, StepRecord
from zostudy.methods.state import State, Stateful


class Method(Stateful, ABC):
    """An ask/tell optimiser of a prompt's latent.

    A subclass writes ``step``, a generator that reads like the paper's pseudo-code: it yields queries,
    is sent their scores and labels, moves ``self.latent`` and returns a record. It is run by
    ``while not method.finished: method.tell(*evaluate(method.ask()))``.

    Attributes:
        name: the name under which it is registered.
        Options: its options, a frozen dataclass.
        spends_queries: False for a method that tunes nothing; its options are never searched.
        uses_prompt: False for a method that puts no vectors in front of the text; its latent is empty.
        needs: the answers that it asks of the model beside scores. A method that needs states or gradients is a
            reference with more access than a black box gives, and is never ranked with the others.
        use: when to use it, in a line, as ``zostudy methods`` shows it.
        state_attributes: names of attributes, arrays or Python numbers, that steps change beside the latent, such as a
            momentum. They are saved with the latent, so that a resumed trial has them. Those of base classes are too.
        latent: float32 ``[d]``, the point to evaluate.
        step_number: steps done.
        queries_spent: queries of the trial spent so far, never above ``context.budget``.
    """

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]]
    spends_queries: ClassVar[bool] = True
    uses_prompt: ClassVar[bool] = True
    needs: ClassVar[Access] = "scores"
    use: ClassVar[str] = ""

    def __init__(self, options: MethodOptions, context: Context) -> None:
        """Starts at the zero latent, where the prompt is its start tokens.

        Raises:
            SpecError: the step's cost is no number of queries, or the budget is smaller.
        """
        self.options = options
        self.context = context
        self._latent_size = options.subspace_dim if self.uses_prompt else 0
        self.latent: Latents = np.zeros(self._latent_size, dtype=np.float32)
        self.step_number = 0
        self.queries_spent = self._spent_before = context.queries_before
        self._is_drawn = np.bincount(context.rows) > 0
        self._running: Step | None = None
        self._pending: Queries | None = None
        cost, least = self.step_cost, int(self.spends_queries)
        if not isinstance(cost, int | np.integer) or cost < least:
            rule, got = f"step_cost must be a whole number of at least {least}", f"that of {self.name} is {cost!r}"
            raise SpecError(rule, got=got, remedy="mend the method")
        if context.step_budget < cost:
            start = f" after the {context.queries_before} that choose the start" if context.queries_before else ""
            raise SpecError(
                f"must hold at least one step of {self.name}, {cost} queries{start}",
                got=f"is {context.budget}",
                remedy="raise it or lower queries_per_step",
                about="budget.queries",
            )

    @classmethod
    def remedy_for_square_cost(cls, options: MethodOptions) -> str | None:
        """Returns how to avoid memory or time that grows with the square of d; None where neither does.

        A prompt without a subspace has thousands of dimensions, for which such a method is refused.
        """
        return None

    @abstractmethod
    def step(self) -> Step:
        """Yields the queries of one step, moves the latent, returns the step's record."""

    def evaluation(self, latent: Latents, rows: Rows) -> Evaluation:
        """Yields the queries that evaluate a point, outside the budget, and returns the scores.

        Args:
            latent: float32 ``[d]``, one that the method has had.
            rows: int32 ``[n]``, of dev or test.

        Returns:
            The scores, float32 ``[n, C]``, after the queries have been answered.
        """
        answers, _ = yield Queries(latent[None], rows[None])
        scores: Scores = answers[0]
        return scores

    @property
    @abstractmethod
    def step_cost(self) -> int:
        """The queries that one whole step costs, the same for every step."""

    @property
    def finished(self) -> bool:
        """True if the budget has no room for another whole step."""
        return self._running is None and self.queries_spent + self.step_cost > self.context.budget

    def ask(self) -> Queries:
        """Returns the queries to evaluate next. Until ``tell``, every call returns the same ones.

        Raises:
            RuntimeError: the method has finished.
            TypeError: ``step`` is no generator of ``Queries``.
            ValueError: it breaks a rule of ``zostudy.methods.contract``.
        """
        if self._pending is None:
            if self.finished:
                raise RuntimeError(f"{self.name} has finished: {self.queries_spent} queries spent")
            self._running = self.step()
            if not isinstance(self._running, Generator):
                raise TypeError("step must be a generator: it yields Queries, and returns self.record(...)")
            self._spent_before = self.queries_spent
            self._pending = self._checked(next(self._running, None))
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
            TypeError: the step returns no ``StepRecord``, or goes on with something other than ``Queries``.
            ValueError: the scores or the step break a rule of ``zostudy.methods.contract``.
        """
        if self._running is None or self._pending is None:
            raise RuntimeError("tell must follow ask")
        check_answers(scores, self._pending, self.context.n_classes, self.step_number)
        self.queries_spent += self._pending.cost(self.context.batch_size)
        try:
            queries = self._running.send((scores, labels))
        except StopIteration as end:
            record: StepRecord = end.value
        else:
            self._pending = self._checked(queries)
            return None
        self._running = self._pending = None
        check_spent(self.queries_spent - self._spent_before, self.step_cost, ended=True)
        check_end(record, self.latent, self._latent_size, self.step_number)
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
        return counters | {"latent": self.latent.copy()} | self.state()

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
        self.load_state(state)

    def _checked(self, queries: Any) -> Queries:
        """Returns the queries that a step has yielded, if it may."""
        check_queries(queries, self._latent_size, self._is_drawn)
        cost = queries.cost(self.context.batch_size)
        check_spent(self.queries_spent + cost - self._spent_before, self.step_cost, ended=False)
        checked: Queries = queries
        return checked
