"""The pool section: the cost of replicas behind Ray against the bare evaluator, and the gain of a second replica."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zostudy.bench.machine import processor_threads
from zostudy.bench.models import BATCH, BenchModel, batches, draw_latents, read_weights
from zostudy.bench.report import PoolSpeed
from zostudy.bench.timing import StepTime, in_turn, median_step, seconds_per_call, time_step
from zostudy.cluster.fleet import start_replicas
from zostudy.cluster.local_ray import own_ray
from zostudy.cluster.pool import LocalPool, Pool, RayPool
from zostudy.cluster.preconditions import check_ray_can_start
from zostudy.cluster.ray_log import ray_log
from zostudy.cluster.replica import ScorerFactory, build_evaluators
from zostudy.config.study import ResourcesSpec
from zostudy.config.task import OWN_WORDING
from zostudy.lm.frozen import FrozenLM
from zostudy.lm.weights import DType, Weights

_log = logging.getLogger(__name__)

REPLICAS = (1, 2)
UNIT_SECONDS = 0.05
N_UNITS = 8 * max(REPLICAS)
"""Of a step; each replica gets the same number of them."""
STEPS_PER_ROUND = 3
DTYPE: DType = "float32"


def measure_pool(bench_model: BenchModel, rounds: int) -> tuple[PoolSpeed, ...]:
    """Returns the bare evaluator in this process, one replica and two: each with one thread, on equal steps in turn."""
    with processor_threads(1):
        weights = read_weights(bench_model, DTYPE)
        bare = FrozenLM(bench_model.spec, weights, bench_model.task)
        unit_queries = _unit_queries(bare, bench_model)
        n_queries, micro_batch_size = N_UNITS * unit_queries, unit_queries * BATCH
        latents, rows = draw_latents(n_queries), batches(n_queries)
        with local_ray(max(REPLICAS), weights.n_bytes):
            _log.info("pool, %s: starting replicas", bench_model.name)
            factory = scorer_factory(bench_model, weights)
            replicas = start_replicas(max(REPLICAS), ResourcesSpec(cpus=1), factory)
            pools: dict[int, Pool] = {0: LocalPool(bare, rows.size)}
            pools |= {n: RayPool(replicas[:n].copy, factory, micro_batch_size) for n in REPLICAS}
            steps = {n: functools.partial(time_step, pool, latents, rows) for n, pool in pools.items()}
            _log.info("pool, %s: first steps", bench_model.name)
            in_turn(steps, 1)
            measured = in_turn(steps, rounds * STEPS_PER_ROUND, f"pool, {bench_model.name}")
    medians = {n: median_step(each) for n, each in measured.items()}
    return tuple(_speed(bench_model.name, n, medians, n_queries) for n in pools)


@contextmanager
def local_ray(cpus: int, shared_bytes: int = 0) -> Iterator[None]:
    """Starts Ray on this machine and ends it, unless this process is connected to a Ray already.

    Args:
        cpus: how many Ray may promise to replicas, whatever the machine has.
        shared_bytes: the memory that replicas will share in the object store.

    Raises:
        ZostudyError: Ray does not start.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    check_ray_can_start()
    with ray_log(None), own_ray(cpus, shared_bytes):
        yield


def scorer_factory(bench_model: BenchModel, weights: Weights) -> ScorerFactory:
    """Returns the factory of a replica with one thread; tokens and weights lie in Ray's object store."""
    import ray

    model: Any = ray.put(weights)
    tasks = ray.put({OWN_WORDING: bench_model.task})
    return ScorerFactory(build_evaluators, (bench_model.spec, model, tasks, weights.dtype, 1))


def _unit_queries(bare: FrozenLM, bench_model: BenchModel) -> int:
    """Returns how many queries take about ``UNIT_SECONDS``."""
    latents, rows = bench_model.latents, bench_model.rows
    bare.score(latents, rows)
    seconds = seconds_per_call(lambda: bare.score(latents, rows))
    return max(1, round(UNIT_SECONDS * len(rows) / seconds))


def _speed(model: str, n_replicas: int, steps: dict[int, StepTime], n_queries: int) -> PoolSpeed:
    step = steps[n_replicas]
    n_units = N_UNITS if n_replicas else 1
    return PoolSpeed(
        model=model,
        replicas=n_replicas,
        units=n_units,
        unit_examples=n_queries * BATCH // n_units,
        unit_seconds=step.replica_seconds / n_units,
        step_seconds=step.seconds,
        driver_seconds=step.driver_seconds if n_replicas else None,
        queries_per_second=n_queries / step.seconds,
        over_bare=steps[0].seconds / step.seconds,
        over_one_replica=steps[1].seconds / step.seconds,
    )
