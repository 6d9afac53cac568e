"""The memory section: the memory that several replicas of one model take on a node."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from zostudy.bench.models import BenchModel, batches, draw_latents, read_weights
from zostudy.bench.pool import local_ray, scorer_factory
from zostudy.bench.report import MemoryUse
from zostudy.cluster.fleet import start_replicas
from zostudy.cluster.micro_batches import MOST_EXAMPLES
from zostudy.cluster.pool import RayPool
from zostudy.cluster.replica import Pages
from zostudy.config.study import ResourcesSpec
from zostudy.lm.architecture import micro_batch_size
from zostudy.lm.frozen import can_share_prompts
from zostudy.lm.weights import Weights
from zostudy.wording import counted

_log = logging.getLogger(__name__)

REPLICAS = (1, 2, 4)


def measure_memory(bench_model: BenchModel) -> tuple[MemoryUse, ...]:
    """Returns the memory of 1, 2 and 4 replicas, each with one thread, after each has scored one query."""
    import ray

    weights = read_weights(bench_model, "float32")
    n_bytes, size = weights.n_bytes, _micro_batch_size(bench_model, weights)
    with local_ray(max(REPLICAS), n_bytes):
        factory = scorer_factory(bench_model, weights)
        del weights
        latents, rows = draw_latents(1), batches(1)
        replicas: list[Any] = []
        found: dict[int, list[Pages]] = {}
        for n_replicas in REPLICAS:
            _log.info("memory, %s: %s", bench_model.name, counted(n_replicas, "replica"))
            new = start_replicas(n_replicas - len(replicas), ResourcesSpec(cpus=1), factory)
            for replica in new:
                RayPool([replica].copy, factory, size).score(latents, rows, seed=0)
            replicas += new
            found[n_replicas] = ray.get([replica.pages.remote() for replica in replicas])
    one = _total(found[1])
    return tuple(_use(bench_model.name, n_bytes, pages, one) for pages in found.values())


def _micro_batch_size(bench_model: BenchModel, weights: Weights) -> int:
    """Returns the size of a unit as in a study, as the memory of a forward depends on it."""
    shared = can_share_prompts(weights.architecture, bench_model.task)
    tokens = float(bench_model.task.lengths.mean())
    return micro_batch_size(weights.architecture, tokens, bench_model.spec.prompt_tokens, shared, False, MOST_EXAMPLES)


def _use(model: str, weights_bytes: int, pages: Sequence[Pages], one: int) -> MemoryUse:
    total = _total(pages)
    return MemoryUse(
        model=model,
        replicas=len(pages),
        weights_bytes=weights_bytes,
        resident_bytes=sum(each["Rss"] for each in pages),
        proportional_bytes=sum(each["Pss"] for each in pages),
        shared_bytes=sum(map(_shared, pages)),
        private_bytes=sum(each["Rss"] - _shared(each) for each in pages),
        total_bytes=total,
        over_one_replica=total / one,
    )


def _total(pages: Sequence[Pages]) -> int:
    return sum(each["Rss"] - _shared(each) for each in pages) + max(map(_shared, pages))


def _shared(pages: Pages) -> int:
    return pages["Shared_Clean"] + pages["Shared_Dirty"]
