"""What several rooms' tests share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine must fail no test, and every run must try the same examples.
settings.register_profile("zostudy", deadline=None, derandomize=True)
settings.load_profile("zostudy")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder ``shared`` beside the repository, with real data and models; skips where there is none."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"real data and models are not on this machine: there is no {folder}")
    return folder


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    """A Ray of this test file alone, with room for a few one-CPU replicas; a study starts one of its own."""
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    tests = str(Path(__file__).resolve().parent)
    ray.init(
        address="local",
        num_cpus=6,
        include_dashboard=False,
        object_store_memory=2**28,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])}},
    )
    yield
    ray.shutdown()
