from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zostudy.results.outcome import Landscape, Outcome, SplitScores
from zostudy.results.schema import METRICS, TEST_METRICS
from zostudy.results.trial_row import TrialRow

MakeOutcome = Callable[..., Outcome]


@pytest.fixture(scope="session")
def make_outcome() -> MakeOutcome:
    """Makes the outcome of a confirm trial, start and two steps; keywords overrule columns of ``trials``."""
    return _make_outcome


@pytest.fixture(scope="session")
def make_noise_floor() -> Callable[..., dict[str, Any]]:
    """Makes a row of ``noise_floor``; keywords overrule columns."""

    def make(**columns: Any) -> dict[str, Any]:
        return {
            "study": "made",
            "cell": "zosa-ratio10",
            "dtype": "float32",
            "chosen": True,
            "method": "zosa",
            "model": "mini-roberta",
            "task": "reviews",
            "imbalance_ratio": 10.0,
            "objective": "cross-entropy",
            "difference": "forward",
            "perturbation_radius": 0.01,
            "subspace_dim": 4,
            "batch_size": 32,
            "directions": 8,
            "queries": 19,
            "loss_signal": 1e-3,
            "loss_noise": 1e-7,
            "signal_over_noise": 1e4,
            "least_radius": 1e-5,
            **columns,
        }

    return make


def _make_outcome(method: str = "zosa", ratio: float = 10.0, number: int = 0, **columns: Any) -> Outcome:
    study = columns.get("study", "made")
    cell = f"{method}-ratio{ratio:g}"
    noon = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)
    trial: dict[str, Any] = {
        "study": study,
        "cell": cell,
        "trial": f"{cell}-confirm-{number:04d}",
        "stage": "confirm",
        "number": number,
        "method": method,
        "algorithm": method,
        "model": "mini-roberta",
        "task": "reviews",
        "imbalance_ratio": ratio,
        "needs": "scores",
        "imbalance": f"{ratio:g}",
        "n_minority": 20,
        "n_majority": int(20 * ratio),
        "seed": number,
        "budget": 300,
        "batch_size": 32,
        "subspace_dim": 4,
        "perturbation_radius": 0.1,
        "step_rule": "spread",
        "reach": 1.0,
        "params": {"subspace_dim": 4, "perturbation_radius": 0.1},
        "queries": 300,
        "examples": 9600,
        "evaluation_examples": 500,
        "wall_seconds": 2.5,
        "replica_seconds": 1.5,
        "status": "complete",
        "latent": tuple(np.array([0.5, -1.0, 0.25, 1e-30], dtype=np.float32).tolist()),
        "latent_norm": 1.145643923738960,
        "versions": {"zostudy": "0.1.0"},
        "started_at": noon,
        "finished_at": noon + datetime.timedelta(microseconds=2_500_001),
        **{f"dev_{metric}": 0.75 for metric in METRICS},
        **{f"test_{metric}": 0.75 for metric in TEST_METRICS},
        "dev_threshold": 0.5,
        "test_largest_share": 0.6,
        "train_loss": 0.4,
        "test_loss": 0.5,
        **columns,
    }
    return Outcome(
        trial=TrialRow(**trial),
        history={
            "step": np.arange(3),
            "queries": np.array([0, 150, 300]),
            "examples": np.array([0, 4800, 9600]),
            "loss": np.array([np.nan, 0.7, 0.5]),
            "loss_spread": np.array([np.nan, 0.1, 0.05]),
            "gradient_norm": np.array([np.nan, 2.0, 3.0]),
            "latent_norm": np.array([0.0, 0.1, 0.2]),
            "dev_auc": np.array([np.nan, np.nan, 0.75]),
            "dev_balanced_accuracy": np.array([np.nan, np.nan, 0.7]),
            "dev_minority_recall": np.array([np.nan, np.nan, 0.5]),
        },
        auxiliary={"a": np.array([0.0, 0.1, 0.2]), "alpha": np.array([np.nan, np.nan, 1.0])},
        scores={
            "dev": SplitScores(
                rows=np.array([7, 3], dtype=np.int64),
                labels=np.array([0, 1], dtype=np.int32),
                scores=np.array([[0.1, 0.2], [0.3, -0.4]], dtype=np.float32),
            ),
        },
        landscape=Landscape(np.array([-1.0, 0.0, 1.0]), np.zeros(3), np.array([0.75, 0.5, np.nan]), 40, np.nan),
    )
