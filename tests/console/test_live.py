from __future__ import annotations

import io
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from zostudy.config.loading import load_study
from zostudy.console import live, meter, time_left
from zostudy.console.live import LineView, TableView, View, live_view
from zostudy.console.log import show_log
from zostudy.console.time_left import eta
from zostudy.methods import get_method
from zostudy.results.outcome import Outcome
from zostudy.results.trial_row import TrialRow
from zostudy.search.plan import Assignment, make_plan
from zostudy.search.progress import StudyProgress
from zostudy.search.trial import TrialProgress


@pytest.fixture(autouse=True)
def log_on_stderr() -> None:
    """Shows the log as the command line does."""
    show_log()


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
    monkeypatch.setattr(time_left.TimeLeft.__init__, "__defaults__", (lambda: clock.now,))
    return clock


def start(view: View, progress: StudyProgress) -> Assignment:
    assignment = progress.next()
    assert assignment is not None
    view.on_trial_start(assignment)
    return assignment


Finish = Callable[..., None]


@pytest.fixture
def finish(make_row: Callable[..., TrialRow]) -> Finish:
    """Ends a trial; one without a dev AUC has failed."""

    def finish(
        view: View, progress: StudyProgress, assignment: Assignment, dev_auc: float | None, queries: int = 0
    ) -> None:
        row = make_row(
            trial=assignment.name,
            cell=assignment.cell,
            stage=assignment.stage,
            number=assignment.number,
            params=assignment.params,
            dev_auc=dev_auc,
            status="failed" if dev_auc is None else "complete",
            queries=queries,
            replica_seconds=queries / 10,
        )
        progress.record(row, {})
        view.on_trial_end(assignment, Outcome(row))

    return finish


def run_all(view: View, progress: StudyProgress, finish: Finish, dev_auc: float | None) -> None:
    while (assignment := progress.next()) is not None:
        view.on_trial_start(assignment)
        finish(view, progress, assignment, dev_auc)


def test_away_from_a_terminal_a_line_comes_every_few_seconds(
    progress: StudyProgress, clock: SimpleNamespace, finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    view = LineView()
    view.on_phase("starting Ray")
    view.on_note("dtype: float32")
    view.on_study_start(progress, n_replicas=2)
    first = start(view, progress)
    start(view, progress)
    assert capsys.readouterr().err.splitlines() == [
        "starting Ray",
        "dtype: float32",
        "0/4 trials  trials start and evaluate their first prompts",
    ]
    clock.now += 1
    view.on_trial_progress(first, TrialProgress(10, 1.0, None))
    clock.now += 3.9
    view.on_trial_progress(first, TrialProgress(11, 1.1, 0.6))
    assert capsys.readouterr().err == ""
    clock.now += 0.1
    view.on_trial_progress(first, TrialProgress(12, 2.0, 0.6))
    line = "0/4 trials  12 queries  0.5 queries/s  replicas 12% busy  ETA ?  best running dev AUC 0.600"
    assert capsys.readouterr().err == f"{line} ({first.cell})\n"
    clock.now += 6
    finish(view, progress, first, 0.625, queries=22)
    assert capsys.readouterr().err.startswith("1/4 trials  22 queries  1.2 queries/s  replicas 6% busy  ETA ")


def test_the_line_tells_the_time_left_as_a_range(
    progress: StudyProgress, clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    view = LineView()
    view.on_study_start(progress, n_replicas=1)
    first = start(view, progress)
    for queries in range(2, 12, 2):
        view.on_trial_progress(first, TrialProgress(queries, 0.1, None))
        clock.now += 6
    left = (3 * 24 - 10) / (2 / 6)
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"  {eta((left / 1.1, left / 0.9))}")
    view.on_replicas_changed(2)
    view.on_trial_progress(first, TrialProgress(12, 0.1, None))
    assert capsys.readouterr().err.splitlines() == [
        "2 replicas now",
        "0/4 trials  12 queries  0.33 queries/s  replicas 0% busy  ETA ?",
    ]


def test_the_time_left_is_that_of_the_slowest_running_trial(
    write_study: Any, clock: SimpleNamespace, finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(search={"trials": 0}, methods=["spsa"], confirm={"seeds": 4})
    progress, view = StudyProgress(make_plan(load_study(study)), []), LineView()
    view.on_study_start(progress, n_replicas=2)
    slow = start(view, progress)
    view.on_trial_progress(slow, TrialProgress(2, 0.1, None))
    for _ in range(3):
        other = start(view, progress)
        clock.now += 6
        finish(view, progress, other, 0.7, queries=24)
    clock.now += 6
    view.on_trial_progress(slow, TrialProgress(8, 0.1, None))
    left = (24 - 8) * 24 / 6  # six queries took it 24 seconds
    assert f"  {eta((left / 1.1, left / 0.9))}  " in capsys.readouterr().err.splitlines()[-1]


def test_the_line_names_the_best_cell(
    progress: StudyProgress, clock: SimpleNamespace, finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    view = LineView()
    view.on_study_start(progress, n_replicas=1)
    first, second = start(view, progress), start(view, progress)
    finish(view, progress, first, 0.7)
    clock.now += 5
    finish(view, progress, second, 0.6)
    assert capsys.readouterr().err.endswith(f"  best mean dev AUC 0.700 ({first.cell})\n")


def test_the_best_cell_is_none_of_a_reference(
    progress: StudyProgress,
    clock: SimpleNamespace,
    finish: Finish,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = LineView()
    view.on_study_start(progress, n_replicas=1)
    first, second = start(view, progress), start(view, progress)
    assert first.method.algorithm != second.method.algorithm
    monkeypatch.setattr(get_method(first.method.algorithm), "needs", "gradients")
    clock.now += 5
    finish(view, progress, first, 0.7)
    assert "dev AUC" not in capsys.readouterr().err
    clock.now += 5
    finish(view, progress, second, 0.6)
    assert capsys.readouterr().err.endswith(f"  best mean dev AUC 0.600 ({second.cell})\n")


def test_the_last_line_says_that_all_is_done(
    progress: StudyProgress, clock: SimpleNamespace, finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    view = LineView()
    view.on_study_start(progress, n_replicas=1)
    run_all(view, progress, finish, 0.7)
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.match(r"4/4 trials  0 queries  .* ETA 0:00  best mean dev AUC 0\.700 \(", last)


def test_nothing_is_left_once_all_is_done_however_late_the_end_was_expected(
    write_study: Any, clock: SimpleNamespace, finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(search={"trials": 0}, methods=["spsa"], confirm={"seeds": 6})
    progress, view = StudyProgress(make_plan(load_study(study)), []), LineView()
    view.on_study_start(progress, n_replicas=1)
    for seconds in (6, 18, 6, 18, 6, 9):
        trial = start(view, progress)
        clock.now += seconds
        finish(view, progress, trial, 0.7, queries=24)
    before, last = capsys.readouterr().err.splitlines()[-2:]
    assert re.match(r"5/6 trials .* ETA 0:08-0:37 ", before)
    assert re.match(r"6/6 trials .* ETA 0:00  best", last)


def test_a_cell_whose_trials_all_fail_is_not_waited_for(
    progress: StudyProgress, clock: SimpleNamespace, finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    view = LineView()
    view.on_study_start(progress, n_replicas=1)
    run_all(view, progress, finish, None)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("3/3 trials  0 queries")
    assert last.endswith("ETA 0:00")


def test_a_terminal_shows_a_table_of_the_cells(progress: StudyProgress, clock: SimpleNamespace, finish: Finish) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, record=True, width=100)
    display = Live(console=console, auto_refresh=False)
    view = TableView(display)

    def shown() -> list[str]:
        console.print(display.renderable)
        return [" ".join(line.split()) for line in console.export_text().splitlines()]

    view.on_phase("starting Ray")
    assert shown() == ["starting Ray ..."]
    view.on_study_start(progress, n_replicas=1)
    assignment = start(view, progress)
    assert shown()[-1] == "0/4 trials trials start and evaluate their first prompts"
    view.on_trial_progress(assignment, TrialProgress(4, 0.4, 0.6))
    done = {"spsa": "2 spsa 1/2 0/1 0.750", "untuned": "2 untuned 0/0 1/1 0.750"}
    runs = {"spsa": "2 spsa 0/2 0/1 0.600 -", "untuned": "2 untuned 0/0 0/1 0.600 -"}
    waits = {"spsa": "2 spsa 0/2 0/1 -", "untuned": "2 untuned 0/0 0/1 -"}

    def rows(own: dict[str, str]) -> list[str]:
        labels = {name: cell.cell.method.label for name, cell in progress.cells.items()}
        return [(own if name == assignment.cell else waits)[label] for name, label in labels.items()]

    heading = "ratio method search confirm running dev AUC"
    assert shown()[:-1] == [heading, *rows(runs)]
    clock.now += 2
    finish(view, progress, assignment, 0.75, queries=20)
    assert shown() == [heading, *rows(done), "1/4 trials 20 queries 8 queries/s replicas 80% busy ETA ?"]


def test_a_low_terminal_keeps_the_status_line(write_study: Any, clock: SimpleNamespace) -> None:
    study = write_study(imbalance={"ratios": [1, 2, 3, 4, 5, 6]}, confirm={"seeds": 1})
    progress = StudyProgress(make_plan(load_study(study)), [])
    console = Console(file=io.StringIO(), force_terminal=True, record=True, width=60, height=9)
    view = TableView(Live(console=console, auto_refresh=False))
    view.on_study_start(progress, n_replicas=1)
    view.on_trial_progress(start(view, progress), TrialProgress(4, 0.4, 0.6))
    console.print(view._live.renderable)
    lines = console.export_text().splitlines()
    assert len(lines) == 8
    assert lines[-2].startswith("cells not shown: ")
    assert lines[-1].startswith("0/24 trials")


def test_a_terminal_keeps_notes_above_what_moves(progress: StudyProgress, clock: SimpleNamespace) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with Live(console=console, auto_refresh=False, transient=True) as display:
        view = TableView(display)
        view.on_phase("measuring")
        view.on_note("dtype: float32 [not markup]")
        view.on_study_start(progress, n_replicas=1)
        start(view, progress)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert shown.count("dtype: float32 [not markup]") == 1


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
