"""Each trial is measured once, a search is a function of its results, and a stop loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zostudy.bench.defaults.__main__ import main
from zostudy.bench.defaults.jobs import SearchJob, TrialJob
from zostudy.bench.defaults.measuring import LoadedTask
from zostudy.bench.defaults.running import OutOfTimeError, Runner, run_search, searched_values
from zostudy.bench.defaults.store import MeasuredTrial, TrialStore

MakeRow = Callable[[TrialJob, float], MeasuredTrial]

SEARCH = SearchJob("mini-llama", 10.0, "spsa", 6, (0, 1))


class FakeBench:
    """Measures at once: the nearer the reach is to 5, the better."""

    def __init__(self, make_row: MakeRow) -> None:
        self._make_row = make_row
        self.jobs: list[TrialJob] = []

    def measure(self, job: TrialJob) -> MeasuredTrial:
        self.jobs.append(job)
        return self._make_row(job, 1 - abs(float(job.settings["reach"]) - 5) / 100)


@pytest.fixture
def bench(make_row: MakeRow, monkeypatch: pytest.MonkeyPatch) -> FakeBench:
    fake = FakeBench(make_row)
    monkeypatch.setattr(LoadedTask, "of", lambda name, folder: fake)
    return fake


def test_a_search_runs_its_best_and_the_defaults_on_the_judged_seeds(tmp_path: Path, bench: FakeBench) -> None:
    store = TrialStore(tmp_path)
    run_search(SEARCH, Runner(store, None, 60).measure)
    tried = [job for job in bench.jobs if job.search_number is not None]
    assert [job.search_number for job in tried] == list(range(6))
    assert tried[0].settings == TrialJob("mini-llama", 10.0, "spsa", 10).settings  # the defaults come first
    assert {job.seed for job in tried} == {10}
    best = min(tried, key=lambda job: abs(job.changes["reach"] - 5))
    assert searched_values(SEARCH, store) == best.changes
    confirmed = [job for job in bench.jobs if job.search_number is None]
    assert [(job.seed, dict(job.changes)) for job in confirmed] == [
        *((0, {}), (0, best.changes)),
        *((1, {}), (1, best.changes)),
    ]


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path, bench: FakeBench) -> None:
    run_search(SEARCH, Runner(TrialStore(tmp_path / "whole"), None, 60).measure)
    whole, bench.jobs = bench.jobs, []

    class StoppingRunner(Runner):
        def measure(self, job: TrialJob) -> MeasuredTrial:
            if self.measured == 3:
                raise OutOfTimeError
            return super().measure(job)

    with pytest.raises(OutOfTimeError):
        run_search(SEARCH, StoppingRunner(TrialStore(tmp_path / "parts"), None, 60).measure)
    assert searched_values(SEARCH, TrialStore(tmp_path / "parts")) is None
    run_search(SEARCH, Runner(TrialStore(tmp_path / "parts"), None, 60).measure)
    assert bench.jobs == whole


def test_nothing_is_measured_twice(tmp_path: Path, bench: FakeBench) -> None:
    job = TrialJob("mini-llama", 10.0, "spsa", 0)
    Runner(TrialStore(tmp_path), None, 60).run([job, job])
    runner = Runner(TrialStore(tmp_path), None, 60)
    runner.run([job])
    assert (len(bench.jobs), runner.measured) == (1, 0)


def test_no_trial_begins_after_the_time(tmp_path: Path, bench: FakeBench) -> None:
    measured = TrialJob("mini-llama", 10.0, "spsa", 0)
    Runner(TrialStore(tmp_path), None, 60).run([measured])
    late = Runner(TrialStore(tmp_path), None, -1)
    late.run([measured])
    with pytest.raises(OutOfTimeError):
        late.run([TrialJob("mini-llama", 10.0, "spsa", 1)])
    assert len(bench.jobs) == 1


def test_two_processes_share_the_jobs(
    tmp_path: Path, bench: FakeBench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [TrialJob("mini-llama", 10.0, "spsa", seed) for seed in range(5)]
    monkeypatch.setattr("zostudy.bench.defaults.__main__.PLANS", {"small": lambda: jobs})
    for share, seeds in (("1/2", [0, 2, 4]), ("2/2", [1, 3])):
        bench.jobs = []
        assert main(["run", "--folder", str(tmp_path), "--share", share]) == 0
        assert [job.seed for job in bench.jobs] == seeds
        assert capsys.readouterr().out == f"done; {len(seeds)} trials were measured\n"
    assert main(["run", "--folder", str(tmp_path), "--minutes", "0"]) == 0
    assert "done; 0 trials" in capsys.readouterr().out
    with pytest.raises(SystemExit) as refused:
        main(["run", "--folder", str(tmp_path), "--share", "3/2"])
    assert refused.value.code == 2


def test_a_stopped_run_says_that_it_can_go_on(
    tmp_path: Path, bench: FakeBench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [TrialJob("mini-llama", 10.0, "spsa", 0)]
    monkeypatch.setattr("zostudy.bench.defaults.__main__.PLANS", {"small": lambda: jobs})
    assert main(["run", "--folder", str(tmp_path), "--minutes", "-1"]) == 0
    assert capsys.readouterr().out == "the time is over; 0 trials were measured. Run again to go on.\n"


def test_an_error_of_the_users_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1")
    assert main(["table", "--folder", str(tmp_path)]) == 2
    error = capsys.readouterr().out
    assert error.startswith("error: ")
    assert "broken.parquet" in error
    assert error.count("\n") == 1
