"""A trial's row of the table ``trials``: the same fields for each trial, however it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """What is known of a finished trial; None in a nullable column says that there is no value.

    Its fields are the columns of ``zostudy.results.schema.TRIALS``, which says what each of them means. Python's own
    values stand for those that are stored as JSON (``params``, ``versions``); times carry a time zone.
    """

    study: str
    cell: str
    trial: str
    stage: str
    number: int
    search_seed: int | None = None
    method: str
    algorithm: str
    needs: str | None = None
    model: str
    task: str
    imbalance_ratio: float
    imbalance: str | None = None
    n_minority: int
    n_majority: int
    positive_class: int | None = None
    seed: int
    budget: int
    batch_size: int
    objective: str | None = None
    subspace_dim: int | None = None
    perturbation_radius: float | None = None
    sharpness_radius: float | None = None
    step_rule: str | None = None
    reach: float | None = None
    learning_rate: float | None = None
    auxiliary_learning_rate: float | None = None
    queries_per_step: int | None = None
    sampler: str | None = None
    prior: str | None = None
    margin: float | None = None
    class_weights: str | None = None
    wording: str | None = None
    start_draw: int | None = None
    start_queries: int | None = None
    params: Mapping[str, Any]
    queries: int
    examples: int
    evaluation_examples: int
    best_queries: int | None = None
    wall_seconds: float
    replica_seconds: float
    status: str
    error: str | None = None
    dev_auc: float | None = None
    dev_auprc: float | None = None
    dev_balanced_accuracy: float | None = None
    dev_minority_recall: float | None = None
    dev_macro_f1: float | None = None
    dev_mcc: float | None = None
    dev_accuracy: float | None = None
    dev_expected_calibration_error: float | None = None
    dev_threshold: float | None = None
    test_auc: float | None = None
    test_auprc: float | None = None
    test_balanced_accuracy: float | None = None
    test_minority_recall: float | None = None
    test_macro_f1: float | None = None
    test_mcc: float | None = None
    test_accuracy: float | None = None
    test_expected_calibration_error: float | None = None
    test_balanced_accuracy_at_dev_threshold: float | None = None
    test_minority_recall_at_dev_threshold: float | None = None
    test_macro_f1_at_dev_threshold: float | None = None
    test_mcc_at_dev_threshold: float | None = None
    test_largest_share: float | None = None
    train_loss: float | None = None
    test_loss: float | None = None
    sharpness: float | None = None
    latent: tuple[float, ...] | None = None
    latent_norm: float | None = None
    versions: Mapping[str, str]
    started_at: datetime
    finished_at: datetime
    history_rows: int | None = None
    history_digest: str | None = None
    scores_rows: int | None = None
    scores_digest: str | None = None
    landscape_rows: int | None = None
    landscape_digest: str | None = None
    precision_rows: int | None = None

    def as_stored(self) -> dict[str, Any]:
        """Returns the value of each column as Parquet takes it."""
        texts = {name: json.dumps(getattr(self, name), sort_keys=True) for name in ("params", "versions")}
        return {field.name: getattr(self, field.name) for field in fields(self)} | texts

    @classmethod
    def of_stored(cls, stored: Mapping[str, Any]) -> TrialRow:
        """Returns the row of what Parquet holds: ``as_stored`` taken back. NaN is no value."""
        values = {name: None if value != value else value for name, value in stored.items()}
        own = {name: json.loads(stored[name]) for name in ("params", "versions")}
        latent = stored["latent"]
        return cls(**{**values, **own, "latent": None if latent is None else tuple(latent)})
