"""Step rules: how far an estimated gradient moves the latent.

``reach`` counts embedding spreads. A move of length ``reach * sqrt(d)`` changes each entry of the prompt by about
``reach`` standard deviations of the embedding table, whatever d, the model, and the scale of the loss.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.methods.base import State
from zostudy.methods.options import StepRuleName
from zostudy.methods.queries import Latents

Gradient = NDArray[np.float64]


class StepRule(ABC):
    """Turns gradients into moves. Its state is what it remembers of earlier steps."""

    def __init__(self, dim: int, reach: float, learning_rate: float) -> None:
        """Starts with nothing remembered.

        Args:
            dim: dimension d of the latent.
            reach: see above; every rule but ``plain`` uses it.
            learning_rate: factor of ``plain``.
        """
        self.dim, self.reach, self.learning_rate = dim, reach, learning_rate

    @abstractmethod
    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """Returns what to subtract from the latent, float64 ``[d]``."""

    def state_dict(self) -> State:
        """Returns what the rule remembers."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027  (most remember nothing)
        """Takes over a ``state_dict``."""


class Plain(StepRule):
    """``learning_rate * g``: the papers' own line. A good learning rate depends on the scale of the loss."""

    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """See ``StepRule``."""
        return self.learning_rate * gradient


class AdagradNorm(StepRule):
    """AdaGrad with one step size for all entries (Streeter and McMahan 2010; Ward, Wu and Bottou 2019).

        G <- G + |g|^2;   z <- z - reach * sqrt(d) * g / sqrt(G)

    The first move has length ``reach * sqrt(d)``, later ones shrink as the gradients add up. The rule needs to know
    neither the scale of the loss nor the number of steps.
    """

    def __init__(self, dim: int, reach: float, learning_rate: float) -> None:
        """See ``StepRule``."""
        super().__init__(dim, reach, learning_rate)
        self.length = reach * math.sqrt(dim)
        self.squared_norms = 0.0

    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """See ``StepRule``."""
        self.squared_norms += float((gradient * gradient).sum())
        return _divided(self.length * gradient, math.sqrt(self.squared_norms))

    def state_dict(self) -> State:
        """Returns G."""
        return {"squared_norms": np.array(self.squared_norms)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over G."""
        self.squared_norms = float(state["squared_norms"])


class Dog(AdagradNorm):
    """Distance over gradients (DoG; Ivgi, Hinder and Carmon, ICML 2023).

        r <- max(r, |z - z_0|);   G <- G + |g|^2;   z <- z - r * g / sqrt(G)

    z_0 is the zero latent, where every trial starts, and r begins at ``reach * sqrt(d)``.
    """

    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """See ``StepRule``."""
        self.length = max(self.length, float(np.linalg.norm(latent.astype(np.float64))))
        return super().move(gradient, latent)

    def state_dict(self) -> State:
        """Returns G and r."""
        return super().state_dict() | {"length": np.array(self.length)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over G and r."""
        super().load_state_dict(state)
        self.length = float(state["length"])


class Spread(StepRule):
    """``reach * g`` for a gradient whose length is about sqrt(d), as FZOO and ZOSA make it with the losses' spread."""

    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """See ``StepRule``."""
        return self.reach * gradient


_STEP_RULES: Mapping[str, type[StepRule]] = {
    "adagrad-norm": AdagradNorm,
    "dog": Dog,
    "plain": Plain,
    "spread": Spread,
}


def make_step_rule(name: StepRuleName, dim: int, reach: float, learning_rate: float) -> StepRule:
    """Returns the rule of that name; arguments as of ``StepRule``."""
    return _STEP_RULES[name](dim, reach, learning_rate)


def _divided(values: Gradient, divisor: float) -> Gradient:
    return values / divisor if divisor > 0 else np.zeros_like(values)
