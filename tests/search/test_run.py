"""A small study as a whole: on Ray, on the embedded model and task, into a ledger."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import pyarrow as pa
import pytest
import ray
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from zostudy.cluster.pool import LocalPool
from zostudy.config.study import StudySpec
from zostudy.console.profile import TIMELINE, profiled
from zostudy.lm.agreement import BOUNDS, rounded_up
from zostudy.lm.frozen import make_evaluators
from zostudy.lm.linear import bfloat16_unit
from zostudy.lm.weights import DType
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.results.schema import SCHEMAS, TIME_COLUMNS
from zostudy.results.stored_tables import read_table
from zostudy.results.trial_row import TrialRow
from zostudy.search.callback import Callback, CallbackList
from zostudy.search.dtype.messages import dtype_line
from zostudy.search.journal import JOURNAL_FILE
from zostudy.search.loaded_model import read_model
from zostudy.search.plan import Assignment
from zostudy.search.prepare import PreparedStudy, prepare
from zostudy.search.progress import StudyProgress
from zostudy.search.run import complete_study
from zostudy.search.run_trial import run_trial
from zostudy.search.trial import TrialProgress

pytestmark = pytest.mark.ray

SEARCHED, UNSEARCHED = ("zosa", "diverging", "white-box"), ("untuned", "no-prompt", "linear-probe")
STUDY: dict[str, Any] = {
    "name": "small",
    "model": {"name": "mini-roberta"},
    "task": {"name": "reviews"},
    "imbalance": {"ratios": (3,), "minority_size": 5},
    "methods": (
        {"label": "zosa", "algorithm": "zosa"},
        {"label": "diverging", "algorithm": "spsa", "options": {"step_rule": "plain", "learning_rate": 1e38}},
        *({"label": name, "algorithm": name} for name in ("white-box", *UNSEARCHED)),
    ),
    "budget": {"queries": 24, "batch_size": 8, "evaluations": 2},
    "search": {
        "trials": 4,
        "startup_trials": 2,
        "space": {
            "perturbation_radius": {"low": 0.01, "high": 1.0, "log": True},
            "imbalance.sampler": {"choice": ("natural", "stratified")},
        },
    },
    "confirm": {"seeds": 2},
}

# Of torch; and of transformers, which is all Python but for this one that it imports.
HEAVY_LIBRARIES = {"/libtorch", "/tokenizers."}

FINISHED = {
    *(f"{method}-r3-search-00{number}" for method in SEARCHED for number in range(4)),
    *(f"{method}-r3-confirm-00{number}" for method in ("zosa", "white-box", *UNSEARCHED) for number in range(2)),
}


@dataclass
class Watcher(Callback):
    """Writes down what it is told."""

    phases: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_replicas: int = 0
    started: list[str] = field(default_factory=list)
    queries: dict[str, int] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)

    def on_phase(self, what: str) -> None:
        self.phases.append(what)

    def on_note(self, line: str) -> None:
        self.notes.append(line)

    def on_study_start(self, progress: StudyProgress, n_replicas: int) -> None:
        self.n_replicas = n_replicas

    def on_replicas_changed(self, n_replicas: int) -> None:
        self.n_replicas = n_replicas

    def on_trial_start(self, assignment: Assignment) -> None:
        self.started.append(assignment.name)

    def on_trial_progress(self, assignment: Assignment, progress: TrialProgress) -> None:
        self.queries[assignment.name] = progress.queries

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        self.finished.append(outcome.name)


@dataclass
class LibraryWatcher(Watcher):
    """Looks which libraries Ray's processes have in their memory, whenever a trial ends; by process number."""

    descendants: Callable[[str], list[Path]] = lambda title: []
    replicas: dict[str, set[str]] = field(default_factory=dict)
    trials: dict[str, set[str]] = field(default_factory=dict)

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        super().on_trial_end(assignment, outcome)
        for name, processes in (("ray::Replica", self.replicas), ("ray::ImplicitFunc", self.trials)):
            for process in self.descendants(name):
                memory = (process / "maps").read_text()
                processes[process.name] = {library for library in HEAVY_LIBRARIES if library in memory}


@dataclass(frozen=True)
class Run:
    study: PreparedStudy
    ledger: Ledger
    watcher: Any
    progress: StudyProgress

    @property
    def folder(self) -> Path:
        assert self.ledger.storage.folder is not None
        return self.ledger.storage.folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    def run(replicas: int, watcher: Watcher, address: str | None = None, profile: bool = False) -> Run:
        assert not ray.is_initialized()
        study = prepare(StudySpec.model_validate(STUDY | {"replicas": replicas}))
        ledger = Ledger(tmp_path_factory.mktemp("results") / "small")
        with profiled(ledger.storage, profile) as profiles:
            before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)]
            progress = complete_study(study, ledger, address, CallbackList([watcher, *profiles]))
            assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)] == before
        return Run(study, ledger, watcher, progress)

    return run


@pytest.fixture(scope="module")
def one(run: Callable[..., Run]) -> Run:
    return run(1, Watcher(), profile=True)


@pytest.fixture(scope="module")
def two(run: Callable[..., Run], address: str, descendants: Callable[[str], list[Path]]) -> Run:
    return run(2, LibraryWatcher(descendants=descendants), address)


def tables(folder: Path) -> dict[str, pa.Table]:
    """Returns all that a study stores but the times."""
    stored = {table: read_table(folder, table) for table in SCHEMAS}
    return stored | {"trials": stored["trials"].drop_columns(list(TIME_COLUMNS))}


def test_every_trial_of_the_plan_runs_and_is_stored(one: Run) -> None:
    assert one.progress.done
    assert not ray.is_initialized()
    assert one.watcher.phases == [
        "reading mini-roberta",
        "starting Ray",
        "starting 1 replica",
        "measuring the noise of a loss difference",
    ]
    assert set(one.watcher.started) == set(one.watcher.finished) == FINISHED
    assert len(one.watcher.finished) == len(FINISHED)
    rows = {row.trial: row for row in one.ledger.trials()}
    assert rows.keys() == FINISHED
    for row in rows.values():
        assert one.watcher.queries[row.trial] <= row.queries <= 24
        assert (row.test_auc is None) == (row.stage == "search")
        assert row.replica_seconds > 0


def test_the_timeline_of_a_profiled_run_shows_each_call_of_a_replica(one: Run) -> None:
    events = json.loads((one.folder / TIMELINE).read_text())
    assert {"score", "train"} <= {event["name"] for event in events if event["ph"] == "X" and event["dur"] > 0}


def test_the_precision_of_every_cell_that_perturbs_is_measured_first(one: Run) -> None:
    rows = one.ledger.noise_floor()
    dtypes = ["float32", "bfloat16"] if bfloat16_unit() else ["float32"]
    assert [(row["cell"], row["dtype"]) for row in rows] == [
        (f"{method}-r3", dtype) for method in ("zosa", "diverging") for dtype in dtypes
    ]
    assert all(row["signal_over_noise"] > 100 for row in rows if row["dtype"] == "float32")
    assert all((row["perturbation_radius"], row["batch_size"]) == (0.01, 8) for row in rows)
    assert dtype_line(next(row["dtype"] for row in rows if row["chosen"]), rows) in one.watcher.notes


def test_the_evaluators_agreement_with_transformers_is_told_first_and_stored(one: Run) -> None:
    rows = {row["dtype"]: row for row in read_table(one.ledger.storage, "agreement").to_pylist()}
    row = rows["float32"]
    assert one.watcher.notes[0] == f"evaluator: packed, agrees with transformers to {rounded_up(row['difference'])}"
    assert (row["study"], row["model"], row["family"]) == ("small", "mini-roberta", "roberta")
    assert 0 < row["difference"] < 1e-5 < row["bound"] == BOUNDS["float32"]


def test_wordings_chosen_starts_and_whole_prompts_in_bfloat16_are_the_same_on_ray_and_in_one_process(
    address: str, one_trial_at_a_time: None, tmp_path: Path
) -> None:
    sections: dict[str, Any] = {
        "model": {
            **{"name": "mini-gpt2", "dtype": "bfloat16", "prompt_tokens": 4},
            **{"subspace": "none", "start": "best-of-k", "start_draws": 2},
        },
        "task": {"name": "reviews", "wordings": {"short": {"template": "{text} So {mask}"}}},
        "methods": ({"label": "spsa", "algorithm": "spsa"}, {"label": "untuned", "algorithm": "untuned"}),
        "search": {"trials": 2, "space": {"task.wording": {"choice": ("default", "short")}}},
        "confirm": {"seeds": 1, "landscape": False},
        "replicas": 1,
    }
    study = prepare(StudySpec.model_validate(STUDY | sections))
    ledger, watcher = Ledger(tmp_path / "small"), Watcher()
    complete_study(study, ledger, address, watcher)
    assert {(row["dtype"], row["chosen"]) for row in ledger.noise_floor()} == {("float32", False), ("bfloat16", True)}
    rows = ledger.trials()
    assert {row.error for row in rows} == {None}
    assert {row.wording for row in rows if row.stage == "search"} == {"default", "short"}

    def make_pool(dtype: DType) -> LocalPool:
        model = read_model(study, dtype)
        evaluators = make_evaluators(study.plan.spec.model, model.model, study.encodings, dtype)
        return LocalPool(evaluators, model.micro_batch_size)

    def again(row: TrialRow, pool: LocalPool) -> Outcome:
        cell = next(cell for cell in study.plan.cells if cell.name == row.cell)
        assignment = study.plan.assign(cell, row.stage, row.number, {"task.wording": row.wording})  # type: ignore[arg-type]
        return run_trial(study.plan.spec, assignment, study.data, pool, lambda _: None)

    pool = make_pool("bfloat16")
    for row in rows:
        here = again(row, pool).trial
        assert (here.latent, here.dev_auc, here.test_auc) == (row.latent, row.dev_auc, row.test_auc)
        assert (here.start_draw, here.start_queries, here.queries) == (row.start_draw, 3, row.queries)
        assert len(row.latent or ()) == row.subspace_dim == study.data.prompt_entries
    confirmed = next(row for row in rows if row.cell == "spsa-r3" and row.stage == "confirm")
    table = read_table(ledger.storage, "scores").to_pylist()
    stored = {(row["split"], row["row"]): row["scores"] for row in table if row["trial"] == confirmed.trial}

    def scores(pool: LocalPool) -> dict[tuple[str, int], list[float]]:
        splits = again(confirmed, pool).scores
        return {
            (split, row): values
            for split, (rows, _, each) in splits.items()
            for row, values in zip(rows.tolist(), each.tolist(), strict=True)
        }

    assert stored == scores(pool) != scores(make_pool("float32"))


def test_a_trial_that_diverges_is_stored_with_its_reason_and_the_others_go_on(one: Run) -> None:
    failed = {row.trial: row.error for row in one.progress.failed}
    assert failed.keys() == {name for name in FINISHED if name.startswith("diverging")}
    assert all("lower reach or the learning rates" in (error or "") for error in failed.values())
    assert one.progress.cells["diverging-r3"].abandoned


def test_one_and_two_replicas_give_the_same_to_the_last_bit(one: Run, two: Run) -> None:
    assert (one.watcher.n_replicas, two.watcher.n_replicas) == (1, 2)
    expected, given = tables(one.folder), tables(two.folder)
    for table in SCHEMAS:
        assert expected[table].num_rows
        assert given[table].equals(expected[table]), table


def test_a_cluster_is_joined_not_started(two: Run) -> None:
    assert two.watcher.phases[:2] == ["reading mini-roberta", "joining the Ray cluster"]


def test_only_replicas_load_torch_and_not_even_they_load_transformers(two: Run) -> None:
    if not Path("/proc").is_dir():
        pytest.skip("the memory of processes can be looked at on Linux only")
    assert list(two.watcher.replicas.values()) == [{"/libtorch"}] * 2
    assert two.watcher.trials
    assert all(libraries == set() for libraries in two.watcher.trials.values())


def test_what_is_finished_is_not_done_again(one: Run) -> None:
    files = {path: path.stat().st_mtime_ns for path in one.folder.rglob("*") if path.is_file()}
    watcher = Watcher()
    assert complete_study(one.study, Ledger(one.folder), None, watcher).done
    assert watcher == Watcher()
    assert {path: path.stat().st_mtime_ns for path in one.folder.rglob("*") if path.is_file()} == files


def test_a_finished_study_that_lost_what_was_measured_measures_it_again(one: Run, address: str, tmp_path: Path) -> None:
    shutil.copytree(one.folder, folder := tmp_path / "small")
    for table in ("noise_floor", "agreement"):
        shutil.rmtree(folder / table)
    ledger, watcher = Ledger(folder), Watcher()
    assert complete_study(one.study, ledger, address, watcher).done
    assert watcher.started == []
    expected, given = tables(one.folder), tables(folder)
    assert all(given[table].equals(expected[table]) for table in SCHEMAS)


def test_a_study_that_was_stopped_ends_as_if_it_had_not_been(
    one: Run, address: str, one_trial_at_a_time: None, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    shutil.copytree(one.folder, folder)
    lost = [
        "zosa-r3-search-001",
        "zosa-r3-search-003",
        "zosa-r3-confirm-000",
        "zosa-r3-confirm-001",
        "untuned-r3-confirm-000",
    ]
    for name in lost:
        (folder / "trials" / f"{name}.parquet").unlink()
    for table in ("history", "scores"):
        (folder / table / f"{lost[-1]}.parquet").unlink()
    (folder / JOURNAL_FILE).unlink()
    (folder / "trials" / f"{lost[0]}.parquet.unfinished").write_bytes(b"half a tr")

    kept = {row.trial: row.started_at for row in Ledger(folder).trials()}
    resumed = Watcher()
    assert complete_study(one.study, Ledger(folder), address, resumed).done
    assert set(resumed.started) == FINISHED - kept.keys()
    rows = {row.trial: row.started_at for row in Ledger(folder).trials()}
    assert {name: rows[name] for name in kept} == kept
    expected, given = tables(one.folder), tables(folder)
    for table in SCHEMAS:
        assert given[table].equals(expected[table]), table
    assert journal(folder) == journal(one.folder)


def journal(folder: Path) -> dict[str, list[tuple[dict[str, Any], float | None, TrialState]]]:
    """Returns, of each Optuna study in the journal, the trials in order."""
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL_FILE)))
    return {
        name: [(t.params, t.value, t.state) for t in optuna.load_study(study_name=name, storage=storage).trials]
        for name in optuna.get_all_study_names(storage)
    }


def test_the_journal_holds_the_search_as_optuna_reads_it(one: Run) -> None:
    rows = {row.trial: row for row in one.ledger.trials()}
    space = STUDY["search"]["space"]
    expected = {}
    for method in SEARCHED:
        search = [rows[f"{method}-r3-search-00{number}"] for number in range(4)]
        expected[f"small/{method}-r3"] = [
            (
                {key: row.params[key] for key in space if key in row.params},
                row.dev_auc,
                TrialState.COMPLETE if row.status == "complete" else TrialState.FAIL,
            )
            for row in search
        ]
    assert journal(one.folder) == expected
