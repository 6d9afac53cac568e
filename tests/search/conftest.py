"""A small study whose model is a smooth function, for everything that needs no language model and no Ray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.config.study import StudySpec
from zostudy.search.plan import Plan, make_plan
from zostudy.search.setup import StudyData
from zostudy.tasks.imbalance import draw
from zostudy.tasks.table import TextTable

N_ROWS = 600

BASE: dict[str, Any] = {
    "name": "smooth",
    "model": {"name": "mini-roberta"},
    "task": {"name": "reviews"},
    "imbalance": {"ratios": (1, 5), "minority_size": 10},
    "methods": (
        {"label": "spsa", "algorithm": "spsa"},
        {"label": "zosa", "algorithm": "zosa", "options": {"reach": 0.2}},
        {"label": "untuned", "algorithm": "untuned"},
    ),
    "budget": {"queries": 60, "batch_size": 8, "evaluations": 3},
    "search": {
        "trials": 5,
        "startup_trials": 2,
        "space": {
            "subspace_dim": {"choice": (5, 100)},
            "perturbation_radius": {"low": 0.01, "high": 1.0, "log": True},
            "sharpness_radius": {"low": 0.01, "high": 1.0, "log": True},
            "imbalance.sampler": {"choice": ("natural", "stratified")},
        },
    },
    "confirm": {"seeds": 2},
}


class SmoothScorer:
    """Scores by a fixed linear feature of each row plus a bowl in the latent: the more minority-like, the higher."""

    def __init__(self, labels: NDArray[np.int32]) -> None:
        noise = np.random.default_rng(0)
        self._evidence = (labels * 0.5 + noise.normal(size=len(labels))).astype(np.float32)
        self._truth = (labels * 2.0 - 1.0).astype(np.float32)

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        scores = self._evidence[rows] + self._weight(latents) * self._truth[rows]
        return np.stack([-scores, scores], axis=-1).astype(np.float32)

    def states(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        evidence = self._evidence[rows] + self._weight(latents)
        return np.stack([evidence, evidence**2, np.full(rows.shape, 3.0)], axis=-1).astype(np.float32)

    def gradients(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        dim = latents.shape[1]
        slope = (1 - self._weight(latents) ** 2) / dim * self._truth[rows]  # of the second class's score
        by_class = np.stack([-slope, slope], axis=-1)[..., None].repeat(dim, axis=-1)
        answers = np.concatenate([self.score(latents, rows)[..., None], by_class], axis=-1)
        return answers.reshape(*rows.shape, -1).astype(np.float32)

    @staticmethod
    def _weight(latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns float32 ``[q, 1]``; without a prompt as at the start."""
        weight: NDArray[np.float32] = np.tanh(latents.sum(axis=1, keepdims=True) / max(1, latents.shape[1]))
        return weight


@pytest.fixture(scope="session")
def make_spec() -> Callable[..., StudySpec]:
    def make(**sections: Any) -> StudySpec:
        return StudySpec.model_validate(BASE | sections)

    return make


@pytest.fixture(scope="session")
def spec(make_spec: Callable[..., StudySpec]) -> StudySpec:
    return make_spec()


@pytest.fixture(scope="session")
def plan(spec: StudySpec) -> Plan:
    return make_plan(spec)


@pytest.fixture(scope="session")
def table() -> TextTable:
    rows = np.arange(N_ROWS)
    return TextTable(
        texts=tuple(f"text {row}" for row in rows),
        second_texts=None,
        labels=(rows % 3 == 0).astype(np.int32),
        class_names=("common", "rare"),
        splits={"train": rows[:400].astype(np.int64), "test": rows[400:].astype(np.int64)},
    )


@pytest.fixture(scope="session")
def data(plan: Plan, table: TextTable) -> StudyData:
    draws = {
        (ratio, plan.seed(k)): draw(table, (1,), plan.spec.imbalance, asked, plan.seed(k))
        for ratio, asked in plan.ratios.items()
        for k in plan.replicates
    }
    return StudyData(table.labels, 2, (1,), draws, {"zostudy": "0"})


@pytest.fixture(scope="session")
def scorer(table: TextTable) -> SmoothScorer:
    return SmoothScorer(table.labels)
