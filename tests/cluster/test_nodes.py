"""How many replicas nodes hold, against all ways to place them one by one."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zostudy.cluster.nodes import (
    TRIAL_BYTES,
    TRIALS_PER_REPLICA,
    capacity,
    describe_demand,
    describe_largest,
    local_replicas,
    trials_at_once,
)
from zostudy.cluster.ray_api import RayApi
from zostudy.config.study import ResourcesSpec
from zostudy.machine import GIB


def node(name: str = "a", alive: bool = True, **has: float) -> dict[str, Any]:
    return {"NodeID": name, "Alive": alive, "Resources": {key.replace("__", ":"): value for key, value in has.items()}}


TWO_GPUS = node("a", CPU=16.0, GPU=2.0, memory=64.0 * GIB, accelerator_type__A100=1.0)
PLAIN = node("b", CPU=6.0, memory=16.0 * GIB)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, 22),
        ({"cpus": 4}, 4 + 1),  # not 22 // 4 + a replica that spans both
        ({"cpus": 7}, 2),
        ({"cpus": 17}, 0),
        ({"gpus": 1}, 2),
        ({"gpus": 0.1}, 16),
        ({"gpus": 0.5, "cpus": 2}, 4),
        ({"accelerator_type": "A100"}, 16),
        ({"accelerator_type": "H100"}, 0),
        ({"memory": 8}, 8 + 2),
        ({"memory": 12.0, "accelerator_type": "A100"}, 5),
    ],
)
def test_replicas_are_counted_node_by_node(resources: dict[str, Any], expected: int) -> None:
    assert capacity([TWO_GPUS, PLAIN], ResourcesSpec(**resources)) == expected


def test_a_node_that_has_left_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.nodes", lambda: [node(alive=False, CPU=8.0), PLAIN])
    assert RayApi().nodes() == [PLAIN]


def test_the_driver_is_left_a_cpu_on_its_node_but_the_last_replica_goes_first() -> None:
    assert capacity([TWO_GPUS, PLAIN], ResourcesSpec(), driver_node="b") == 16 + 5
    assert capacity([TWO_GPUS, PLAIN], ResourcesSpec(cpus=6), driver_node="b") == 2
    assert capacity([node(CPU=1.0)], ResourcesSpec(), driver_node="a") == 1
    assert capacity([node(CPU=1.0), node("b", CPU=1.0)], ResourcesSpec(), driver_node="a") == 1
    assert capacity([node(CPU=1.0)], ResourcesSpec(cpus=2), driver_node="a") == 0


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=4),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
)
def test_the_room_is_what_placing_replicas_one_by_one_finds(
    sizes: list[tuple[int, int]], cpus: int, gpus: float
) -> None:
    nodes = [node(str(number), CPU=float(c), GPU=float(g)) for number, (c, g) in enumerate(sizes)]
    placed = 0
    for has_cpus, has_gpus in sizes:
        left_cpus, left_gpus = float(has_cpus), float(has_gpus)
        while left_cpus >= cpus and left_gpus >= gpus:
            left_cpus, left_gpus, placed = left_cpus - cpus, left_gpus - gpus, placed + 1
    assert capacity(nodes, ResourcesSpec(cpus=cpus, gpus=gpus)) == placed


@pytest.mark.parametrize(
    ("n_replicas", "resources", "cpus", "expected"),
    [
        (2, ResourcesSpec(), 2.0, 3),
        (2, ResourcesSpec(), 3.0, 3),
        (2, ResourcesSpec(), 16.0, 4),
        (8, ResourcesSpec(), 11.0, 11),
        (2, ResourcesSpec(cpus=4), 11.0, 4),
        (4, ResourcesSpec(), 2.0, 5),  # more replicas than CPUs
        (1, ResourcesSpec(cpus=2), 2.0, 2),
        (8, ResourcesSpec(gpus=1), 8.0, 16),
    ],
)
def test_replicas_get_a_second_trial_where_it_has_a_cpu(
    n_replicas: int, resources: ResourcesSpec, cpus: float, expected: int
) -> None:
    assert trials_at_once(n_replicas, resources, cpus) == expected <= TRIALS_PER_REPLICA * n_replicas


@given(st.floats(1, 100), st.floats(1, 40))
def test_nodes_full_of_replicas_have_memory_for_the_trials(memory: float, times: float) -> None:
    has = memory * times * GIB
    n_replicas = capacity([node(CPU=1000.0, memory=has)], ResourcesSpec(memory=memory))
    of_replicas = n_replicas * (int(memory * GIB) - TRIALS_PER_REPLICA * TRIAL_BYTES)
    assert n_replicas >= int(times) - 1
    assert has - of_replicas >= n_replicas * TRIALS_PER_REPLICA * TRIAL_BYTES - 1


def test_what_is_wanted_and_had_is_said_in_words() -> None:
    wanted = ResourcesSpec(cpus=4, gpus=1, accelerator_type="H100", memory=80)
    assert describe_demand(wanted) == "4 CPUs, 1 GPU, 80 GiB of memory, H100"
    assert describe_largest([PLAIN, TWO_GPUS]) == "16 CPUs, 2 GPUs, 64 GiB of memory, A100"
    assert describe_largest([]) == "0 CPUs"


@pytest.mark.parametrize(
    ("wanted", "cpus_of_a_replica", "expected"), [("auto", 1, 8), ("auto", 3, 2), ("auto", 20, 1), (5, 1, 5)]
)
def test_a_machine_is_filled_with_replicas_unless_the_study_says_how_many(
    wanted: int | Literal["auto"], cpus_of_a_replica: int, expected: int
) -> None:
    assert local_replicas(wanted, ResourcesSpec(cpus=cpus_of_a_replica), cpus=8) == expected
