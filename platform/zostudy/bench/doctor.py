"""Is this machine fit for studies? Each check is a line: what was found, and what to do where it is not well."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import gettempdir
from typing import Literal

import requests
import torch

from zostudy.cluster.auth import find_token
from zostudy.cluster.preconditions import check_ray_can_start
from zostudy.errors import ZostudyError
from zostudy.lm.linear import bfloat16_unit, processor_name
from zostudy.machine import GIB, available_memory, present_cpus, usable_cpus
from zostudy.results.storage import Storage, Where

Level = Literal["ok", "warning", "error"]

LEAST_MEMORY, ENOUGH_MEMORY = 2 * GIB, 6 * GIB
LEAST_DISK, ENOUGH_DISK = GIB // 4, 5 * GIB
ENOUGH_SHARED = GIB // 2
HUB_SECONDS = 5.0
PROBE_SECONDS = 5.0


@dataclass(frozen=True)
class Check:
    """One line of the doctor.

    Attributes:
        subject: what was looked at.
        level: ``ok``, ``warning`` where a study runs but slower or without something, ``error`` where none runs.
        found: what was found.
        remedy: what to do; empty where all is well.
    """

    subject: str
    level: Level
    found: str
    remedy: str = ""


def checks(results: Where) -> Iterator[Check]:
    """Yields the checks, the slow ones last.

    Args:
        results: where results would be written; it need not exist yet.

    Raises:
        ResultsError: that is no location.
    """
    folder = Storage.at(results).folder
    yield Check("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Check("packages", "ok", ", ".join(f"{name} {version(name)}" for name in ("ray", "torch", "transformers")))
    yield check_cpus(usable_cpus(), present_cpus())
    yield check_threads(torch.get_num_threads(), usable_cpus())
    yield check_matrix_unit(bfloat16_unit("cpu"))
    yield check_gpu(torch.cuda.is_available())
    yield check_memory(available_memory())
    if folder is not None:
        yield check_disk("results", folder)
    yield check_disk("temporary files", Path(gettempdir()))
    yield check_shared_memory(Path("/dev/shm"))
    yield explained("Ray", check_ray_can_start, "may start: room for its sockets, files and address space")
    yield check_token()
    yield check_hub(os.environ)
    yield explained("probe", probe, "")


def check_cpus(usable: int, present: int) -> Check:
    """Warns of an affinity or a quota that leaves a single CPU: replicas and driver would share it."""
    found = f"{usable} of {present} may be used: {processor_name()}"
    if usable > 1 or present == 1:
        return Check("processor", "ok", found)
    return Check("processor", "warning", found, "raise the affinity or quota (taskset, SLURM, docker run --cpus)")


def check_threads(threads: int, cpus: int) -> Check:
    """Warns of more threads than CPUs, which wait for one another."""
    if threads <= cpus:
        return Check("threads", "ok", f"torch uses {threads} beside studies; each replica uses resources.cpus")
    return Check("threads", "warning", f"torch uses {threads} on {cpus} CPU(s)", f"set OMP_NUM_THREADS={cpus}")


def check_matrix_unit(unit: str | None) -> Check:
    """Says whether bfloat16 pays."""
    if unit:
        return Check("matrix unit", "ok", f"{unit}: model.dtype bfloat16 pays")
    return Check("matrix unit", "ok", "none for bfloat16: model.dtype float32 is the faster one")


def check_gpu(there: bool) -> Check:
    """Names the GPU that torch can use, if any."""
    return Check("GPU", "ok", processor_name("cuda") if there else "torch finds none; studies run on processors")


def check_memory(available: int | None) -> Check:
    """Compares the memory that is free with what Ray, a driver and two replicas of a small model take."""
    if available is None:
        return Check("memory", "ok", "this system does not tell")
    found = f"{available / GIB:.1f} GiB available"
    if available < LEAST_MEMORY:
        return Check("memory", "error", found, f"free some: a study takes at least {LEAST_MEMORY // GIB} GiB")
    if available < ENOUGH_MEMORY:
        return Check("memory", "warning", found, "set replicas: 1, or free some")
    return Check("memory", "ok", found)


def check_disk(subject: str, folder: Path) -> Check:
    """Checks the room where a folder is or would be made, and whether it takes files."""
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not there.is_dir():
        return Check(subject, "error", f"{there} is no folder", "name another one")
    free = shutil.disk_usage(there).free
    found = f"{free / GIB:.1f} GiB free in {there}"
    if not os.access(there, os.W_OK):
        return Check(subject, "error", f"{there} cannot be written", "permit it, or name another folder")
    if free < LEAST_DISK:
        return Check(subject, "error", found, "free some, or name another folder")
    return Check(subject, "ok", found) if free >= ENOUGH_DISK else Check(subject, "warning", found, "free some")


def check_shared_memory(folder: Path) -> Check:
    """Checks the file system that Ray's object store lies on, which holds one copy of the weights a node."""
    if not folder.is_dir():
        return Check("shared memory", "ok", f"this system has no {folder}; Ray uses files")
    size = shutil.disk_usage(folder).total
    found = f"{size / GIB:.2g} GiB in {folder}"
    if size >= ENOUGH_SHARED:
        return Check("shared memory", "ok", found)
    return Check("shared memory", "warning", found, "make it larger: docker run --shm-size=2g")


def check_token() -> Check:
    """Says where the token for clusters was found; never the token."""
    try:
        token = find_token(os.environ, on_this_machine=True)
    except ZostudyError as error:
        return Check("cluster token", "error", str(error), "mend or unset it")
    return Check(
        "cluster token", "ok", f"from {token.source}" if token else "none; only clusters that ask for one need it"
    )


def check_hub(environment: Mapping[str, str]) -> Check:
    """Asks the Hugging Face hub, or its mirror, for anything."""
    if environment.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return Check("hub", "ok", "HF_HUB_OFFLINE is set: models and data come from the cache and from files")
    address = environment.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        requests.head(address, timeout=HUB_SECONDS)
    except requests.RequestException as error:
        remedy = "use folders and files, or set HF_HUB_OFFLINE=1 to read the cache without waiting"
        return Check("hub", "warning", f"{address} does not answer ({type(error).__name__})", remedy)
    return Check("hub", "ok", f"{address} answers")


def explained(subject: str, work: Callable[[], str | None], otherwise: str) -> Check:
    """Returns the line that a piece of work returns, or the error that it raises, as a check."""
    try:
        return Check(subject, "ok", work() or otherwise)
    except ZostudyError as error:
        return Check(subject, "error", f"{error.rule}, but {error.got}", error.remedy)


def probe() -> str:
    """Scores prompts by an embedded model for about five seconds, and returns how fast.

    Raises:
        ZostudyError: the evaluator does not work here.
    """
    from zostudy.bench.models import BATCH, open_model, read_weights
    from zostudy.bench.texts import read_texts
    from zostudy.lm.frozen import FrozenLM

    with open_model("mini-roberta", read_texts(None, "", BATCH)) as bench_model:
        model = FrozenLM(bench_model.spec, read_weights(bench_model, "float32"), bench_model.task, "cpu")
        model.score(bench_model.latents, bench_model.rows)
        queries, began = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - began) < PROBE_SECONDS:
            model.score(bench_model.latents, bench_model.rows)
            queries += bench_model.queries
    return f"mini-roberta scores {queries / elapsed:,.0f} queries/s of {BATCH} texts in this process"
