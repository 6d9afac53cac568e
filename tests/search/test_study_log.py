from __future__ import annotations

import re
from pathlib import Path

from zostudy.cluster.micro_batches import Scorer
from zostudy.cluster.pool import LocalPool
from zostudy.results.storage import Storage
from zostudy.search.plan import Plan
from zostudy.search.progress import StudyProgress
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData
from zostudy.search.study_log import LOG_FILE, StudyLog
from zostudy.search.trial import TrialProgress


def test_a_log_says_what_happened_when(plan: Plan, data: StudyData, scorer: Scorer, tmp_path: Path) -> None:
    log = StudyLog(Storage.at(tmp_path))
    assignment = plan.assign(plan.cells[0], "confirm", 1, {})
    outcome = run_trial(plan.spec, assignment, data, LocalPool(scorer), lambda _: None)
    log.on_phase("starting Ray")
    log.on_note("dtype: float32")
    log.on_study_start(StudyProgress(plan, []), 2)
    log.on_trial_start(assignment)
    log.on_trial_progress(assignment, TrialProgress(1, 0.0, None))
    log.on_trial_end(assignment, outcome)
    lines = (tmp_path / LOG_FILE).read_text(encoding="utf-8").splitlines()
    said = [re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*)", line) for line in lines]
    assert [found and found[1] for found in said[:4]] == [
        "starting Ray",
        "dtype: float32",
        f"2 replicas ready; 0 of {plan.n_trials} trials are stored",
        "spsa-r1-confirm-001: started",
    ]
    assert said[4] is not None
    assert re.fullmatch(r"spsa-r1-confirm-001: complete, dev AUC \d\.\d{3}; 60 queries in \d+\.\d s", said[4][1])


def test_a_failed_trial_is_logged_with_its_reason_and_a_full_disk_stops_nothing(
    plan: Plan, data: StudyData, scorer: Scorer, tmp_path: Path
) -> None:
    assignment = plan.assign(plan.cells[0], "search", 0, {"step_rule": "plain", "learning_rate": 1e38})
    outcome = run_trial(plan.spec, assignment, data, LocalPool(scorer), lambda _: None)
    StudyLog(Storage.at(tmp_path)).on_trial_end(assignment, outcome)
    assert ": failed: step" in (tmp_path / LOG_FILE).read_text(encoding="utf-8")
    StudyLog(Storage.at(tmp_path / "not there")).on_note("a line")
