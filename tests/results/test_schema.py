from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.results.encoding import encode
from zostudy.results.outcome import Outcome, SplitScores
from zostudy.results.schema import (
    HISTORY,
    LANDSCAPE,
    METRICS,
    NOISE_FLOOR,
    SCHEMAS,
    SCORES,
    TIME_COLUMNS,
    TRIALS,
    meaning,
)
from zostudy.results.trial_row import TrialRow

FLOATS = st.floats(width=32)


@pytest.mark.parametrize("table", SCHEMAS)
def test_every_column_says_what_it_means_and_survives_parquet(table: str) -> None:
    file = io.BytesIO()
    pq.write_table(SCHEMAS[table].empty_table(), file)
    read = pq.read_schema(file)
    assert read.equals(SCHEMAS[table])
    assert read.metadata[b"zostudy_schema"] == b"5"
    for field in read:
        assert re.fullmatch(r"[^\n]{10,120}", meaning(field)), field.name


def test_trials_have_the_columns_that_were_promised() -> None:
    names = {"study", "cell", "trial", "stage", "number", "method", "model", "task", "status", "error"}
    draw = {"seed", "imbalance_ratio", "n_minority", "n_majority", "budget", "batch_size"}
    options = {"subspace_dim", "perturbation_radius", "sharpness_radius", "learning_rate", "params"}
    spent = {"queries", "examples", *TIME_COLUMNS}
    measured = {f"{split}_{metric}" for split in ("dev", "test") for metric in METRICS} | {"sharpness"}
    assert {
        "dev_threshold",
        *(f"test_{metric}_at_dev_threshold" for metric in ("balanced_accuracy", "minority_recall", "macro_f1", "mcc")),
        *("test_mcc", "test_expected_calibration_error"),
    } <= set(TRIALS.names)
    assert names | draw | options | spent | measured <= set(TRIALS.names)
    assert set(HISTORY.names) > {"trial", "step", "queries", "loss", "loss_spread", "dev_auc"}
    assert {"cell", "dtype", "chosen", "perturbation_radius", "loss_signal", "loss_noise"} <= set(NOISE_FLOOR.names)
    assert set(SCORES.names) > {"trial", "split", "row", "label", "scores"}
    assert set(LANDSCAPE.names) > {"trial", "x", "y", "loss"}


def test_the_fields_of_a_row_are_the_columns_of_trials() -> None:
    assert [field.name for field in fields(TrialRow)] == TRIALS.names
    assert [field.name for field in fields(TrialRow) if field.default is None] == [
        field.name for field in TRIALS if field.nullable
    ]
    assert all(field.default in (None, MISSING) for field in fields(TrialRow))


def test_an_outcome_comes_back_as_it_was(make_outcome: Callable[..., Any], tmp_path: Path) -> None:
    outcome = make_outcome()
    tables = {}
    for name, table in encode(outcome).items():
        pq.write_table(table, tmp_path / name)
        tables[name] = pq.read_table(tmp_path / name).to_pylist()

    trial = tables["trials"][0]
    assert trial["params"] == '{"perturbation_radius": 0.1, "subspace_dim": 4}'
    assert trial["sharpness"] is None
    assert trial["error"] is None
    owed = {name: value for name, value in trial.items() if name.endswith(("_rows", "_digest"))}
    assert {name: value for name, value in owed.items() if name.endswith("_rows")} == {
        "history_rows": 3,
        "scores_rows": 2,
        "landscape_rows": 3,
        "precision_rows": 0,
    }
    assert TrialRow.of_stored(trial) == replace(outcome.trial, **owed)

    assert [row["dev_auc"] for row in tables["history"]] == [None, None, 0.75]
    assert [row["loss_spread"] for row in tables["history"]] == [None, 0.1, 0.05]
    assert [row["loss"] for row in tables["history"]] == [None, 0.7, 0.5]
    assert [dict(row["auxiliary"]) for row in tables["history"]] == [
        {"a": 0.0},
        {"a": 0.1},
        {"a": 0.2, "alpha": 1.0},
    ]
    scored = [(row["split"], row["row"], row["label"]) for row in tables["scores"]]
    assert scored == [("dev", 7, 0), ("dev", 3, 1)]
    around = [(row["x"], row["y"], row["loss"], row["examples"]) for row in tables["landscape"]]
    assert around == [(-1.0, 0.0, 0.75, 40), (0.0, 0.0, 0.5, 40), (1.0, 0.0, None, 40)]


@settings(deadline=None)
@given(data=st.data(), n=st.integers(0, 5), n_classes=st.integers(2, 4))
def test_scores_keep_every_bit(make_row: Callable[..., TrialRow], data: st.DataObject, n: int, n_classes: int) -> None:
    values = data.draw(st.lists(FLOATS, min_size=n * n_classes, max_size=n * n_classes))
    scores = np.array(values, dtype=np.float32).reshape(n, n_classes)
    labels = np.zeros(n, dtype=np.int32)
    outcome = Outcome(make_row(), scores={"test": SplitScores(np.arange(n), labels, scores)})
    file = io.BytesIO()
    pq.write_table(encode(outcome)["scores"], file, compression="zstd")
    back = pq.read_table(file)["scores"].to_pylist()
    assert np.array(back, dtype=np.float32).reshape(n, n_classes).tobytes() == scores.tobytes()


def test_a_trial_without_steps_scores_or_landscape_has_empty_tables(make_outcome: Callable[..., Any]) -> None:
    tables = encode(Outcome(make_outcome().trial))
    assert tables["history"].num_rows == tables["scores"].num_rows == tables["landscape"].num_rows == 0
    assert tables["history"].schema.equals(HISTORY)
    assert tables["scores"].schema.equals(SCORES)
    assert tables["landscape"].schema.equals(LANDSCAPE)


def test_wrong_columns_are_refused(make_outcome: Callable[..., Any]) -> None:
    good = make_outcome()
    with pytest.raises(TypeError, match="'colour'"):
        replace(good.trial, colour=1)
    with pytest.raises(ValueError, match=r"must have a value: \['seed'\]"):
        encode(Outcome(replace(good.trial, seed=None)))
    with pytest.raises(ValueError, match=r"missing \['loss'\]"):
        encode(Outcome(good.trial, {name: array for name, array in good.history.items() if name != "loss"}))
    with pytest.raises(ValueError, match="2 values for 3 steps"):
        encode(Outcome(good.trial, good.history, {"a": np.zeros(2)}))
    with pytest.raises((ValueError, pa.ArrowInvalid)):
        encode(Outcome(good.trial, {**good.history, "loss": np.zeros(2)}))
