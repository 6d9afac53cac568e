"""A small frozen scorer that stands in for a language model: smooth, nonlinear, and worth tuning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from pydantic import TypeAdapter

from zostudy.methods import Context, ImbalanceSettings, Method, Queries, StepRecord, get_method

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@dataclass(frozen=True)
class Toy:
    """n texts with hidden features; a latent turns the frozen network's attention to the telling ones."""

    features: NDArray[np.float64]  # [n, k]
    labels: NDArray[np.int32]  # [n]
    mix: NDArray[np.float64]  # [d, k]
    read: NDArray[np.float64]  # [k, C]

    @classmethod
    def make(cls, counts: tuple[int, ...] = (60, 20), dim: int = 20, width: int = 40, seed: int = 0) -> Toy:
        noise = np.random.default_rng(seed)
        labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
        centres = noise.normal(size=(len(counts), width))
        features = centres[labels] + 1.5 * noise.normal(size=(len(labels), width))
        mix = noise.normal(size=(dim, width)) / np.sqrt(dim)
        return cls(features, labels, mix, noise.normal(size=(width, len(counts))) / np.sqrt(width))

    def score(self, queries: Queries) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Answers queries, whatever they ask for."""
        dim = queries.latents.shape[1]
        gate = queries.latents.astype(np.float64) @ self.mix[:dim]  # [q, k]
        features = self.features[queries.rows]
        hidden = np.tanh(features * (1 + gate)[:, None, :] + gate[:, None, :])
        answers = hidden if queries.access == "states" else hidden @ self.read
        if queries.access == "gradients":
            slopes = (1 - hidden**2) * (features + 1)  # of the hidden states in the gate
            in_latent = np.einsum("qbk,kc,dk->qbcd", slopes, self.read, self.mix[:dim])
            answers = np.concatenate([answers[..., None], in_latent], axis=-1).reshape(*queries.rows.shape, -1)
        return answers.astype(np.float32), self.labels[queries.rows]

    def context(self, **changes: object) -> Context:
        n_classes = int(self.labels.max()) + 1
        rows = np.arange(len(self.labels), dtype=np.int32)
        given: dict[str, object] = {
            "seed": 0,
            "labels": self.labels,
            "rows": rows,
            "n_classes": n_classes,
            "minority_classes": (n_classes - 1,),
            "batch_size": 16,
            "budget": 300,
            "imbalance": ImbalanceSettings(),
        }
        return Context(**(given | changes))  # type: ignore[arg-type]

    def method(self, name: str, *, context: dict[str, object] | None = None, **options: object) -> Method:
        kind = get_method(name)
        checked = TypeAdapter(kind.Options).validate_python({"subspace_dim": 20} | options)
        return kind(checked, self.context(**context or {}))

    def run_step(self, method: Method) -> StepRecord:
        record = None
        while record is None:
            record = method.tell(*self.score(method.ask()))
        return record

    def run(self, method: Method) -> list[StepRecord]:
        records = []
        while not method.finished:
            records.append(self.run_step(method))
        return records

    def example_losses(self, method: Any, rows: NDArray[np.int32]) -> Callable[[NDArray[np.float64]], Any]:
        """Returns the losses ``[b]`` of a batch's examples as a function of the latent."""
        return lambda latent: method.objective.losses(
            *self.score(Queries(latent[None].astype(np.float32), rows[None]))
        )[0]

    def everyone(self, latent: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        return self.score(Queries(latent[None], np.arange(len(self.labels), dtype=np.int32)[None]))


@pytest.fixture
def toy() -> Toy:
    return Toy.make()
