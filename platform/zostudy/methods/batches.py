"""Samplers of batches: a pure function of seed and step, so the same for every method."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import SpecError
from zostudy.methods.context import Context
from zostudy.methods.queries import Rows
from zostudy.randomness import generator

Positions = NDArray[np.int64]


class Sampler(ABC):
    """Draws batches from the training rows.

    Attributes:
        class_shares: float64 ``[C]``, the expected share of each class in a batch. Objectives use it as the class
            prior, so stratified batches have a prior of their own.
    """

    class_shares: NDArray[np.float64]

    @abstractmethod
    def batch(self, step: int) -> Rows:
        """Returns the step's rows of the table, int32 ``[batch_size]``."""


def make_sampler(context: Context) -> Sampler:
    """Returns the sampler that ``context.imbalance`` names."""
    kinds = {"natural": NaturalSampler, "stratified": StratifiedSampler}
    return kinds[context.imbalance.sampler](context)


class NaturalSampler(Sampler):
    """Shuffled epochs over the training rows: every example is drawn once before any repeats."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.class_shares = np.bincount(context.labels, minlength=context.n_classes) / len(context.labels)

    def batch(self, step: int) -> Rows:
        """Returns the next ``batch_size`` rows of the epochs, int32."""
        size = self._context.batch_size
        everyone = np.arange(len(self._context.rows))
        return self._context.rows[_stream(self._context.seed, everyone, "all", step * size, size)]


class StratifiedSampler(Sampler):
    """Every class in equal number in every batch, each class in shuffled epochs of its own.

    If the batch size is no multiple of C, some classes, minority ones first, get one more. A class with fewer examples
    than its part of the batch repeats some.
    """

    def __init__(self, context: Context) -> None:
        """Divides the batch among the classes.

        Raises:
            SpecError: the batch is smaller than the number of classes, or a class has no example.
        """
        size, n_classes = context.batch_size, context.n_classes
        if size < n_classes:
            raise SpecError(
                f"a stratified batch must hold each of {n_classes} classes",
                got=f"budget.batch_size is {size}",
                remedy=f"raise it to {n_classes} or use imbalance.sampler: natural",
            )
        self._context = context
        self._members = [np.flatnonzero(context.labels == label) for label in range(n_classes)]
        empty = [label for label, members in enumerate(self._members) if len(members) == 0]
        if empty:
            raise SpecError(
                "a stratified batch needs training examples of every class",
                got=f"class {empty[0]} has none",
                remedy="supply some or use imbalance.sampler: natural",
            )
        self._counts = self._divide(size, n_classes)
        self.class_shares = self._counts / size

    def batch(self, step: int) -> Rows:
        """Returns the step's rows, int32 ``[batch_size]``, class after class."""
        seed = self._context.seed
        parts = [
            _stream(seed, members, f"class {label}", step * count, count)
            for label, (members, count) in enumerate(zip(self._members, self._counts.tolist(), strict=True))
        ]
        return self._context.rows[np.concatenate(parts)]

    def _divide(self, size: int, n_classes: int) -> NDArray[np.int64]:
        rare = self._context.minority_classes
        order = [*rare, *(label for label in range(n_classes) if label not in rare)]
        counts = np.full(n_classes, size // n_classes)
        counts[order[: size % n_classes]] += 1
        return counts


def _stream(seed: int, members: Positions, name: str, start: int, count: int) -> Positions:
    """Returns elements start..start+count of the endless sequence of shuffled epochs over the members."""
    epochs = range(start // len(members), (start + count - 1) // len(members) + 1)
    shuffled = [generator(seed, "batch", name, epoch).permutation(members) for epoch in epochs]
    offset = start - epochs.start * len(members)
    return np.concatenate(shuffled)[offset : offset + count]
