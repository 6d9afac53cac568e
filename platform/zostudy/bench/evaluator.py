"""The evaluator section: zostudy's forward in float32 and bfloat16 beside two loops, on the same queries."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import torch
from torch.nn import functional

from zostudy.bench.flops import count_flops
from zostudy.bench.machine import peak_bytes, reset_peak
from zostudy.bench.models import BATCH, SUBSPACE_DIM, BenchModel, read_weights
from zostudy.bench.reference import ReferenceLoop
from zostudy.bench.report import ModelSpeed, Speed
from zostudy.bench.timing import in_turn, seconds_per_call
from zostudy.lm.architecture import Architecture
from zostudy.lm.frozen import FrozenLM
from zostudy.lm.linear import Linear
from zostudy.lm.weights import TORCH_DTYPES, DType
from zostudy.methods.queries import Scores

_log = logging.getLogger(__name__)

MATRIX_SHAPE = (2048, 4096, 4096)
"""Rows, inputs and outputs of the large product."""
MATRIX_SECONDS = 1.0
"""For this long each way of multiplying is repeated."""
REFERENCE = "reference"
CAREFUL = "careful"
DTYPES: tuple[DType, ...] = ("float32", "bfloat16")
AGREEMENT = 1e-4
"""The largest difference of float32 scores from the reference's."""


def measure_model(bench_model: BenchModel, device: str, rounds: int) -> ModelSpeed:
    """Returns how fast the model is scored on ``cpu`` or ``cuda`` in each of four ways, in one round or more."""
    reset_peak(device)
    _log.info("evaluator, %s: loading", bench_model.name)
    weights = {dtype: read_weights(bench_model, dtype) for dtype in DTYPES}
    loop = functools.partial(
        ReferenceLoop, bench_model.spec, bench_model.source, bench_model.task, SUBSPACE_DIM, device=device
    )
    reference = loop()
    evaluators: dict[str, ReferenceLoop | FrozenLM] = {REFERENCE: reference, CAREFUL: loop(careful=True)}
    evaluators |= {dtype: FrozenLM(bench_model.spec, weights[dtype], bench_model.task, device) for dtype in DTYPES}
    speeds = _speeds(bench_model, evaluators, weights["float32"].architecture, device, rounds)
    lengths = bench_model.task.lengths
    return ModelSpeed(
        model=bench_model.name,
        weights=bench_model.weights,
        parameters=sum(parameter.numel() for parameter in reference.model.parameters()),
        prompt_tokens=bench_model.spec.prompt_tokens,
        queries=bench_model.queries,
        batch=BATCH,
        mean_tokens=float(lengths.mean()),
        most_tokens=int(lengths.max()),
        peak_bytes=peak_bytes(device),
        speeds=speeds,
    )


def disagreement(measured: ModelSpeed) -> str | None:
    """Returns a message if the float32 scores are not the reference's, else None."""
    [found] = [speed.difference for speed in measured.speeds if speed.evaluator == "float32"]
    if found <= AGREEMENT:
        return None
    return f"{measured.model}: float32 scores must agree with the reference to {AGREEMENT:g}, but differ by {found:.2g}"


def _speeds(
    bench_model: BenchModel,
    evaluators: dict[str, ReferenceLoop | FrozenLM],
    shape: Architecture,
    device: str,
    rounds: int,
) -> tuple[Speed, ...]:
    latents, rows = bench_model.latents, bench_model.rows
    calls = {name: functools.partial(each.score, latents, rows) for name, each in evaluators.items()}
    scores: dict[str, Scores] = {}
    for name, call in calls.items():
        _log.info("evaluator, %s: first scores, %s", bench_model.name, name)
        scores[name] = call()

    timings: dict[str, Callable[[], float]] = {
        name: functools.partial(seconds_per_call, call) for name, call in calls.items()
    }
    timings |= {_matrix(dtype): MatrixProduct(dtype, device).rate for dtype in DTYPES}
    measured = in_turn(timings, rounds, f"evaluator, {bench_model.name}")
    flops = count_flops(shape, bench_model.task, rows, bench_model.spec.prompt_tokens, SUBSPACE_DIM, device) / len(rows)
    tokens = BATCH * (float(bench_model.task.lengths.mean()) + bench_model.spec.prompt_tokens)
    return tuple(
        _speed(
            name,
            seconds=[value / len(rows) for value in measured[name]],
            reference_seconds=median(measured[REFERENCE]) / len(rows),
            tokens=tokens,
            difference=float(np.abs(scores[name] - scores[REFERENCE]).max()),
            work=(flops, max(measured[_matrix(name)])) if name in DTYPES else None,
        )
        for name in evaluators
    )


class MatrixProduct:
    """A large product in one dtype, by torch's own linear layer and by zostudy's: the best rate for a forward."""

    def __init__(self, dtype: DType, device: str = "cpu") -> None:
        """Makes the matrices and warms up."""
        rows, n_inputs, n_outputs = MATRIX_SHAPE
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
        """Returns the floating point operations per second of the quickest product."""
        rows, n_inputs, n_outputs = MATRIX_SHAPE
        return 2 * rows * n_inputs * n_outputs / min(map(self._quickest, self._ways))

    def _quickest(self, way: Callable[[], object]) -> float:
        began, best = time.perf_counter(), self._seconds(way)
        while time.perf_counter() - began < MATRIX_SECONDS:
            best = min(best, self._seconds(way))
        return best

    def _seconds(self, way: Callable[[], object]) -> float:
        started = time.perf_counter()
        way()
        if self._device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started


def _matrix(dtype: str) -> str:
    return f"matrix product, {dtype}"


def _speed(
    evaluator: str,
    seconds: Sequence[float],
    reference_seconds: float,
    tokens: float,
    difference: float,
    work: tuple[float, float] | None,
) -> Speed:
    """Returns the figures of a query; ``work`` is its operations, and the matrix product's per second."""
    middle = median(seconds)
    flops, matrix_rate = work or (None, None)
    rate = flops and flops / middle
    return Speed(
        evaluator=evaluator,
        seconds=middle,
        seconds_least=min(seconds),
        seconds_most=max(seconds),
        queries_per_second=1 / middle,
        ratio=reference_seconds / middle,
        tokens_per_second=tokens / middle,
        difference=difference,
        flops=flops,
        flops_per_second=rate,
        matrix_flops_per_second=matrix_rate,
        share_of_matrix_rate=rate and matrix_rate and rate / matrix_rate,
    )
