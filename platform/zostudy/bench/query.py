"""The query section: SQL over many rows of ``history``, by zostudy and by plain DuckDB."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np

from zostudy.bench.growth import quick_study
from zostudy.bench.report import QuerySpeed
from zostudy.bench.scorers import QuickScorer
from zostudy.cluster.pool import LocalPool
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.results.reading import find_studies
from zostudy.results.sql import run_sql
from zostudy.results.stored_tables import merge
from zostudy.search.outline import outline
from zostudy.search.run_trial import run_trial

_log = logging.getLogger(__name__)

STUDIES = (1, 40)
TRIALS = 40
STEPS = 100_000
LOOKS = 6

QUESTION = (
    "SELECT cell, queries, round(avg(dev_auc), 4) AS dev_auc, count(*) AS trials "
    "FROM {history} WHERE dev_auc IS NOT NULL GROUP BY ALL ORDER BY ALL"
)


def measure_query(rounds: int, n_studies: int, n_trials: int = TRIALS, n_steps: int = STEPS) -> QuerySpeed:
    """Returns the processor seconds of one question in SQL, by plain DuckDB and by zostudy, in turn.

    Args:
        rounds: how often each is timed.
        n_studies: that share the trials.
        n_trials: in all.
        n_steps: rows of ``history`` of each trial.
    """
    with TemporaryDirectory(prefix="zostudy-bench-") as name:
        folder = Path(name)
        _log.info("query: making %s rows in %d studies", f"{n_trials * n_steps:,}", n_studies)
        _make_studies(folder, n_studies, n_trials // n_studies, n_steps)
        _one_round(folder)  # imports what is needed
        plain, checked = zip(*(_one_round(folder) for _ in range(rounds)), strict=True)
    return QuerySpeed(n_studies, n_trials, n_trials * n_steps, median(plain), median(checked))


def _one_round(folder: Path) -> tuple[float, float]:
    """Returns the seconds of plain DuckDB, and of zostudy."""
    files = f"'{folder}/*/history/*.parquet'"
    expected, plain = _timed(lambda: duckdb.connect().execute(QUESTION.format(history=files)).fetchall())
    answer, checked = _timed(lambda: _ask(folder))
    assert answer == expected
    return plain, checked


def _ask(folder: Path) -> list[Any]:
    return run_sql(find_studies(folder), QUESTION.format(history="history"), duckdb.DuckDBPyConnection.fetchall)


def _timed(call: Callable[[], list[Any]]) -> tuple[list[Any], float]:
    began = time.process_time()
    return call(), time.process_time() - began


def _make_studies(folder: Path, n_studies: int, n_trials: int, n_steps: int) -> None:
    """Makes studies that have ended: what a real trial of a fake scorer stored, with more steps."""
    outlined = outline(quick_study("query", (10,), 1))
    assignment = outlined.plan.assign(outlined.plan.cells[0], "confirm", 0, {})
    outcome = run_trial(outlined.plan.spec, assignment, outlined.data, LocalPool(QuickScorer()), lambda progress: None)
    long = _with_steps(outcome, n_steps)
    for study in range(n_studies):
        ledger = Ledger(folder / f"study-{study}")
        for trial in range(n_trials):
            row = replace(outcome.trial, study=f"study-{study}", trial=f"{outcome.name}-{trial}")
            ledger.record(replace(long, trial=row))
        merge(ledger.storage)


def _with_steps(outcome: Outcome, n_steps: int) -> Outcome:
    """Returns an outcome of that many steps, with some looks at dev."""
    steps, numbers = np.arange(n_steps), np.random.default_rng(0)
    history = {name: np.resize(values, n_steps) for name, values in outcome.history.items()}
    looks = np.where(steps % -(-n_steps // LOOKS) == 0, numbers.random(n_steps), np.nan)
    history |= {"step": steps, "queries": steps * 2, "loss": numbers.random(n_steps), "dev_auc": looks}
    auxiliary = {name: np.resize(values, n_steps) for name, values in outcome.auxiliary.items()}
    return replace(outcome, history=history, auxiliary=auxiliary)
