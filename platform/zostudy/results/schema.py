"""What the Parquet tables of a study hold: explicit schemas, each column with its meaning and unit."""

from __future__ import annotations

from math import inf

import pyarrow as pa

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
"""What test is measured by. Dev itself chose the threshold, so that its metrics there would flatter."""

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


def _metric_fields(split: str, metrics: tuple[str, ...], when: str = "") -> list[pa.Field]:
    def text(metric: str) -> str:
        how = " at the threshold of dev" if metric.endswith(AT_DEV_THRESHOLD) else ""
        return f"{split}{how}: {_MEANINGS[metric.removesuffix(AT_DEV_THRESHOLD)]}{when}"

    return [column(f"{split}_{metric}", pa.float64(), text(metric)) for metric in metrics]


_NAMES = (
    _required("study", pa.string(), "name of the study"),
    _required("cell", pa.string(), "name of the cell: one model, task, imbalance ratio and method"),
    _required("trial", pa.string(), "name of the trial, unique in its study and safe as a file name"),
)

_OWED = (
    *(
        field
        for table in TABLES_BESIDE_TRIALS
        for field in (
            column(f"{table}_rows", pa.int64(), f"rows of the trial in {table}; null where an older zostudy ran"),
            column(f"{table}_digest", pa.string(), f"digest of these rows of {table}, equal for equal rows"),
        )
    ),
    column("precision_rows", pa.int64(), "rows of the trial's cell in noise_floor; null where an older zostudy ran"),
)

TRIALS = _schema(
    *_NAMES,
    _required("stage", pa.string(), "search or confirm"),
    _required("number", pa.int64(), "number in its cell and stage, from 0; in search that of the configuration"),
    column("search_seed", pa.int64(), "which seed of its configuration, from 0; null in confirm"),
    _required("method", pa.string(), "label of the method in the study file"),
    _required("algorithm", pa.string(), "registered name of the method behind the label"),
    column(
        "needs",
        pa.string(),
        "what the method asks of the model: scores; or states or gradients, which no black box gives; null where older",
    ),
    _required("model", pa.string(), "the frozen model: embedded name, hub id or folder"),
    _required("task", pa.string(), "name of the task"),
    _required("imbalance_ratio", pa.float64(), "majority / minority asked for, at least 1; natural: that of the data"),
    column("imbalance", pa.string(), "the ratio as the study asks for it: natural, or a number; null where older"),
    _required("n_minority", pa.int64(), "training examples drawn of the rarest class"),
    _required("n_majority", pa.int64(), "training examples drawn of the most frequent class"),
    column("positive_class", pa.int64(), "the positive class of AUC, from 0; null with more than two or where older"),
    _required("seed", pa.int64(), "seed of the trial's data draw, subspace and start tokens"),
    _required("budget", pa.int64(), "queries the trial was allowed; equal in a fair comparison"),
    _required("batch_size", pa.int64(), "examples of one query"),
    column("objective", pa.string(), "what the method minimises; null if it minimises nothing"),
    column("subspace_dim", pa.int64(), "length d of the latent; 0 without a prompt"),
    column("perturbation_radius", pa.float64(), "distance of a query from the point, in latent units"),
    column("sharpness_radius", pa.float64(), "length of the ascent step before an update, in latent units"),
    column("step_rule", pa.string(), "how far a step moves the latent; null where an older zostudy ran"),
    column("reach", pa.float64(), "how far the first step moves each entry of the prompt, in embedding spreads"),
    column("learning_rate", pa.float64(), "step size of the latent by the rule plain; null beside other rules"),
    column("auxiliary_learning_rate", pa.float64(), "step size of the objective's auxiliary scalars"),
    column("queries_per_step", pa.int64(), "queries of one step of the method"),
    column("sampler", pa.string(), "how batches are drawn: natural or stratified"),
    column("prior", pa.string(), "positive fraction the AUC objective uses: global or batch"),
    column("margin", pa.float64(), "margin of the AUC objective, in units of its score"),
    column("class_weights", pa.string(), "weights of the examples in the loss: none or balanced"),
    column("wording", pa.string(), "name of the template and label words; null where the study has only its own"),
    column("start_draw", pa.int64(), "which draw of the start tokens was chosen on dev, from 0; null without a choice"),
    column("start_queries", pa.int64(), "queries that chose the start, which are among queries; null without a choice"),
    _required("params", pa.string(), "every option of the method and the imbalance settings, as JSON"),
    _required("queries", pa.int64(), "queries spent in tuning; one is one prompt on one batch"),
    _required("examples", pa.int64(), "examples scored in tuning"),
    _required("evaluation_examples", pa.int64(), "examples scored beside the budget: dev, test, loss landscape"),
    column("best_queries", pa.int64(), "queries spent when the kept point was found"),
    _required("wall_seconds", pa.float64(), "seconds from the trial's start to its end"),
    _required("replica_seconds", pa.float64(), "seconds replicas were busy for the trial, summed"),
    _required("status", pa.string(), "complete, failed or pruned"),
    column("error", pa.string(), "why the trial failed, one line"),
    *_metric_fields("dev", METRICS),
    column(
        "dev_threshold",
        pa.float64(),
        "score of the second class minus the first's, above which it is predicted; null with more than two classes",
    ),
    *_metric_fields("test", TEST_METRICS, "; null in search"),
    column(
        "test_largest_share", pa.float64(), "share of the class that argmax predicts most often on test; null in search"
    ),
    column(
        "train_loss", pa.float64(), "cross-entropy on up to 64 training examples, as many of each class; null in search"
    ),
    column("test_loss", pa.float64(), "test: mean over the classes of their mean cross-entropy; null in search"),
    column("sharpness", pa.float64(), "mean rise of train_loss at radius 1 around the kept point"),
    column("latent", pa.list_(pa.float32()), "the kept point z, subspace_dim numbers"),
    column("latent_norm", pa.float64(), "length of the kept point, its distance from the start, in latent units"),
    _required("versions", pa.string(), "versions of zostudy and of what it stands on, digest of the data, as JSON"),
    _required("started_at", pa.timestamp("us", tz="UTC"), "when the trial started, UTC"),
    _required("finished_at", pa.timestamp("us", tz="UTC"), "when the trial ended, UTC"),
    *_OWED,
)

_SINCE_VERSION_2 = ("dev_balanced_accuracy", "dev_minority_recall")

HISTORY = _schema(
    *_NAMES,
    _required("step", pa.int64(), "number of the step, from 1; 0 is the start, before any step"),
    _required("queries", pa.int64(), "queries spent up to the end of the step"),
    _required("examples", pa.int64(), "examples scored up to the end of the step"),
    column("loss", pa.float64(), "mean loss of the step, in units of the objective; null at the start"),
    column("loss_spread", pa.float64(), "standard deviation of the losses of the step's queries"),
    column("gradient_norm", pa.float64(), "length of the estimated gradient"),
    _required("latent_norm", pa.float64(), "length of the latent after the step"),
    column("dev_auc", pa.float64(), "dev AUC after the step, 0 to 1; null between evaluations"),
    *(
        column(name, pa.float64(), f"{name.replace('_', ' ')} there, 0 to 1; null also where an older zostudy ran")
        for name in _SINCE_VERSION_2
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
    _required("study", pa.string(), "name of the study"),
    _required("cell", pa.string(), "name of the cell: one model, task, imbalance ratio and method"),
    _required("dtype", pa.string(), "dtype of the matrix products that was measured: float32 or bfloat16"),
    _required("chosen", pa.bool_(), "whether the study's trials run in this dtype"),
    _required("method", pa.string(), "label of the method in the study file"),
    _required("model", pa.string(), "the frozen model: embedded name, hub id or folder"),
    _required("task", pa.string(), "name of the task"),
    _required("imbalance_ratio", pa.float64(), "majority / minority asked for, at least 1; natural: that of the data"),
    _required("objective", pa.string(), "the loss that was differenced"),
    _required("difference", pa.string(), "central: of a +/- pair; forward: of a probe and the point"),
    _required("perturbation_radius", pa.float64(), "the smallest that the cell may use, in latent units"),
    _required("subspace_dim", pa.int64(), "length d of the latent"),
    _required("batch_size", pa.int64(), "examples of one query"),
    _required("directions", pa.int64(), "directions measured, one loss difference each"),
    _required("queries", pa.int64(), "queries of the measurement, beside the budget"),
    _required("loss_signal", pa.float64(), "standard deviation of the float32 difference over directions"),
    _required("loss_noise", pa.float64(), "root mean square of what dtype and batch composition add to it"),
    _required("signal_over_noise", pa.float64(), "loss_signal / loss_noise, infinite without noise; 10 is enough"),
    _required("least_radius", pa.float64(), "radius at which it would be 10, extrapolated, in latent units"),
)

AGREEMENT = _schema(
    _required("study", pa.string(), "name of the study"),
    _required("model", pa.string(), "the frozen model: embedded name, hub id or folder"),
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
"""What tables were called before: as folders in older results, and in SQL."""

_SINCE_VERSION_4 = ("positive_class",)
_SINCE_VERSION_5 = (
    "needs",
    "imbalance",
    "search_seed",
    "step_rule",
    "reach",
    "wording",
    "start_draw",
    "start_queries",
    "dev_threshold",
    *(f"{split}_{metric}" for split in ("dev", "test") for metric in ("mcc", "expected_calibration_error")),
    *(f"test_{metric}{AT_DEV_THRESHOLD}" for metric in DECISION_METRICS),
    "test_largest_share",
    *LOSSES,
    "latent_norm",
)


def _without(schema: pa.Schema, *names: str) -> pa.Schema:
    return pa.schema([field for field in schema if field.name not in names])


_TRIALS_5 = _without(TRIALS, *LOSSES)  # as the version began
_TRIALS_4 = _without(TRIALS, *_SINCE_VERSION_5)
_TRIALS_3 = _without(_TRIALS_4, *_SINCE_VERSION_4)

OLDER_SCHEMAS: dict[str, tuple[pa.Schema, ...]] = {
    "trials": (_TRIALS_5, _TRIALS_4, _TRIALS_3, _without(_TRIALS_3, *(field.name for field in _OWED))),
    "history": (_without(HISTORY, *_SINCE_VERSION_2),),
}
"""What files of earlier versions hold; the columns that they lack are read as null."""
