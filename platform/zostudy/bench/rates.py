"""How fast this machine multiplies large matrices: what a forward of the same dtype could reach at best."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.nn import functional

from zostudy.lm.linear import Linear
from zostudy.lm.weights import TORCH_DTYPES, DType

SHAPE = (2048, 4096, 4096)
"""Rows, inputs and outputs of the product."""
SECONDS = 1.0
"""How long each way of multiplying is tried."""


class MatrixProduct:
    """A large product in one dtype, by torch's own linear layer and by zostudy's."""

    def __init__(self, dtype: DType, device: str = "cpu") -> None:
        """Makes the matrices and warms up."""
        rows, n_inputs, n_outputs = SHAPE
        inputs = torch.randn(rows, n_inputs, device=device).to(TORCH_DTYPES[dtype])
        weight = torch.randn(n_outputs, n_inputs, device=device).to(TORCH_DTYPES[dtype])
        self._device = device
        self._ways: tuple[Callable[[], object], ...] = (
            lambda: functional.linear(inputs, weight),
            lambda: Linear(weight)(inputs),
        )
        for way in self._ways:
            self._seconds(way)

    @torch.inference_mode()
    def rate(self) -> float:
        """Returns floating point operations per second of the quickest product, of either way."""
        best = min(map(self._quickest, self._ways))
        rows, n_inputs, n_outputs = SHAPE
        return 2 * rows * n_inputs * n_outputs / best

    def _quickest(self, way: Callable[[], object]) -> float:
        began, best = time.perf_counter(), self._seconds(way)
        while time.perf_counter() - began < SECONDS:
            best = min(best, self._seconds(way))
        return best

    def _seconds(self, way: Callable[[], object]) -> float:
        started = time.perf_counter()
        way()
        if self._device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started
