"""The libraries themselves, against stores on this machine."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zostudy.results.outcome import Outcome
from zostudy.results.storage import Storage
from zostudy.tracking.trackers import open_tracker
from zostudy.tracking.trial import tracked_trial

MakeOutcome = Callable[..., Outcome]


@pytest.mark.slow
def test_mlflow_holds_a_run_a_trial(tmp_path: Path, make_outcome: MakeOutcome, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # as a database takes its tables ten seconds to be made
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path}/runs")
    monkeypatch.setattr("zostudy.tracking.mlflow_tracker.MOST_METRICS", 3)
    for trial in (make_outcome(), make_outcome("spsa-r10-confirm-001", status="failed")):
        open_tracker("mlflow", Storage.at(tmp_path / "followed")).add(tracked_trial(trial))

    client = mlflow.MlflowClient()
    failed, run = client.search_runs([client.get_experiment_by_name("followed").experiment_id], order_by=["status"])
    assert (failed.info.run_name, failed.info.status) == ("spsa-r10-confirm-001", "FAILED")
    assert (run.info.run_name, run.info.status) == ("spsa-r10-confirm-000", "FINISHED")
    assert run.info.end_time - run.info.start_time == 60_000
    assert {key: run.data.tags[key] for key in ("study", "cell", "imbalance_ratio")} == {
        "study": "followed", "cell": "spsa-r10", "imbalance_ratio": "10.0"
    }  # fmt: skip
    assert run.data.params["perturbation_radius"] == "0.1"
    assert {name: run.data.metrics[name] for name in ("final/test_auc", "final/dev_auc", "loss")} == {
        "final/test_auc": 0.7, "final/dev_auc": 0.75, "loss": 0.8
    }  # fmt: skip
    assert [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "dev_auc")] == [
        (0, 0.5), (40, 0.75)
    ]  # fmt: skip


def test_tensorboard_holds_a_run_a_trial_however_often_it_is_added(tmp_path: Path, make_outcome: MakeOutcome) -> None:
    tracker = open_tracker("tensorboard", Storage.at(tmp_path))
    for _ in range(2):
        tracker.add(tracked_trial(make_outcome()))
    (file,) = (tmp_path / "tensorboard" / "spsa-r10-confirm-000").iterdir()
    values = [(event.step, value) for event in events(file) for value in event.summary.value]
    scalars = {(step, value.tag): value.simple_value for step, value in values if value.HasField("simple_value")}
    assert {step: value for (step, tag), value in scalars.items() if tag == "dev_auc"} == {0: 0.5, 40: 0.75}
    assert scalars[40, "final/test_auc"] == pytest.approx(0.7)
    assert {"_hparams_/experiment", "_hparams_/session_start_info"} <= {value.tag for _, value in values}


def events(file: Path) -> Iterator[Any]:
    """Yields the events of an event file: records of a length, its checksum, the event and its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data = file.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        yield Event.FromString(data[12 : 12 + length])
        data = data[16 + length :]


def test_beside_an_object_store_event_files_are_written_where_the_study_runs(
    s3_uri: Callable[[str], str],
) -> None:
    tracker = open_tracker("tensorboard", Storage.at(s3_uri("results")) / "followed")
    assert tracker.name == "tensorboard --logdir tensorboard/followed"


@pytest.mark.slow
def test_wandb_holds_a_run_a_trial(tmp_path: Path, make_outcome: MakeOutcome, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    open_tracker("wandb", Storage.at(tmp_path / "followed")).add(tracked_trial(make_outcome()))
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    written = file.read_bytes()
    # Blocks of 32 KiB, each with a header of seven bytes, which may stand amid a word.
    stored = b"".join(written[start + 7 : start + 2**15] for start in range(0, len(written), 2**15))
    for expected in (b"spsa-r10-confirm-000", b"followed", b"final/test_auc", b"perturbation_radius"):
        assert expected in stored
