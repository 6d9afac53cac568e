"""The command line as a user calls it: in this process, where that is enough, or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.cli import main
from zostudy.cluster.pool import LocalPool
from zostudy.config.loading import load_study
from zostudy.config.study import StudySpec
from zostudy.results.ledger import Ledger
from zostudy.search.plan import make_plan
from zostudy.search.prepare import PreparedStudy, prepare
from zostudy.search.progress import StudyProgress
from zostudy.search.run_trial import run_trial
from zostudy.yaml_text import dump_yaml

PLATFORM = Path(__file__).parents[2] / "platform"


@dataclass(frozen=True)
class Called:
    """What a call left: its exit code and what it printed."""

    code: int | str | None
    out: str
    err: str


@dataclass(frozen=True)
class Finished:
    """A study that has run to its end: its file and its results."""

    study: Path
    folder: Path


Call = Callable[..., Called]
WriteStudy = Callable[..., Path]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls ``zostudy`` in this process."""

    def call(*arguments: object) -> Called:
        monkeypatch.setattr(sys, "argv", ["zostudy", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return Called(end.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def comparison_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves all of a report out that takes long but the comparison, where a test does not look at it."""
    from zostudy.report.parts import ReportSection

    monkeypatch.setattr("zostudy.report.sections._drawn", lambda title, draw: ReportSection(title))
    monkeypatch.setattr("zostudy.report.sections.search_section", lambda *_: ReportSection("What the search found"))
    monkeypatch.setattr("zostudy.report.page._draw", lambda specs, folder: None)


@pytest.fixture
def finished_study(write_study: WriteStudy, tmp_path: Path) -> Callable[..., Finished]:
    """Runs the tiny study, some sections replaced, with noise for a model and without Ray."""

    def run(name: str, **sections: Any) -> Finished:
        study, folder = write_study(name=name, **sections), tmp_path / "results" / name
        spec = load_study(study)
        _run(spec, prepare(spec), Ledger(folder))
        return Finished(study, folder)

    return run


def _run(spec: StudySpec, study: PreparedStudy, ledger: Ledger) -> None:
    ledger.write_study(spec.resolved(), study.data.versions)
    progress = StudyProgress(study.plan, [])
    while (assignment := progress.next()) is not None:
        outcome = run_trial(spec, assignment, study.data, LocalPool(NoiseScorer()), lambda _: None)
        ledger.record(outcome)
        progress.record(outcome.trial, outcome.history)


class NoiseScorer:
    """Scores two classes at random, but the same row at the same point always alike."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        phase = rows + latents.sum(axis=1, keepdims=True)
        return np.stack([np.sin(phase * 12.9898), np.sin(phase * 78.233)], axis=-1).astype(np.float32)


@pytest.fixture(scope="session")
def start() -> Callable[..., subprocess.Popen[str]]:
    """Starts ``python -m zostudy`` as a process of its own, far from any terminal."""

    def start(*arguments: object) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(PLATFORM), os.environ.get("PYTHONPATH", "")])
        return subprocess.Popen(
            [sys.executable, "-m", "zostudy", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        )

    return start


@pytest.fixture(scope="session")
def spawn(start: Callable[..., subprocess.Popen[str]]) -> Call:
    """Calls ``zostudy`` in a process of its own."""

    def spawn(*arguments: object) -> Called:
        process = start(*arguments)
        out, err = process.communicate()
        return Called(process.returncode, out, err)

    return spawn


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the guides suppose it: data, a model, a small quickstart and the results of three studies."""
    folder = tmp_path_factory.mktemp("desk")
    rows = [f"fine,The delivery of order number {number} was quick" for number in range(96)]
    rows += [f"bad,The box of order {number} was broken" for number in range(24)]
    (folder / "tickets.csv").write_text("\n".join(["mood,body", *rows, ""]), encoding="utf-8")
    (folder / "my-model").symlink_to(PLATFORM / "zostudy" / "lm" / "embedded" / "mini-roberta")
    small = ["model.name=mini-roberta", "imbalance={ratios: [2], minority_size: 6}", "methods=[untuned, zosa]"]
    small += ["budget={queries: 40, batch_size: 4, evaluations: 2}", "search={trials: 0}", "confirm.seeds=2"]
    study = None
    for name in ("quickstart", "first", "second"):
        spec = load_study(PLATFORM.parent / "studies" / "quickstart.yaml", [*small, f"name={name}"])
        (folder / name).write_text(dump_yaml(spec.resolved()), encoding="utf-8")
        study = study or prepare(spec)
        _run(spec, replace(study, plan=make_plan(spec)), Ledger(folder / "results" / name))
    return folder
