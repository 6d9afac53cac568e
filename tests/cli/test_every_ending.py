"""Trials of every status and stage, through all that shows, writes and reads them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console
from rich.live import Live

from zostudy.cluster.pool import LocalPool
from zostudy.config.loading import load_study
from zostudy.config.study import StudySpec
from zostudy.console.live import LineView, TableView
from zostudy.errors import ResultsError
from zostudy.export.trials import load_study_results
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.results.results import load_results
from zostudy.results.schema import SCHEMAS
from zostudy.results.stored_tables import merge
from zostudy.search.callback import Callback, CallbackList
from zostudy.search.journal import Journal
from zostudy.search.plan import Assignment
from zostudy.search.prepare import PreparedStudy, prepare
from zostudy.search.progress import StudyProgress
from zostudy.search.recording import Recording
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData, set_up
from zostudy.search.study_log import LOG_FILE, StudyLog

pytestmark = pytest.mark.usefixtures("few_trees")

End = Callable[[StudySpec, Assignment, StudyData], Outcome]


STUDY = """
name: tiny
model: {name: mini-roberta}
task: {name: reviews}
imbalance: {ratios: [2], minority_size: 6}
methods: [spsa, untuned]
budget: {queries: 24, batch_size: 8, evaluations: 2}
search: {trials: 2, space: {perturbation_radius: {low: 0.01, high: 1.0, log: true}}}
confirm: {seeds: 2}
"""


COMPARISONS = [["compare"], ["compare", "--baseline", "spsa", "--format", "json"]]


class Scorer:
    """Scores at random, but the same row at the same point always alike; NaN from a certain call on."""

    def __init__(self, good_calls: float = float("inf")) -> None:
        self._left = good_calls

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        self._left -= 1
        phase = rows + latents.sum(axis=1, keepdims=True)
        scores = np.stack([np.sin(phase * 12.9898), np.sin(phase * 78.233)], axis=-1).astype(np.float32)
        return scores if self._left >= 0 else np.full_like(scores, np.nan)


def run(spec: StudySpec, assignment: Assignment, data: StudyData, good_calls: float = float("inf")) -> Outcome:
    return run_trial(spec, assignment, data, LocalPool(Scorer(good_calls)), lambda _: None)


def crashed(spec: StudySpec, assignment: Assignment, data: StudyData) -> Outcome:
    return Recording(set_up(spec, assignment, data)).outcome(error="the trial's process died 4 times")


ENDS: dict[str, End] = {
    "complete": run,
    "failed before its first evaluation": partial(run, good_calls=0),
    "failed later": partial(run, good_calls=2),
    "pruned": lambda spec, assignment, data: run(spec, replace(assignment, thresholds=(2.0, 2.0)), data),
    "crashed": crashed,
}


def run_study(
    study: PreparedStudy, ledger: Ledger, watcher: Callback, end_of: Callable[[Assignment], End]
) -> StudyProgress:
    """Runs a study as ``search.tune.tuner`` does, without Ray."""
    spec = study.plan.spec
    ledger.write_study(spec.resolved(), study.data.versions)
    progress = StudyProgress(study.plan, [])
    watcher.on_study_start(progress, 1)
    with Journal(ledger.storage, progress, watcher.on_note) as journal:
        while (assignment := progress.next()) is not None:
            watcher.on_trial_start(assignment)
            outcome = end_of(assignment)(spec, assignment, study.data)
            ledger.record(outcome)
            progress.record(outcome.trial, outcome.history)
            CallbackList([journal, watcher]).on_trial_end(assignment, outcome)
    return progress


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def study(file: Path) -> PreparedStudy:
    return prepare(load_study(file))


def check_readers(call: Any, folder: Path, verbs: Sequence[Sequence[str]]) -> None:
    for verb in verbs:
        called = call(verb[0], folder, *verb[1:])
        assert called.code in (0, 2), called.err
        assert called.code == 0 or called.err.startswith("error: "), called.err
        assert "Traceback" not in called.err
    called = call("query", "SELECT * FROM trials", "--results", folder, "--format", "json")
    assert (called.code, called.out.count('"status"')) == (0, len(load_results(folder).trials)), called.err
    study = load_study_results(folder)
    for table in SCHEMAS:
        assert list(getattr(study.results, table)) == SCHEMAS[table].names
    for name in ["best", *study.results.trials["cell"].unique(), *study.results.trials["trial"]]:
        with suppress(ResultsError):
            trial = study.trial(name)
            assert trial.name in trial.summary
            assert len(trial.latent) == trial.params["subspace_dim"]
            trial.check_confirmed()
            trial.spread("test_auc")
            trial.scores("test")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["search", "confirm"])
@pytest.mark.parametrize(
    ("status", "which"), [*((status, "first") for status in ENDS), ("failed before its first evaluation", "all")]
)
def test_a_trial_of_every_ending_is_shown_written_and_read(
    call: Any,
    file: Path,
    study: PreparedStudy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    stage: str,
    which: str,
) -> None:
    monkeypatch.setattr("zostudy.report.page._draw", lambda specs, folder: None)  # drawing has a test of its own
    screen = io.StringIO()
    display = Live(console=Console(file=screen, force_terminal=True), auto_refresh=False)
    ledger = Ledger(tmp_path / "results" / "tiny")
    watcher = CallbackList([StudyLog(ledger.storage), LineView(), TableView(display)])

    def end_of(assignment: Assignment) -> End:
        hit = assignment.stage == stage and (which == "all" or assignment.number == 0)
        return ENDS[status] if hit and assignment.method.label == "spsa" else run

    progress = run_study(study, ledger, watcher, end_of)
    assert progress.done
    n_failed = len(progress.failed)
    assert bool(n_failed) == (status not in ("complete", "pruned"))
    log = (tmp_path / "results" / "tiny" / LOG_FILE).read_text(encoding="utf-8")
    assert log.count(": failed: ") == n_failed
    assert "None" not in log
    rows = ledger.trials()
    assert StudyProgress(progress.plan, rows).n_finished == progress.n_finished == len(rows)
    assert sorted(row.trial for row in rows if row.error) == sorted(row.trial for row in progress.failed)

    is_drawn = which == "all" or (stage == "search" and status in ("crashed", "pruned"))  # the rest looks like these
    drawn = [["report"]] if is_drawn else []
    check_readers(call, tmp_path / "results" / "tiny", [*COMPARISONS, *drawn])
    merge(ledger.storage)
    if which == "first":
        return
    again = call("run", file, "--results", tmp_path / "results")
    assert again.code == (1 if n_failed else 0), again.err
    assert again.err.count("failed: ") == n_failed
