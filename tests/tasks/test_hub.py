from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest

from zostudy.errors import DataError
from zostudy.tasks.hub import hub_rows
from zostudy.tasks.known import Columns

SENTENCES = Columns(text="sentence")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A data set in the hub's layout, with class names in its schema and hidden test labels."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    )
    rows = {
        "train": {"sentence": ["a", "b", "c", "", "e"], "label": [0, 1, -1, 1, 0]},
        "validation": {"sentence": ["f", "g"], "label": [1, 0]},
        "test": {"sentence": ["h", "i"], "label": [-1, -1]},
    }
    path = tmp_path / "set"
    path.mkdir()
    for split, columns in rows.items():
        datasets.Dataset.from_dict(columns, features).to_parquet(path / f"{split}-00000-of-00001.parquet")
    return str(path)


def test_reads_the_splits_asked_for_and_counts_the_other_rows(folder: str) -> None:
    rows, left_out = hub_rows(folder, None, None, SENTENCES, ("train", "validation"))
    assert rows.to_pydict() == {
        "sentence": ["a", "b", "e", "f", "g"],
        "label": [0, 1, 0, 1, 0],
        "split": ["train"] * 3 + ["validation"] * 2,
    }
    assert left_out == {"without a label": 1, "without a text": 1, "of split 'test'": 2}


def test_hidden_labels_are_refused(folder: str) -> None:
    with pytest.raises(DataError, match=r"labels of split 'test' are hidden; name another with task.splits"):
        hub_rows(folder, None, None, SENTENCES, ("train", "test"))


def test_an_absent_split_is_told_with_those_there(folder: str) -> None:
    with pytest.raises(DataError, match=r"must have the split 'dev', but its splits are train, validation, test"):
        hub_rows(folder, None, None, SENTENCES, ("train", "dev"))


def one_line(action: Callable[[], object]) -> str:
    with pytest.raises(DataError) as refusal:
        action()
    message = str(refusal.value)
    assert "\n" not in message
    assert "HF_HUB_OFFLINE=1" in message
    assert "task.file" in message
    return message


def test_offline_is_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    message = one_line(lambda: hub_rows("owner/absent", None, None, SENTENCES, ("train", "test")))
    assert message.startswith("owner/absent: this data set cannot be loaded (")


@pytest.mark.parametrize(
    "failure",
    [
        datasets.exceptions.DatasetNotFoundError("Dataset 'no/such' doesn't exist on the Hub\nsecond line"),
        ValueError("BuilderConfig 'nope' not found"),
        TimeoutError(),
    ],
)
def test_what_the_hub_answers_is_passed_on_in_one_line(monkeypatch: pytest.MonkeyPatch, failure: Any) -> None:
    def load_dataset(*args: Any, **kwargs: Any) -> Any:
        raise failure

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    message = one_line(lambda: hub_rows("no/such", None, None, SENTENCES, ("train", "test")))
    assert (str(failure).splitlines() or ["TimeoutError"])[0] in message
