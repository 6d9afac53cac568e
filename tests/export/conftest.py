"""Tiny studies that have really run: the embedded models on a small file, every family once a session."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from zostudy.cluster.pool import LocalPool
from zostudy.config.study import StudySpec
from zostudy.export.exporting import export_trial
from zostudy.export.trials import StoredTrial, load_study_results
from zostudy.lm.frozen import make_evaluators
from zostudy.lm.weights import DType
from zostudy.results.ledger import Ledger
from zostudy.search.prepare import prepare
from zostudy.search.progress import StudyProgress
from zostudy.search.run_trial import run_trial
from zostudy.tasks.reviews import reviews

FAMILIES = ("mini-roberta", "mini-gpt2", "mini-llama")
CASES = (*FAMILIES, "pairs")
TEMPLATE = "{text} It was {mask}"

N_TRAIN, N_TEST = 120, 60


class Exported(NamedTuple):
    """A study that has run, and its best trial's export."""

    results: Path
    trial: StoredTrial
    folder: Path
    texts: Path


ExportedStudy = Callable[[str], Exported]


@pytest.fixture(scope="session")
def exported_study(tmp_path_factory: pytest.TempPathFactory) -> ExportedStudy:
    """Gives a case of ``CASES``, run and exported when it is first asked for."""
    made: dict[str, Exported] = {}
    home = tmp_path_factory.mktemp("exports")

    def get(case: str) -> Exported:
        if case not in made:
            texts = home / f"{case}.csv"
            _write_texts(texts, pairs=case == "pairs")
            results = _run_study(_study(case, texts), home / "results" / case)
            trial = load_study_results(results).trial("best")
            export_trial(trial, home / case)
            made[case] = Exported(results, trial, home / case, texts)
        return made[case]

    return get


@pytest.fixture(scope="session")
def make_study() -> Callable[..., StudySpec]:
    return _study


@pytest.fixture(scope="session")
def run_study() -> Callable[[StudySpec, Path], Path]:
    return _run_study


def _study(case: str, texts: Path, **task: Any) -> StudySpec:
    """Returns the study of a case: SPSA and the untuned prompt on a file; ``pairs`` has second texts and 3 classes."""
    pairs = {"second_text": "other", "template": "{text} ; {second_text} It was {mask}"}
    return StudySpec.model_validate(
        {
            "name": case,
            "model": {"name": "mini-gpt2" if case == "pairs" else case, "prompt_tokens": 4},
            "task": {"file": str(texts), "text": "body", "template": TEMPLATE}
            | {"label_words": ("bad", "great", "fine")[: 3 if case == "pairs" else 2]}
            | (pairs if case == "pairs" else {})
            | task,
            "imbalance": {"ratios": (2,), "minority_size": 8},
            "methods": (
                {"label": "spsa", "algorithm": "spsa", "options": {"reach": 2.0, "subspace_dim": 6}},
                {"label": "untuned", "algorithm": "untuned"},
            ),
            "budget": {"queries": 16, "batch_size": 8, "evaluations": 2},
            "search": {
                "trials": 1,
                "space": {"perturbation_radius": {"low": 0.1, "high": 1.0}},
            },
            "confirm": {"seeds": 2},
        }
    )


def _write_texts(path: Path, pairs: bool = False) -> None:
    """Writes reviews with their labels as names, split in train and test; second texts and a third class for pairs."""
    table = reviews()
    names = ("down", "up", "level")
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["body", "other", "label", "split"])
        for row in range(N_TRAIN + N_TEST):
            label = row % 3 if pairs else int(table.labels[row])
            split = "train" if row < N_TRAIN else "test"
            writer.writerow([table.texts[row], table.texts[-1 - row], names[label], split])


def _run_study(spec: StudySpec, folder: Path) -> Path:
    """Runs a study to its end in this process, with its real model; returns its results."""
    prepared, ledger = prepare(spec), Ledger(folder)
    ledger.write_study(spec.resolved(), prepared.data.versions)
    dtype: DType = "bfloat16" if spec.model.dtype == "bfloat16" else "float32"
    pool = LocalPool(make_evaluators(spec.model, prepared.source, prepared.encodings, dtype))
    progress = StudyProgress(prepared.plan, [])
    while (assignment := progress.next()) is not None:
        outcome = run_trial(spec, assignment, prepared.data, pool, lambda _: None)
        assert outcome.trial.error is None
        ledger.record(outcome)
        progress.record(outcome.trial, outcome.history)
    return folder
