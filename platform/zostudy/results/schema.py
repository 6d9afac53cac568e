"""The Parquet tables of a study: explicit schemas, each column with its meaning and unit."""

from __future__ import annotations

from datetime import datetime
from math import inf
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pyarrow as pa

from zostudy.results.trial_row import TrialRow

SCHEMA_VERSION = 5
VERSION_KEY = b"zostudy_schema"
MEANING_KEY = b"meaning"

TABLES_BESIDE_TRIALS = ("history", "scores", "landscape")
"""Tables in which a trial has rows beside its one in ``trials``, which says how many rows each must hold."""

DECISION_METRICS = ("balanced_accuracy", "minority_recall", "macro_f1", "mcc")
"""Metrics of a decision, which every trial has both of argmax and at the threshold that dev chose."""

METRICS = ("auc", "auprc", *DECISION_METRICS, "accuracy", "expected_calibration_error")

AT_DEV_THRESHOLD = "_at_dev_threshold"

TEST_METRICS = (*METRICS, *(f"{metric}{AT_DEV_THRESHOLD}" for metric in DECISION_METRICS))
"""The metrics of test. Dev has none at the threshold: it chose the threshold itself, so they would flatter."""

LOSSES = ("train_loss", "test_loss")
"""Mean cross-entropies of the kept point, each class weighing alike, so that train and test can be compared."""

TIME_COLUMNS = ("wall_seconds", "replica_seconds", "started_at", "finished_at")
"""Columns of ``trials`` that may differ between two runs of one study; every other one may not."""


def meaning(field: pa.Field) -> str:
    """Returns the one line that says what a column means, with its unit."""
    metadata: dict[bytes, bytes] = field.metadata or {}
    return metadata.get(MEANING_KEY, b"").decode()


def column(name: str, kind: pa.DataType, text: str) -> pa.Field:
    """Returns a column that may be null, with its meaning."""
    return pa.field(name, kind, metadata={MEANING_KEY: text.encode()})


def empty_table(schema: pa.Schema) -> pa.Table:
    """Returns a table without rows; the schema's own method would import pandas, a quarter of a second."""
    return pa.Table.from_batches([], schema)


def _required(name: str, kind: pa.DataType, text: str) -> pa.Field:
    return pa.field(name, kind, nullable=False, metadata={MEANING_KEY: text.encode()})


def _schema(*fields: pa.Field) -> pa.Schema:
    return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()})


def bounds(metric: str) -> tuple[float, float]:
    """Returns the lowest and the highest value of a metric, or of its column on a split; infinite where it has none."""
    if metric == "sharpness":
        return -inf, inf
    if metric in LOSSES:
        return 0.0, inf
    return (-1.0, 1.0) if "mcc" in metric else (0.0, 1.0)


def lower_is_better(metric: str) -> bool:
    """Returns whether a metric, or its column on a split, is an error, a loss or the sharpness."""
    return metric.endswith("error") or metric in (*LOSSES, "sharpness")


_MEANINGS = {
    "auc": "area under the ROC curve of the minority class, or macro one-vs-rest, 0 to 1",
    "auprc": "average precision of the minority class, or macro one-vs-rest, 0 to 1",
    "balanced_accuracy": "mean recall over the classes, 0 to 1",
    "minority_recall": "mean recall over the minority classes, 0 to 1",
    "macro_f1": "unweighted mean of the classes' F1, 0 to 1",
    "mcc": "Matthews correlation coefficient, -1 to 1",
    "accuracy": "share of right predictions, 0 to 1",
    "expected_calibration_error": "distance of confidence and accuracy, 15 bins, 0 to 1",
}


def _metric_meaning(name: str) -> str:
    split, _, metric = name.partition("_")
    how = " at the threshold of dev" if metric.endswith(AT_DEV_THRESHOLD) else ""
    when = "; null in search" if split == "test" else ""
    return f"{split}{how}: {_MEANINGS[metric.removesuffix(AT_DEV_THRESHOLD)]}{when}"


_NUMBER_AND_TEXT_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    datetime: pa.timestamp("us", tz="UTC"),
}


def columns_of(record: type, elements: pa.DataType) -> list[pa.Field]:
    """Returns a column for each field of a dataclass, which is annotated with its meaning or called as a metric is.

    A mapping is stored as JSON, and a tuple as a list of ``elements``. An optional value may be null.
    """
    types = {**_NUMBER_AND_TEXT_TYPES, tuple[float, ...]: pa.list_(elements)}
    columns = []
    for name, hint in get_type_hints(record, include_extras=True).items():
        kind, text = get_args(hint) if get_origin(hint) is Annotated else (hint, _metric_meaning(name))
        is_optional = type(None) in get_args(kind)
        stored = types.get(get_args(kind)[0] if is_optional else kind, pa.string())
        columns.append((column if is_optional else _required)(name, stored, text))
    return columns


TRIALS = _schema(*columns_of(TrialRow, pa.float32()))

_NAMES = tuple(map(TRIALS.field, ("study", "cell", "trial")))

HISTORY = _schema(
    *_NAMES,
    _required("step", pa.int64(), "number of the step, from 1; 0 is the start, before any step"),
    _required("queries", pa.int64(), "queries spent up to the end of the step"),
    _required("examples", pa.int64(), "examples scored up to the end of the step"),
    column("loss", pa.float64(), "mean loss of the step, in units of the objective; null at the start"),
    column(
        "loss_spread",
        pa.float64(),
        "standard deviation of the losses of the step's probes; of its first stage's where it has two",
    ),
    column("gradient_norm", pa.float64(), "length of the estimated gradient"),
    _required("latent_norm", pa.float64(), "length of the latent after the step"),
    column("dev_auc", pa.float64(), "dev AUC after the step, 0 to 1; null between evaluations"),
    *(
        column(name, pa.float64(), f"{name.replace('_', ' ')} there, 0 to 1; null also where an older zostudy ran")
        for name in ("dev_balanced_accuracy", "dev_minority_recall")
    ),
    _required("auxiliary", pa.map_(pa.string(), pa.float64()), "auxiliary scalars after the step, by name"),
)

SCORES = _schema(
    *_NAMES,
    _required("split", pa.string(), "dev or test"),
    _required("row", pa.int64(), "row number in the task's table"),
    _required("label", pa.int32(), "true class, from 0"),
    _required("scores", pa.list_(pa.float32()), "logits of the label words, one a class, at the kept point"),
)

LANDSCAPE = _schema(
    *_NAMES,
    _required("x", pa.float64(), "place along a first random direction from the kept point, in latent units"),
    _required("y", pa.float64(), "place along a second one, at right angles to the first, in latent units"),
    column("loss", pa.float64(), "mean cross-entropy of the label words on training examples; null if not finite"),
    _required("examples", pa.int64(), "training examples that the mean is over, as many of each class"),
)

NOISE_FLOOR = _schema(
    *map(TRIALS.field, ("study", "cell")),
    _required("dtype", pa.string(), "dtype of the matrix products that was measured: float32 or bfloat16"),
    _required("chosen", pa.bool_(), "whether the study's trials run in this dtype"),
    *map(TRIALS.field, ("method", "model", "task", "imbalance_ratio")),
    _required("objective", pa.string(), "the loss that was differenced"),
    _required("difference", pa.string(), "central: of a +/- pair; forward: of a probe and the point"),
    _required("perturbation_radius", pa.float64(), "the smallest that the cell may use, in latent units"),
    _required("subspace_dim", pa.int64(), "length d of the latent"),
    TRIALS.field("batch_size"),
    _required("directions", pa.int64(), "directions measured, one loss difference each"),
    _required("queries", pa.int64(), "queries of the measurement, beside the budget"),
    _required("loss_signal", pa.float64(), "standard deviation of the float32 difference over directions"),
    _required("loss_noise", pa.float64(), "root mean square of what dtype and batch composition add to it"),
    _required("signal_over_noise", pa.float64(), "loss_signal / loss_noise, infinite without noise; 10 is enough"),
    _required("least_radius", pa.float64(), "radius at which it would be 10, extrapolated, in latent units"),
)

AGREEMENT = _schema(
    *map(TRIALS.field, ("study", "model")),
    _required("family", pa.string(), "architecture of the model, as transformers names it"),
    _required("dtype", pa.string(), "dtype of the evaluator's matrix products: float32 or bfloat16"),
    _required("evaluator", pa.string(), "packed: a transformer of zostudy's own; padded: transformers' own code"),
    _required("texts", pa.int64(), "texts of the task that were scored, from the shortest to the longest"),
    _required("prompts", pa.int64(), "prompts under each of which they were scored"),
    _required(
        "largest_score", pa.float64(), "largest absolute score of transformers' own model, run plainly in float32"
    ),
    _required("difference", pa.float64(), "largest difference of the evaluator's scores, as a share of largest_score"),
    _required("bound", pa.float64(), "what the difference may be at most, or no trial starts"),
)

SCHEMAS: dict[str, pa.Schema] = {
    "trials": TRIALS,
    "history": HISTORY,
    "scores": SCORES,
    "landscape": LANDSCAPE,
    "noise_floor": NOISE_FLOOR,
    "agreement": AGREEMENT,
}

OLDER_NAMES = {"noise_floor": "precision"}
"""Earlier names of tables: of their folders in older results, and in SQL."""


def is_known(schema: pa.Schema, table: str) -> bool:
    """Returns whether a zostudy wrote a table with this schema; an older one lacks columns, which are read as null."""
    there = set(schema.names)
    known = [field for field in SCHEMAS[table] if field.name in there or not field.nullable]
    return bool(schema.equals(pa.schema(known)))
