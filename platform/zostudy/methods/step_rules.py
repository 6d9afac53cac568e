"""Step rules: how far an estimated gradient moves the latent.

``reach`` counts embedding spreads. A move of length ``reach * sqrt(d)`` changes each entry of the prompt by about
``reach`` standard deviations of the embedding table, whatever d, the model, and the scale of the loss.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from zostudy.methods.estimators import Gradient
from zostudy.methods.options import ProbingOptions
from zostudy.methods.queries import Latents
from zostudy.methods.state import Stateful


class StepRule(Stateful, ABC):
    """Turns gradients into moves. Its state is what it remembers of earlier steps."""

    def __init__(self, options: ProbingOptions) -> None:
        """Starts with nothing remembered."""
        self.options = options

    @abstractmethod
    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """Returns what to subtract from the latent, float64 ``[d]``."""


class Plain(StepRule):
    """``learning_rate * g``: the papers' own line. A good learning rate depends on the scale of the loss."""

    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """See ``StepRule``."""
        return self.options.learning_rate * gradient


class AdagradNorm(StepRule):
    """AdaGrad with one step size for all entries (Streeter and McMahan 2010; Ward, Wu and Bottou 2019).

        G <- G + |g|^2;   z <- z - reach * sqrt(d) * g / sqrt(G)

    The first move has length ``reach * sqrt(d)``, later ones shrink as the gradients add up. The rule needs to know
    neither the scale of the loss nor the number of steps.
    """

    state_attributes = ("squared_norms",)

    def __init__(self, options: ProbingOptions) -> None:
        """See ``StepRule``."""
        super().__init__(options)
        self.length = options.reach * math.sqrt(options.subspace_dim)
        self.squared_norms = 0.0

    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """See ``StepRule``."""
        self.squared_norms += float((gradient * gradient).sum())
        return _divided(self.length * gradient, math.sqrt(self.squared_norms))


class Dog(AdagradNorm):
    """Distance over gradients (DoG; Ivgi, Hinder and Carmon, ICML 2023).

        r <- max(r, |z - z_0|);   G <- G + |g|^2;   z <- z - r * g / sqrt(G)

    z_0 is the zero latent, where every trial starts, and r begins at ``reach * sqrt(d)``.
    """

    state_attributes = ("length",)

    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """See ``StepRule``."""
        self.length = max(self.length, float(np.linalg.norm(latent.astype(np.float64))))
        return super().move(gradient, latent)


class Spread(StepRule):
    """``reach * g`` for a gradient whose length is about sqrt(d), as FZOO and ZOSA make it with the losses' spread."""

    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """See ``StepRule``."""
        return self.options.reach * gradient


class Amsgrad(StepRule):
    """AMSGrad (Reddi, Kale and Kumar, ICLR 2018), each entry by the root of its own largest mean square.

        m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2;   w <- max(w, v);   z <- z - reach * m / sqrt(w)

    With ``bias_correction`` m and w are divided by 1 - beta^t, as in Adam and in torch's AMSGrad: then the first move
    is reach in each entry. There is no constant below the root; an entry that never had a slope does not move.
    """

    state_attributes = ("steps", "mean", "square", "largest")

    def __init__(self, options: ProbingOptions) -> None:
        """See ``StepRule``."""
        super().__init__(options)
        self.steps = 0
        self.mean = np.zeros(options.subspace_dim)
        self.square = np.zeros(options.subspace_dim)
        self.largest = np.zeros(options.subspace_dim)

    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """See ``StepRule``."""
        self.steps += 1
        mean = self._learn_mean(gradient)
        self._learn_square(gradient)
        self.largest = np.maximum(self.largest, self.square)
        return self._moved(mean, self.largest)

    def _learn_mean(self, gradient: Gradient) -> Gradient:
        decay = self.options.mean_decay
        self.mean = decay * self.mean + (1 - decay) * gradient
        return self.mean / self._bias(decay)

    def _learn_square(self, values: Gradient) -> None:
        decay = self.options.square_decay
        self.square = decay * self.square + (1 - decay) * values**2

    def _moved(self, mean: Gradient, square: Gradient) -> Gradient:
        root = np.sqrt(square / self._bias(self.options.square_decay))
        return self.options.reach * np.divide(mean, root, out=np.zeros_like(mean), where=root > 0)

    def _bias(self, decay: float) -> float:
        return 1 - decay**self.steps if self.options.bias_correction else 1.0


class RAdazoRule(Amsgrad):
    """R-AdaZO (ICML 2025): the second moment is that of the mean gradient, whose noise is less.

    m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) m^2;   z <- z - reach * m / sqrt(v)

    With ``bias_correction`` the m of m^2 is the one divided by 1 - beta1^t.
    """

    def move(self, gradient: Gradient, latent: Latents) -> Gradient:
        """See ``StepRule``."""
        self.steps += 1
        mean = self._learn_mean(gradient)
        self._learn_square(mean)
        return self._moved(mean, self.square)


_STEP_RULES: Mapping[str, type[StepRule]] = {
    "adagrad-norm": AdagradNorm,
    "dog": Dog,
    "amsgrad": Amsgrad,
    "r-adazo": RAdazoRule,
    "plain": Plain,
    "spread": Spread,
}


def make_step_rule(options: ProbingOptions) -> StepRule:
    """Returns the rule that ``options.step_rule`` names."""
    return _STEP_RULES[options.step_rule](options)


def _divided(values: Gradient, divisor: float) -> Gradient:
    return values / divisor if divisor > 0 else np.zeros_like(values)
