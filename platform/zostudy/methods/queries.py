"""A method's queries to the model, the kinds of answers, and the record of a step."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Latents: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.int32]
Scores: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int32]
Losses: TypeAlias = NDArray[np.float64]
Access: TypeAlias = Literal["scores", "states", "gradients"]
"""The kind of answer that a replica gives for one example under one prompt, in float32.

``scores``: the C logits of the label words. ``states``: the D entries of the state from which the logits are read; an
encoder's pooled state. ``gradients``: for each class its logit and the d entries of the logit's gradient in the latent.
Only scores are what a black box gives.
"""


@dataclass(frozen=True)
class Queries:
    """Prompts to evaluate, each on its own batch of examples.

    Attributes:
        latents: float32 ``[q, d]``, one prompt each.
        rows: int32 ``[q, b]``, row numbers into the task's table: the examples that prompt is evaluated on.
        group: number of consecutive queries that must share a forward (2 for a +/- pair, whose
            difference would amplify any noise between forwards). The last group may be shorter.
        access: the kind of answer for each example; more than scores only if the method declares it in ``needs``.
    """

    latents: Latents
    rows: Rows
    group: int = 1
    access: Access = "scores"

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
        loss_spread: standard deviation of the losses of the step's probes, of its first stage where it has two. An
            ``AscendingMethod`` takes the changes along the directions, half the difference of a pair.
        gradient_norm: Euclidean norm of the (unscaled) estimate that moved the latent; 0 without one.
        latent_norm: Euclidean norm of the latent after the step.
        auxiliary: the objective's own scalars after the step (``a``, ``b``, ``alpha``), or nothing.
    """

    loss: float
    loss_spread: float
    gradient_norm: float
    latent_norm: float
    auxiliary: dict[str, float] = field(default_factory=dict)


Step: TypeAlias = Generator[Queries, tuple[Scores, Labels], StepRecord]
Evaluation: TypeAlias = Generator[Queries, tuple[Scores, Labels], Scores]
