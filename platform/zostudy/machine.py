"""The CPUs, the memory and the address space that this process may use."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from zostudy.errors import ZostudyError

GIB = 2**30
PROC = Path("/proc/self")


def usable_cpus() -> int:
    """Returns the number of CPUs that this process may keep busy, at least 1.

    The least of its affinity (SLURM, ``taskset``) and the quotas of its control groups (Docker). A quota of 1.5 CPUs
    counts as 1, because a second thread would be stopped half of the time.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else present_cpus()
    return max(1, int(min([float(allowed), *_quotas()])))


def present_cpus() -> int:
    """Returns the number of CPUs of this machine, at least 1."""
    return os.cpu_count() or 1


def check_address_space(least: int, work: str) -> None:
    """Checks the limit on this process's address space. With too little, libraries end the process or hang.

    Args:
        least: bytes that the work needs.
        work: its name for the error, such as ``Ray``.

    Raises:
        ZostudyError: the limit is lower.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < least:
        raise ZostudyError(
            f"{work} needs {least / GIB:.0f} GiB of address space",
            got=f"ulimit -v allows {limit / GIB:.1f}",
            remedy="raise the limit: ulimit -v unlimited",
        )


def available_memory() -> int | None:
    """Returns the bytes that may still be used, as the kernel and the control groups allow; None if neither tells."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
    return min([free, *(left for folder in _groups("memory") for left in _memory_left(folder))])


def _memory_left(folder: Path) -> Iterator[int]:
    """Yields what the limit of a control group leaves, version 2 or 1, if it has one. Cached files make way."""
    for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        with suppress(OSError, ValueError):  # ``max`` is no number
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            cached = int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
            yield max(0, int((folder / limit).read_text()) - int((folder / used).read_text()) + cached)


def _quotas() -> Iterator[float]:
    """Yields the CPUs that each control group around this process allows."""
    for folder in _groups("cpu"):
        yield from _quota(folder)


def _groups(controller: str) -> Iterator[Path]:
    """Yields the folders of the control groups around this process; nothing on systems without such groups."""
    try:
        groups = (PROC / "cgroup").read_text().splitlines()
        mounts = (PROC / "mountinfo").read_text().splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            yield from _folders(mounts, controllers, path, controller)


def _folders(mounts: list[str], controllers: str, path: str, controller: str) -> Iterator[Path]:
    """Yields the folders of a control group and of those around it; version 2 names no controllers."""
    for line in mounts:
        before, _, after = line.partition(" - ")
        root, mount_point = before.split()[3:5]
        kind, _, options = after.split()[:3]
        holds = controller in options.split(",") if controllers else kind == "cgroup2"
        if kind.startswith("cgroup") and holds:
            top = Path(mount_point)
            own = top / path.removeprefix(root.rstrip("/")).lstrip("/")
            yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(top))


def _quota(folder: Path) -> Iterator[float]:
    """Yields the quota that a folder of version 2 (``cpu.max``) or version 1 (``cpu.cfs_quota_us``) sets, if any."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
    except (OSError, ValueError):
        return
    if quota not in ("max", "-1"):
        yield int(quota) / int(period)
