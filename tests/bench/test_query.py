"""The query section on a few short trials."""

from __future__ import annotations

from pathlib import Path

import duckdb

from zostudy.bench.query import LOOKS, QUESTION, _make_studies, measure_query
from zostudy.results.reading import find_studies, load_trials


def test_plain_duckdb_and_zostudy_answer_the_same_question_on_the_same_rows() -> None:
    speed = measure_query(rounds=1, n_studies=2, n_trials=4, n_steps=30)
    assert (speed.studies, speed.trials, speed.rows) == (2, 4, 120)
    assert min(speed.plain_seconds, speed.zostudy_seconds) > 0


def test_the_studies_have_ended_and_their_trials_have_that_many_steps(tmp_path: Path) -> None:
    _make_studies(tmp_path, 2, 3, 30)
    assert len(find_studies(tmp_path)) == 2
    assert len(load_trials(tmp_path, ["cell"])) == 6
    files = [file.relative_to(tmp_path).as_posix() for file in sorted(tmp_path.glob("*/history/*"))]
    assert files == ["study-0/history/merged.parquet", "study-1/history/merged.parquet"]
    answer = duckdb.connect().execute(QUESTION.format(history=f"'{tmp_path}/*/history/*.parquet'")).fetchall()
    assert [(queries, trials) for _, queries, _, trials in answer] == [(2 * 5 * look, 6) for look in range(LOOKS)]
