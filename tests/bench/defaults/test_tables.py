from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scipy.stats import ttest_rel

from zostudy.bench.defaults.__main__ import main
from zostudy.bench.defaults.jobs import AnyJob, SearchJob, TrialJob
from zostudy.bench.defaults.store import MeasuredTrial, TrialStore
from zostudy.bench.defaults.tables import default_tables

MakeRow = Callable[[TrialJob, float], MeasuredTrial]

TASK = "mini-llama"
UNTUNED, RANDOM, OWN = (0.70, 0.80, 0.75), (0.78, 0.83, 0.80), (0.90, 0.79, 0.85)


def trial(method: str, seed: int, **changes: float) -> TrialJob:
    return TrialJob(TASK, 10.0, method, seed, changes)


@pytest.fixture
def store(tmp_path: Path, make_row: MakeRow) -> TrialStore:
    store = TrialStore(tmp_path)
    for method, values in (("untuned", UNTUNED), ("random-search", RANDOM), ("spsa", OWN)):
        for seed, value in enumerate(values):
            store.add(make_row(trial(method, seed), value))
    return store


JOBS: list[AnyJob] = [trial(method, seed) for method in ("untuned", "random-search", "spsa") for seed in range(3)]


def test_gains_are_over_the_untuned_prompt_of_the_same_seed(store: TrialStore) -> None:
    (table,) = default_tables(JOBS, store)
    rows = {row[3]: row[4:] for row in table.rows}
    assert rows["random-search"] == ("3", "0.750", "0.803", "+0.053", "+0.030", "")
    assert rows["spsa"][:5] == ("3", "0.750", "0.847", "+0.097", "-0.010")
    test = ttest_rel(OWN, RANDOM).confidence_interval()
    assert rows["spsa"][5] == f"+0.043 ({test.low:+.3f}, {test.high:+.3f})"
    assert "untuned" not in rows
    assert table.notes == ("9 of 9 trials and 0 of 0 searches are measured",)


def test_what_is_missing_is_said(store: TrialStore, make_row: MakeRow) -> None:
    search = SearchJob(TASK, 10.0, "spsa", 2, (0,))
    first, *_ = default_tables([*JOBS, trial("spsa", 7), search], store)
    assert first.notes == ("9 of 10 trials and 0 of 1 searches are measured",)


def test_a_search_is_compared_on_seeds_that_it_did_not_see(store: TrialStore, make_row: MakeRow) -> None:
    search = SearchJob(TASK, 10.0, "spsa", 2, (0, 1, 2))
    store.add(make_row(search.trial(0, {"reach": 3.0}), 0.80))
    store.add(make_row(search.trial(1, {"reach": 7.0}), 0.99))
    assert len(default_tables([*JOBS, search], store)) == 1  # its best has not been confirmed
    for seed, value in enumerate((0.95, 0.95, 0.95)):
        store.add(make_row(search.confirmed(seed, {"reach": 7.0}), value))
    _, table = default_tables([*JOBS, search], store)
    assert table.rows == ((TASK, "10", "300", "spsa", "+0.097", "+0.200", "48%", "reach 7"),)
    assert table.notes == ("spsa at 300 queries: mean share 48% (each at most 100%), least 48%",)


def test_neighbours_are_paired_with_the_defaults(store: TrialStore, make_row: MakeRow) -> None:
    jobs = [trial("spsa", seed, reach=1.0) for seed in range(2)]
    for job, value in zip(jobs, (0.95, 0.80), strict=True):
        store.add(make_row(job, value))
    _, table = default_tables([*JOBS, *jobs], store)
    assert table.rows == (("spsa", "reach 1", "2", "+0.030", f"+0.030 {TASK}", f"+0.030 {TASK}"),)


def test_more_looks_at_dev_are_a_neighbour(store: TrialStore, make_row: MakeRow) -> None:
    job = TrialJob(TASK, 10.0, "spsa", 0, evaluations=15)
    store.add(make_row(job, 0.92))
    first, table = default_tables([*JOBS, job], store)
    assert [row[4] for row in first.rows] == ["3", "3"]
    assert table.rows == (("spsa", "evaluations 15", "1", "+0.020", f"+0.020 {TASK}", f"+0.020 {TASK}"),)


def test_an_empty_folder_has_a_table_that_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--folder", str(tmp_path)]) == 0
    assert "0 of " in capsys.readouterr().out
