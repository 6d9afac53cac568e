from __future__ import annotations

import signal

import pytest

from zostudy.cluster.local_ray import connected, local_replicas
from zostudy.spec.study import StudySpec


def study(**sections: object) -> StudySpec:
    base = {
        "name": "s",
        "model": {"name": "mini-roberta"},
        "task": {"name": "reviews"},
        "methods": ({"label": "untuned", "method": "untuned"},),
    }
    return StudySpec.model_validate(base | sections)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, 8),
        ({"resources": {"cpus": 3}}, 2),
        ({"resources": {"cpus": 20}}, 1),
        ({"replicas": 5}, 5),
    ],
)
def test_a_machine_is_filled_with_replicas_unless_the_study_says_how_many(
    sections: dict[str, object], expected: int
) -> None:
    assert local_replicas(study(**sections), cpus=8) == expected


@pytest.mark.ray
def test_how_a_process_ends_is_left_to_whoever_has_settled_it() -> None:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with connected(None, study()), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
