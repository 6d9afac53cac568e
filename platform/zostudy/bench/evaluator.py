"""The evaluator section: zostudy's forward in float32 and bfloat16 beside the reference loop, on the same queries."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from zostudy.bench.flops import count_flops
from zostudy.bench.machine import peak_bytes, reset_peak
from zostudy.bench.rates import MatrixProduct
from zostudy.bench.reference import ReferenceLoop
from zostudy.bench.report import ModelSpeed, Speed
from zostudy.bench.subjects import BATCH, SUBSPACE_DIM, Subject, read_weights
from zostudy.bench.timing import in_turn, seconds_per_call
from zostudy.lm.architecture import Architecture
from zostudy.lm.frozen import FrozenLM
from zostudy.lm.weights import DType

_log = logging.getLogger(__name__)

REFERENCE = "reference"
DTYPES: tuple[DType, ...] = ("float32", "bfloat16")
AGREEMENT = 1e-4
"""How far float32 scores may lie from the reference's."""

Scores: TypeAlias = NDArray[np.float32]


def measure_model(subject: Subject, device: str, rounds: int) -> ModelSpeed:
    """Returns how fast the subject is scored in each of three ways.

    Args:
        subject: the model and its texts.
        device: ``cpu`` or ``cuda``.
        rounds: at least 1.
    """
    reset_peak(device)
    _log.info("evaluator, %s: loading", subject.name)
    weights = {dtype: read_weights(subject, dtype) for dtype in DTYPES}
    reference = ReferenceLoop(subject.spec, subject.source, subject.task, SUBSPACE_DIM, device=device)
    evaluators: dict[str, ReferenceLoop | FrozenLM] = {REFERENCE: reference}
    evaluators |= {dtype: FrozenLM(subject.spec, weights[dtype], subject.task, device) for dtype in DTYPES}
    speeds = _speeds(subject, evaluators, weights["float32"].architecture, device, rounds)
    lengths = subject.task.lengths
    return ModelSpeed(
        model=subject.name,
        weights=subject.weights,
        parameters=sum(parameter.numel() for parameter in reference.model.parameters()),
        prompt_tokens=subject.spec.prompt_tokens,
        queries=subject.queries,
        batch=BATCH,
        mean_tokens=float(lengths.mean()),
        most_tokens=int(lengths.max()),
        peak_bytes=peak_bytes(device),
        speeds=speeds,
    )


def disagreement(measured: ModelSpeed) -> str | None:
    """Returns what to say where float32 scores are not the reference's, else None."""
    [found] = [speed.difference for speed in measured.speeds if speed.evaluator == "float32"]
    if found <= AGREEMENT:
        return None
    return f"{measured.model}: float32 scores must agree with the reference to {AGREEMENT:g}, but differ by {found:.2g}"


def _speeds(
    subject: Subject,
    evaluators: dict[str, ReferenceLoop | FrozenLM],
    shape: Architecture,
    device: str,
    rounds: int,
) -> tuple[Speed, ...]:
    latents, rows = subject.latents, subject.rows
    calls = {name: functools.partial(each.score, latents, rows) for name, each in evaluators.items()}
    scores: dict[str, Scores] = {}
    for name, call in calls.items():
        _log.info("evaluator, %s: first scores, %s", subject.name, name)
        scores[name] = call()

    timings: dict[str, Callable[[], float]] = {
        name: functools.partial(seconds_per_call, call) for name, call in calls.items()
    }
    timings |= {_matrix(dtype): MatrixProduct(dtype, device).rate for dtype in DTYPES}
    measured = in_turn(timings, rounds, f"evaluator, {subject.name}")
    flops = count_flops(shape, subject.task, rows, subject.spec.prompt_tokens, SUBSPACE_DIM, device) / len(rows)
    tokens = BATCH * (float(subject.task.lengths.mean()) + subject.spec.prompt_tokens)
    return tuple(
        _speed(
            name,
            seconds=[value / len(rows) for value in measured[name]],
            reference_seconds=median(measured[REFERENCE]) / len(rows),
            tokens=tokens,
            difference=float(np.abs(scores[name] - scores[REFERENCE]).max()),
            work=None if name == REFERENCE else (flops, max(measured[_matrix(name)])),
        )
        for name in evaluators
    )


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
