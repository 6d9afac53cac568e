"""The expected time of a study, from a short probe of the real model in this process."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zostudy.config.study import ResourcesSpec
from zostudy.machine import usable_cpus
from zostudy.methods import Access
from zostudy.search.landscape import has_plane, n_examples, n_rows
from zostudy.search.prepare import PreparedStudy

if TYPE_CHECKING:
    from zostudy.lm.agreement import Agreement

PROBE_QUERIES = 8
PROBE_SUBSPACE_DIM = 100
MOST_PROBE_ROWS = 256
"""The rows of a timed query. A larger batch is no faster for each example, and a very large one takes minutes."""


@dataclass(frozen=True)
class Estimate:
    """The expected work and time of a study.

    Attributes:
        agreement: how near the evaluator's scores are to those of transformers.
        examples_per_second: scored by one replica.
        tuning_examples: all trials' queries times the batch size.
        evaluation_examples: dev evaluations of all trials, test, training loss and its landscape of the confirm trials.
        n_replicas: that this machine would run.
        seconds: expected, without start-up and where nothing else runs.
    """

    agreement: Agreement
    examples_per_second: float
    tuning_examples: int
    evaluation_examples: int
    n_replicas: int
    seconds: float


def estimate(study: PreparedStudy) -> Estimate:
    """Returns the expected time, from a few timed queries on the model with a replica's threads.

    Raises:
        ModelError: the model can no longer be loaded.
    """
    from zostudy.cluster.nodes import local_replicas

    spec = study.plan.spec
    tuning, evaluation = _tuning_examples(study), _evaluation_examples(study)
    n_replicas = local_replicas(spec.replicas, spec.resources, usable_cpus())
    rates = _examples_per_second(study, {"scores", *tuning}, cpus_each(n_replicas, spec.resources, usable_cpus()))
    seconds = evaluation / rates["scores"] + sum(examples / rates[access] for access, examples in tuning.items())
    return Estimate(
        study.verified.agreement, rates["scores"], sum(tuning.values()), evaluation, n_replicas, seconds / n_replicas
    )


def cpus_each(n_replicas: int, resources: ResourcesSpec, cpus: int) -> float:
    """Returns how many CPUs compute for each replica; replicas that ask for more than the machine has share these."""
    return min(resources.cpus, cpus / n_replicas)


def _tuning_examples(study: PreparedStudy) -> Counter[Access]:
    """Returns how many examples are asked for their scores, and how many for gradients, which take longer."""
    plan, examples = study.plan, Counter[Access]()
    for cell in plan.cells:
        start, queries = plan.start_cost(cell), plan.queries(cell)
        examples["scores"] += cell.n_trials * start * plan.spec.budget.batch_size
        examples[cell.method.method_class.needs] += cell.n_trials * (queries - start) * plan.spec.budget.batch_size
    return +examples


def _evaluation_examples(study: PreparedStudy) -> int:
    plan = study.plan
    total = 0
    for cell in plan.cells:
        draw = study.data.draws[cell.imbalance_ratio, plan.seed(plan.replicates[-1])]
        evaluations = 1 + (plan.spec.budget.evaluations if cell.method.tunes else 0)
        total += cell.n_trials * evaluations * len(draw.dev_rows)
        total += cell.n_confirm * len(draw.test_rows)
        if cell.method.method_class.needs == "states":  # of the training draw
            total += cell.n_trials * sum(draw.train_counts)
        if plan.spec.confirm.landscape and cell.method.method_class.uses_prompt:
            total += sum(n_examples(draw.train_counts, has_plane(number)) for number in range(cell.n_confirm))
        else:
            total += cell.n_confirm * n_rows(draw.train_counts)
    return total


def _examples_per_second(study: PreparedStudy, wanted: Collection[Access], cpus: float) -> dict[Access, float]:
    import torch

    from zostudy.lm.frozen import make_evaluator

    spec, verified = study.plan.spec, study.verified
    scorer = make_evaluator(spec.model, verified.model, study.encoded, verified.agreement.dtype)
    dim = PROBE_SUBSPACE_DIM if spec.model.subspace == "random" else spec.model.prompt_tokens * verified.width
    latents = np.zeros((PROBE_QUERIES, dim), dtype=np.float32)
    rows = np.tile(_sample_rows(study), (PROBE_QUERIES, 1))
    threads = torch.get_num_threads()
    torch.set_num_threads(spec.resources.cpus)
    try:
        asked = {"scores": scorer.score, "states": scorer.states, "gradients": scorer.gradients}
        clock = time.perf_counter if spec.resources.gpus else partial(_processor_seconds, cpus)
        return {access: rows.size / _seconds(partial(asked[access], latents, rows), clock) for access in wanted}
    finally:
        torch.set_num_threads(threads)


def _processor_seconds(cpus: float) -> float:
    """Returns the seconds that this process has computed, by a number of CPUs: other load does not lengthen them."""
    return time.process_time() / cpus


def _seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Returns how long the second run of ``work`` takes; the first one only warms up."""
    work()
    started = clock()
    work()
    return clock() - started


def _sample_rows(study: PreparedStudy) -> NDArray[np.int32]:
    draw = next(iter(study.data.draws.values()))
    n_rows = min(study.plan.spec.budget.batch_size, MOST_PROBE_ROWS)
    spread = np.linspace(0, len(draw.test_rows) - 1, n_rows).astype(np.int64)
    return draw.test_rows[spread]
