from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from zostudy.results.outcome import Outcome


@pytest.fixture
def make_outcome(make_row: Callable[..., Any]) -> Callable[..., Outcome]:
    """Makes the outcome of a confirm trial that was evaluated on dev at its start and its end; keywords as columns."""

    def make(trial: str = "spsa-r10-confirm-000", **columns: Any) -> Outcome:
        known = {
            "study": "followed",
            "cell": "spsa-r10",
            "method": "spsa",
            "imbalance_ratio": 10.0,
            "stage": "confirm",
            "queries": 40,
            "reach": 0.5,
            "params": {"perturbation_radius": 0.1, "class_weights": None, "nested": [1, 2]},
            "dev_auc": 0.75,
            "test_auc": 0.7,
            "started_at": datetime(2026, 1, 2, tzinfo=UTC),
            "finished_at": datetime(2026, 1, 2, 0, 1, tzinfo=UTC),
        }
        history = {
            "queries": np.array([0, 20, 40]),
            "dev_auc": np.array([0.5, np.nan, 0.75]),
            "loss": np.array([np.nan, 0.9, 0.8]),
        }
        return Outcome(make_row(trial=trial, **known | columns), history)

    return make
