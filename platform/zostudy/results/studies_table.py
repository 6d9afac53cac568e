"""The table ``studies``: one row a study, from its ``study.yaml``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from zostudy.ratios import ALL, NATURAL
from zostudy.results.schema import column, empty_table
from zostudy.results.storage import Storage
from zostudy.results.study_file import read_stored_study, unreadable_study
from zostudy.study_keys import options_by_label

STUDIES = pa.schema(
    [
        column("study", pa.string(), "name of the study"),
        column("folder", pa.string(), "where its results are"),
        column("model", pa.string(), "the frozen model: embedded name, hub id or folder"),
        column("task", pa.string(), "name, file or hub id of the task"),
        column("methods", pa.list_(pa.string()), "labels of the methods"),
        column("imbalance_ratios", pa.list_(pa.float64()), "majority / minority asked for; null: natural"),
        column("minority_size", pa.int64(), "training examples of the rarest class asked for; null: all"),
        column("budget", pa.int64(), "queries a trial is allowed"),
        column("batch_size", pa.int64(), "examples of one query"),
        column("search_trials", pa.int64(), "configurations that each cell tries in search"),
        column("confirm_seeds", pa.int64(), "confirm trials of each cell"),
        column("seed", pa.int64(), "the study's seed"),
        column("spec", pa.string(), "the whole study file with every default filled in, as JSON"),
    ]
)

_WANTED_BY, _REMEDY = "the table studies", "give the folders of the other studies"


def read_studies(storages: Sequence[Storage]) -> pa.Table:
    """Returns one row a study, with the columns of ``STUDIES``; what a study file leaves out is null.

    Raises:
        ResultsError: a study file is missing, cannot be read, or holds no study.
    """
    return pa.concat_tables([empty_table(STUDIES), *map(_study, storages)])


def _study(storage: Storage) -> pa.Table:
    row = _row(storage)
    try:
        return pa.Table.from_pylist([row], STUDIES)
    except (pa.ArrowException, OverflowError) as error:
        raise unreadable_study(storage, _WANTED_BY, _REMEDY, error) from error


def _row(storage: Storage) -> dict[str, Any]:
    spec = read_stored_study(storage, _WANTED_BY, _REMEDY).data
    methods = spec.get("methods", [])
    if not isinstance(methods, list) or not all(isinstance(method, str | dict) and method for method in methods):
        fault = f"methods must be a list of labels, but is {json.dumps(methods, default=str)}"
        raise unreadable_study(storage, _WANTED_BY, _REMEDY, fault)
    model, task, imbalance, budget, search, confirm = (
        value if isinstance(value := spec.get(key), dict) else {}
        for key in ("model", "task", "imbalance", "budget", "search", "confirm")
    )
    ratios = imbalance.get("ratios")
    return {
        "study": spec.get("name"),
        "folder": str(storage),
        "model": model.get("name"),
        "task": task.get("name") or task.get("file") or task.get("hub"),
        "methods": list(options_by_label(methods)),
        "imbalance_ratios": [_number(ratio) for ratio in ratios] if isinstance(ratios, list) else ratios,
        "minority_size": _number(imbalance.get("minority_size")),
        "budget": budget.get("queries"),
        "batch_size": budget.get("batch_size"),
        "search_trials": search.get("trials"),
        "confirm_seeds": confirm.get("seeds"),
        "seed": spec.get("seed"),
        "spec": json.dumps(spec, default=str),
    }


def _number(asked: Any) -> Any:
    """Returns a ratio or size; None where it is a word for what the data has."""
    return None if asked in (NATURAL, ALL) else asked
