from __future__ import annotations

import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from zostudy.cli import live, meter
from zostudy.cli.live import LineView, TableView, View, live_view
from zostudy.results.outcome import Outcome
from zostudy.search.plan import Assignment, make_plan
from zostudy.search.progress import StudyProgress
from zostudy.search.trial import TrialProgress
from zostudy.spec import load_study


@pytest.fixture
def progress(write_study: Any) -> StudyProgress:
    """Three trials of spsa (two of them search) and one of the untuned prompt, 24 queries each."""
    return StudyProgress(make_plan(load_study(write_study(confirm={"seeds": 1}))), [])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands still until a test moves it."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(meter.Meter.__init__, "__defaults__", (lambda: clock.now,))
    return clock


def start(view: View, progress: StudyProgress) -> Assignment:
    assignment = progress.next()
    assert assignment is not None
    view.trial_started(assignment)
    return assignment


def finish(view: View, progress: StudyProgress, assignment: Assignment, dev_auc: float | None) -> None:
    row = {
        "trial": assignment.name,
        "cell": assignment.cell,
        "stage": assignment.stage,
        "params": assignment.params,
        "dev_auc": dev_auc,
        "status": "failed" if dev_auc is None else "complete",
    }
    progress.record(row)
    view.trial_finished(assignment, Outcome(row))


def run_all(view: View, progress: StudyProgress, dev_auc: float | None) -> None:
    while (assignment := progress.next()) is not None:
        view.trial_started(assignment)
        finish(view, progress, assignment, dev_auc)


def test_away_from_a_terminal_a_line_comes_every_few_seconds(
    progress: StudyProgress, clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    view = LineView()
    view.phase("starting Ray")
    view.begin(progress, n_replicas=2)
    first = start(view, progress)
    second = start(view, progress)
    assert capsys.readouterr().err.splitlines() == [
        "starting Ray",
        "0/4 trials  0 queries  0 queries/s  replicas 0% busy  ETA ?",
    ]
    clock.now += 4.9
    view.trial_progressed(first, TrialProgress(10, 3.0, 0.6))
    assert capsys.readouterr().err == ""
    clock.now += 0.1
    finish(view, progress, first, 0.625)
    spent = 10 + 0
    left = (3 - 1) * 24 if first.cell.startswith("spsa") else 3 * 24
    line = capsys.readouterr().err
    assert line.startswith(f"1/4 trials  {spent} queries  2 queries/s  replicas 30% busy  ETA 0:{left // 2}")
    assert line.endswith(f"best dev AUC 0.625 ({first.cell})\n")
    assert second.name != first.name


def test_the_last_line_says_that_all_is_done(
    progress: StudyProgress, clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    view = LineView()
    view.begin(progress, n_replicas=1)
    assignment = start(view, progress)
    view.trial_progressed(assignment, TrialProgress(20, 0.5, 0.6))
    clock.now += 1
    finish(view, progress, assignment, 0.6)
    run_all(view, progress, 0.7)
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.match(r"4/4 trials  20 queries  .* ETA 0:00  best dev AUC 0\.700 \(", last)


def test_a_cell_whose_trials_all_fail_is_not_waited_for(
    progress: StudyProgress, clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    view = LineView()
    view.begin(progress, n_replicas=1)
    run_all(view, progress, None)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("3/3 trials  0 queries")
    assert "best dev AUC" not in last


def test_a_terminal_shows_a_table_of_the_cells(progress: StudyProgress, clock: SimpleNamespace) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, record=True, width=100)
    view = TableView(Live(console=console, auto_refresh=False))

    def shown() -> list[str]:
        console.print(view._live.renderable)
        return [" ".join(line.split()) for line in console.export_text().splitlines()]

    view.phase("starting Ray")
    assert shown() == ["starting Ray ..."]
    view.begin(progress, n_replicas=1)
    assignment = start(view, progress)
    view.trial_progressed(assignment, TrialProgress(20, 1.0, 0.6))
    clock.now += 2
    finish(view, progress, assignment, 0.75)
    done = {"spsa": "2 spsa 1/2 0/1 0.750", "untuned": "2 untuned 0/0 1/1 0.750"}
    waits = {"spsa": "2 spsa 0/2 0/1 -", "untuned": "2 untuned 0/0 0/1 -"}
    table = [
        (done if cell.cell.name == assignment.cell else waits)[cell.cell.method.label]
        for cell in progress.cells.values()
    ]
    assert shown() == [
        "ratio method search confirm best dev AUC",
        *table,
        "1/4 trials 20 queries 10 queries/s replicas 50% busy ETA 0:05",
    ]


@pytest.mark.parametrize(
    ("environment", "view"),
    [
        ({}, LineView),
        ({"FORCE_COLOR": "1"}, TableView),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, LineView),
    ],
    ids=["no terminal", "terminal", "dumb terminal"],
)
def test_the_view_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], view: type[View]
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with live_view() as chosen:
        assert type(chosen) is view
