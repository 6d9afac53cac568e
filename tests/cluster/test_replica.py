"""The replica: one scorer at a time, made by whichever factory a call brings."""

from __future__ import annotations

import ctypes
import gc
import pickle
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.cluster.fleet import start_replicas
from zostudy.cluster.micro_batches import MicroBatch
from zostudy.cluster.pool import RayPool
from zostudy.cluster.ray_api import RayApi
from zostudy.cluster.replica import Replica, ScorerFactory
from zostudy.config.study import ResourcesSpec
from zostudy.errors import ModelError
from zostudy.lm.linear import bfloat16_unit

BATCH = MicroBatch(slice(0, 1), slice(0, 3), np.zeros((1, 2), np.float32), np.zeros((1, 3), np.int32), seed=0, group=1)


class ConstantScorer:
    """Scores everything alike; writes down that it was made."""

    alive = 0
    most_alive = 0

    def __init__(self, value: float, log: Path) -> None:
        self._value = value
        with log.open("a") as file:
            file.write(f"{value:g} ")
        ConstantScorer.alive += 1
        ConstantScorer.most_alive = max(ConstantScorer.most_alive, ConstantScorer.alive)

    def __del__(self) -> None:
        ConstantScorer.alive -= 1

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        return np.full((*rows.shape, 1), self._value, np.float32)


def values(replica: Any, factories: list[ScorerFactory]) -> list[float]:
    return [float(replica.score(factory, [BATCH])[0][0].mean()) for factory in factories]


def test_a_replica_imports_before_it_gets_its_scorer() -> None:
    sys.modules.pop("this", None)
    with redirect_stdout(StringIO()) as poem:
        Replica().import_module("this")
    assert "Namespaces" in poem.getvalue()
    with pytest.raises(ModuleNotFoundError):
        Replica().import_module("no_module_of_this_name")
    assert gc.isenabled()


def test_another_factory_replaces_the_scorer(tmp_path: Path) -> None:
    log = tmp_path / "log"
    one, two = ScorerFactory(ConstantScorer, (1.0, log)), ScorerFactory(ConstantScorer, (2.0, log))
    assert values(Replica(), [one, one, two, two, one]) == [1, 1, 2, 2, 1]
    assert log.read_text() == "1 2 1 "
    assert ConstantScorer.most_alive == 1


def test_a_factory_that_has_travelled_is_the_same(tmp_path: Path) -> None:
    log = tmp_path / "log"
    factory = ScorerFactory(ConstantScorer, (1.0, log))
    assert values(Replica(), [factory, pickle.loads(pickle.dumps(factory))]) == [1, 1]
    assert log.read_text() == "1 "


def test_a_replica_with_another_version_of_a_package_makes_no_scorer(tmp_path: Path) -> None:
    log = tmp_path / "log"
    built_otherwise, other = {"numpy": f"{np.__version__}+cu126"}, {"numpy": "1.2.3+cpu"}
    assert values(Replica(), [ScorerFactory(ConstantScorer, (1.0, log), built_otherwise)]) == [1]
    with pytest.raises(ModelError) as refused:
        Replica().load(ScorerFactory(ConstantScorer, (2.0, log), other))
    assert refused.value.got == f"its node has numpy {np.__version__}, and the driver 1.2.3+cpu"
    assert log.read_text() == "1 "


@pytest.mark.ray
def test_running_replicas_take_another_factory(local_ray: None, tmp_path: Path) -> None:
    log = tmp_path / "log"
    one, two = ScorerFactory(ConstantScorer, (1.0, log)), ScorerFactory(ConstantScorer, (2.0, log))
    replicas = start_replicas(1, ResourcesSpec(), one)
    rows = np.zeros((4, 300), np.int32)
    for factory, value in ((one, 1.0), (two, 2.0), (one, 1.0)):
        scored = RayPool(replicas.copy, factory).score(np.zeros((4, 2), np.float32), rows, seed=0)
        assert (scored.scores == value).all()
    assert log.read_text() == "1 2 1 "


class MappingScorer:
    """Scores by how many blocks the allocator has mapped for itself, and would give back to the kernel."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        large = np.ones(2**24)  # 128 MiB, which is beyond what glibc keeps of its own accord
        return np.full((*rows.shape, 1), mapped_blocks() * large[0], np.float32)


def mapped_blocks() -> int:
    class Counts(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", *"abcde")]

    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Counts
    return int(mallinfo().hblks)


def test_a_replica_is_told_its_threads_and_to_keep_memory_in_one_arena(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}

    class Actor:
        def options(self, **options: Any) -> Actor:
            told.update(options)
            return self

        def remote(self) -> None: ...

    monkeypatch.setattr("ray.remote", lambda **options: lambda replica: Actor())
    RayApi().start(ResourcesSpec(cpus=3, gpus=2))
    assert (told["num_cpus"], told["num_gpus"]) == (3, 2)
    environment = told["runtime_env"]["env_vars"]
    assert environment["OMP_NUM_THREADS"] == "3"
    allocator = {name: int(value) for name, value in environment.items() if name.startswith("MALLOC_")}
    assert allocator.pop("MALLOC_TRIM_THRESHOLD_") > 2**36  # more than a replica ever frees at once
    assert allocator == {"MALLOC_ARENA_MAX": 1, "MALLOC_MMAP_MAX_": 0}


@pytest.mark.ray
def test_a_replica_keeps_the_memory_that_a_forward_has_freed(local_ray: None) -> None:
    factory = ScorerFactory(MappingScorer, ())
    pool = RayPool(start_replicas(1, ResourcesSpec(), factory).copy, factory)
    assert not pool.score(np.zeros((1, 2), np.float32), np.zeros((1, 3), np.int32), seed=0).scores.any()
    assert MappingScorer().score(np.zeros((1, 2), np.float32), np.zeros((1, 3), np.int32)).any()


@pytest.mark.ray
def test_replicas_are_asked_for_the_unit_of_the_machine_they_run_on(local_ray: None, tmp_path: Path) -> None:
    factory = ScorerFactory(ConstantScorer, (1.0, tmp_path / "log"))
    pool = RayPool(start_replicas(2, ResourcesSpec(), factory).copy, factory)
    pool.score(np.zeros((1, 2), np.float32), np.zeros((1, 3), np.int32), seed=0)
    assert pool.have_bfloat16() == (bfloat16_unit() is not None)
