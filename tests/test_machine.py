"""Counting CPUs: affinity and the quotas of control groups, in files as Linux writes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zostudy import machine

PLATFORM = Path(__file__).parents[1] / "platform"
MANY = 64


@pytest.fixture(autouse=True)
def many_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(MANY)), raising=False)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "proc"
    folder.mkdir()
    monkeypatch.setattr(machine, "PROC", folder)
    return folder


def write_groups(proc: Path, groups: str, mounts: str) -> None:
    (proc / "cgroup").write_text(groups)
    (proc / "mountinfo").write_text(mounts)


def write_quota(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def test_without_control_groups_the_affinity_counts(proc: Path) -> None:
    assert machine.usable_cpus() == MANY


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", MANY), ("400000 100000", 4), ("150000 100000", 1), ("20000 100000", 1), ("9900000 100000", MANY)],
)
def test_a_quota_of_version_2_in_a_container(proc: Path, tmp_path: Path, quota: str, expected: int) -> None:
    top = tmp_path / "cgroup"
    write_quota(top, cpu__max=quota)
    write_groups(proc, "0::/\n", f"30 20 0:26 / {top} rw - cgroup2 cgroup2 rw\n")
    assert machine.usable_cpus() == expected


def test_the_smallest_quota_of_all_groups_around_counts(proc: Path, tmp_path: Path) -> None:
    top = tmp_path / "cgroup"
    write_quota(top / "user.slice", cpu__max="200000 100000")
    write_quota(top / "user.slice" / "job", cpu__max="300000 100000")
    write_groups(proc, "0::/user.slice/job\n", f"30 20 0:26 / {top} rw shared:4 - cgroup2 cgroup2 rw\n")
    assert machine.usable_cpus() == 2


@pytest.mark.parametrize(("quota", "expected"), [("-1", MANY), ("300000", 3)])
def test_a_quota_of_version_1(proc: Path, tmp_path: Path, quota: str, expected: int) -> None:
    top = tmp_path / "cpu"
    write_quota(top / "job", cpu__cfs_quota_us=quota, cpu__cfs_period_us="100000")
    groups = "5:memory:/job\n4:cpu,cpuacct:/docker/abc/job\n0::/other\n"
    cpu = f"33 32 0:30 /docker/abc {top} rw - cgroup cgroup rw,cpu,cpuacct\n"
    memory = "34 32 0:31 / /x rw - cgroup cgroup rw,memory\n"
    write_groups(proc, groups, cpu + memory)
    assert machine.usable_cpus() == expected


def test_a_group_of_another_name_space_limits_nothing(proc: Path, tmp_path: Path) -> None:
    write_groups(proc, "0::/../../elsewhere\n", f"30 20 0:26 / {tmp_path / 'cgroup'} rw - cgroup2 cgroup2 rw\n")
    assert machine.usable_cpus() == MANY


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_a_process_that_may_use_one_cpu_gets_one_replica() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from zostudy.machine import usable_cpus; print(usable_cpus())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(PLATFORM)}, capture_output=True, text=True
    )
    assert found.stdout == "1\n"


@pytest.mark.parametrize(("limit", "left"), [("max", None), ("1000", 1000 - 700 + 200), ("600", 100)])
def test_the_memory_that_a_group_leaves_counts_cached_files_as_free(
    proc: Path, tmp_path: Path, limit: str, left: int | None
) -> None:
    top = tmp_path / "cgroup"
    without = machine.available_memory()
    write_quota(top / "job", memory__max=limit, memory__current="700", memory__stat="anon 500\ninactive_file 200")
    write_groups(proc, "0::/job\n", f"30 20 0:26 / {top} rw - cgroup2 cgroup2 rw\n")
    found = machine.available_memory()
    if without is None:
        pytest.skip("this system does not tell its free memory")
    assert found is not None
    assert found > 10**6 if left is None else found == left
