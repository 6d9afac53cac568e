from __future__ import annotations

import pytest

from zostudy.cluster.local_ray import local_replicas
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
