"""This machine: its parts, the memory of this process, the rate of large matrix products, torch's threads."""

from __future__ import annotations

import contextlib
import platform
import resource
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psutil
import torch

from zostudy.bench.report import Machine
from zostudy.lm.linear import bfloat16_unit, processor_name
from zostudy.machine import usable_cpus


def describe_machine(device: str, threads: int) -> Machine:
    """Returns the parts of this machine."""
    libraries = {name: version(name) for name in ("torch", "transformers", "ray", "numpy")}
    return Machine(
        processor=processor_name(),
        cores=usable_cpus(),
        accelerator=None if device == "cpu" else processor_name(device),
        threads=threads,
        bfloat16_unit=bfloat16_unit(device),
        system=f"{platform.system()} {platform.machine()}",
        versions={"python": platform.python_version()} | libraries,
    )


def has_page_counts() -> bool:
    """Returns whether this system counts a process's shared and private pages (Linux does)."""
    return Path("/proc/self/smaps_rollup").is_file()


def resident_bytes() -> int:
    """Returns the resident memory of this process."""
    return int(psutil.Process().memory_info().rss)


def reset_peak(device: str) -> None:
    """Starts a new measurement of the peak. A system that cannot reset it counts the process's whole life."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_bytes(device: str) -> int:
    """Returns the most memory in use since the reset: torch's on the accelerator, or the process's resident memory."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextlib.contextmanager
def processor_threads(threads: int) -> Iterator[None]:
    """Gives torch this number of threads inside the context."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
