"""A trial's row of the table ``trials``: the same fields for each trial, however it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """A finished trial; None in a nullable column stands for no value.

    Its fields are the columns of ``zostudy.results.schema.TRIALS``, each with its meaning and unit; those of metrics
    take theirs from there. ``params`` and ``versions`` are stored as JSON; times carry a time zone.
    """

    study: Annotated[str, "name of the study"]
    cell: Annotated[str, "name of the cell: one model, task, imbalance ratio and method"]
    trial: Annotated[str, "name of the trial, unique in its study and safe as a file name"]
    stage: Annotated[str, "search or confirm"]
    number: Annotated[int, "number in its cell and stage, from 0; in search that of the configuration"]
    search_seed: Annotated[int | None, "which seed of its configuration, from 0; null in confirm"] = None
    method: Annotated[str, "label of the method in the study file"]
    algorithm: Annotated[str, "registered name of the method behind the label"]
    needs: Annotated[
        str | None,
        "what the method asks of the model: scores; or states or gradients, which no black box gives; null where older",
    ] = None
    model: Annotated[str, "the frozen model: embedded name, hub id or folder"]
    task: Annotated[str, "name of the task"]
    imbalance_ratio: Annotated[float, "majority / minority asked for, at least 1; natural: that of the data"]
    imbalance: Annotated[str | None, "the ratio as the study asks for it: natural, or a number; null where older"] = (
        None
    )
    n_minority: Annotated[int, "training examples drawn of the rarest class"]
    n_majority: Annotated[int, "training examples drawn of the most frequent class"]
    positive_class: Annotated[
        int | None, "the positive class of AUC, from 0; null with more than two or where older"
    ] = None
    seed: Annotated[int, "seed of the trial's data draw, subspace and start tokens"]
    budget: Annotated[int, "queries the trial was allowed; equal in a fair comparison"]
    batch_size: Annotated[int, "examples of one query"]
    objective: Annotated[str | None, "what the method minimises; null if it minimises nothing"] = None
    subspace_dim: Annotated[int | None, "length d of the latent; 0 without a prompt"] = None
    perturbation_radius: Annotated[
        float | None, "how far a probe moves each entry of the prompt, in embedding spreads"
    ] = None
    sharpness_radius: Annotated[
        float | None, "how far the ascent moves each entry of the prompt, in embedding spreads"
    ] = None
    step_rule: Annotated[str | None, "how far a step moves the latent; null where an older zostudy ran"] = None
    reach: Annotated[float | None, "how far the first step moves each entry of the prompt, in embedding spreads"] = None
    learning_rate: Annotated[float | None, "step size of the latent by the rule plain; null beside other rules"] = None
    auxiliary_learning_rate: Annotated[float | None, "step size of the objective's auxiliary scalars"] = None
    queries_per_step: Annotated[int | None, "queries of one step of the method"] = None
    sampler: Annotated[str | None, "how batches are drawn: natural or stratified"] = None
    prior: Annotated[str | None, "positive fraction the AUC objective uses: global or batch"] = None
    margin: Annotated[float | None, "margin of the AUC objective, in units of its score"] = None
    class_weights: Annotated[str | None, "weights of the examples in the loss: none or balanced"] = None
    wording: Annotated[str | None, "name of the template and label words; null where the study has only its own"] = None
    start_draw: Annotated[
        int | None, "which draw of the start tokens was chosen on dev, from 0; null without a choice"
    ] = None
    start_queries: Annotated[
        int | None, "queries that chose the start, which are among queries; null without a choice"
    ] = None
    params: Annotated[Mapping[str, Any], "every option of the method and the imbalance settings, as JSON"]
    queries: Annotated[int, "queries spent in tuning; one is one batch, with one prompt or one for each example"]
    examples: Annotated[int, "examples scored in tuning"]
    evaluation_examples: Annotated[int, "examples scored beside the budget: dev, test, loss landscape"]
    best_queries: Annotated[int | None, "queries spent when the kept point was found"] = None
    wall_seconds: Annotated[float, "seconds from the trial's start to its end"]
    replica_seconds: Annotated[float, "seconds replicas were busy for the trial, summed"]
    status: Annotated[str, "complete, failed or pruned"]
    error: Annotated[str | None, "why the trial failed, one line"] = None
    dev_auc: float | None = None
    dev_auprc: float | None = None
    dev_balanced_accuracy: float | None = None
    dev_minority_recall: float | None = None
    dev_macro_f1: float | None = None
    dev_mcc: float | None = None
    dev_accuracy: float | None = None
    dev_expected_calibration_error: float | None = None
    dev_threshold: Annotated[
        float | None,
        "score of the second class minus the first's, above which it is predicted; null with more than two classes",
    ] = None
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
    test_largest_share: Annotated[
        float | None, "share of the class that argmax predicts most often on test; null in search"
    ] = None
    train_loss: Annotated[
        float | None, "cross-entropy on up to 64 training examples, as many of each class; null in search"
    ] = None
    test_loss: Annotated[float | None, "test: mean over the classes of their mean cross-entropy; null in search"] = None
    sharpness: Annotated[
        float | None, "mean rise of train_loss, in nats, one embedding spread around the kept point"
    ] = None
    latent: Annotated[tuple[float, ...] | None, "the kept point z, subspace_dim numbers"] = None
    latent_norm: Annotated[
        float | None, "length of the kept point z; over sqrt(subspace_dim): embedding spreads from the start"
    ] = None
    versions: Annotated[Mapping[str, str], "versions of zostudy and of what it stands on, digest of the data, as JSON"]
    started_at: Annotated[datetime, "when the trial started, UTC"]
    finished_at: Annotated[datetime, "when the trial ended, UTC"]
    history_rows: Annotated[int | None, "rows of the trial in history; null where an older zostudy ran"] = None
    history_digest: Annotated[str | None, "digest of these rows of history, equal for equal rows"] = None
    scores_rows: Annotated[int | None, "rows of the trial in scores; null where an older zostudy ran"] = None
    scores_digest: Annotated[str | None, "digest of these rows of scores, equal for equal rows"] = None
    landscape_rows: Annotated[int | None, "rows of the trial in landscape; null where an older zostudy ran"] = None
    landscape_digest: Annotated[str | None, "digest of these rows of landscape, equal for equal rows"] = None
    precision_rows: Annotated[
        int | None, "rows of the trial's cell in noise_floor; null where an older zostudy ran"
    ] = None

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
