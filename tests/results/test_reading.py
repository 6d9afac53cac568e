from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zostudy.errors import ResultsError
from zostudy.results.comparison.compare import compare
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.results.reading import load_trials
from zostudy.results.repair import has_lost_noise_floor, set_damage_aside
from zostudy.results.results import Results, load_results
from zostudy.results.schema import SCHEMAS, TRIALS
from zostudy.results.sql import run_sql
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import merge, read_table

QUICKSTART = Path(__file__).parents[2] / "results" / "reference" / "quickstart"

TRIAL = "zosa-ratio10-confirm-0000"
SINCE_VERSION_5 = (
    "needs",
    "imbalance",
    "search_seed",
    "threshold",
    "mcc",
    "calibration_error",
    "step_rule",
    "reach",
    "largest_share",
    "_loss",
    "latent_norm",
    "wording",
    "start_draw",
    "start_queries",
)
NULL_IN_A_CONFIRM_TRIAL = {"search_seed", "wording", "start_draw", "start_queries"}
"""Of a study with one wording, whose prompts start at random tokens."""


@pytest.fixture
def study(make_outcome: Callable[..., Outcome], tmp_path: Path) -> Path:
    ledger = Ledger(tmp_path / "tree" / "made")
    for number in (0, 1):
        ledger.record(make_outcome(number=number))
    return Path(ledger.storage.path)


def test_tables_come_back_as_data_frames(study: Path) -> None:
    results = load_results(study)
    assert results.trials["trial"].tolist() == ["zosa-ratio10-confirm-0000", "zosa-ratio10-confirm-0001"]
    assert results.trials["subspace_dim"].dtype == "Int64"
    assert results.trials["started_at"].dt.tz is not None
    assert len(results.history) == 6
    assert results.history["auxiliary"].iloc[2] == {"a": 0.2, "alpha": 1.0}
    assert results.history["dev_auc"].isna().sum() == 4
    np.testing.assert_array_equal(results.scores["scores"].iloc[0], np.array([0.1, 0.2], np.float32))
    assert repr(results) == "<Results: 2 finished trials of made>"


def test_absent_whole_numbers_stay_absent_and_others_whole(
    make_outcome: Callable[..., Outcome], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_outcome("untuned", subspace_dim=None))
    ledger.record(make_outcome("zosa"))
    assert load_results(tmp_path).trials["subspace_dim"].astype(object).tolist()[1] == 4
    assert load_results(tmp_path).trials["subspace_dim"].isna().tolist() == [True, False]


def test_a_folder_of_studies_is_read_at_once(make_outcome: Callable[..., Outcome], study: Path) -> None:
    Ledger(study.parent / "other").record(make_outcome(study="other"))
    (study.parent / "notes").mkdir()
    trials = load_results(study.parent).trials
    assert trials["study"].tolist() == ["made", "made", "other"]
    assert load_results([study, study.parent / "other"]).trials.equals(trials)
    assert load_results([study, study]).trials["study"].tolist() == ["made", "made"]


def test_noise_floors_come_back_by_cell_and_dtype(
    make_outcome: Callable[..., Outcome], make_noise_floor: Callable[..., dict[str, Any]], study: Path
) -> None:
    other = Ledger(study.parent / "other")
    other.record(make_outcome(study="other"))
    Ledger(study).record_noise_floor([make_noise_floor(), make_noise_floor(dtype="bfloat16", chosen=False)])
    other.record_noise_floor([make_noise_floor(study="other", signal_over_noise=float("inf"))])
    noise_floor = load_results(study.parent).noise_floor
    assert noise_floor["study"].tolist() == ["made", "made", "other"]
    assert noise_floor.loc[noise_floor["chosen"], "dtype"].tolist() == ["float32", "float32"]
    assert (noise_floor["signal_over_noise"] >= 10).all()


def test_a_folder_of_before_noise_floors_were_measured_is_read(study: Path) -> None:
    (study / "noise_floor").rmdir()
    results = load_results(study)
    assert len(results.history) == 6
    assert results.noise_floor.empty
    assert results.noise_floor.columns[:3].tolist() == ["study", "cell", "dtype"]


def test_noise_floors_under_their_older_name_are_read(
    make_noise_floor: Callable[..., dict[str, Any]], study: Path
) -> None:
    ledger = Ledger(study)
    ledger.record_noise_floor([make_noise_floor()])
    rows = ledger.noise_floor()
    (study / "noise_floor").rename(study / "precision")
    results = load_results(study)
    assert results.noise_floor.to_dict("records") == rows
    assert results.precision is results.noise_floor
    for table in ("noise_floor", "precision"):
        assert results.sql(f"SELECT cell, dtype FROM {table}").to_dict("list") == {
            "cell": ["zosa-ratio10"],
            "dtype": ["float32"],
        }
    ledger = Ledger(study)
    assert set_damage_aside(ledger.storage) == []
    assert not has_lost_noise_floor(ledger.storage)
    assert ledger.noise_floor() == rows
    ledger.record_noise_floor([make_noise_floor(dtype="bfloat16")])
    assert [row["dtype"] for row in load_results(study).noise_floor.to_dict("records")] == ["bfloat16"]
    assert not list((study / "precision").iterdir())


def test_noise_floors_under_their_older_name_that_are_torn_are_measured_again(
    make_noise_floor: Callable[..., dict[str, Any]], study: Path
) -> None:
    (study / "precision").mkdir()
    (study / "precision" / "cells.parquet").write_bytes(b"PAR1")
    ledger = Ledger(study)
    [line] = set_damage_aside(ledger.storage)
    assert line.startswith("set aside: precision/cells.parquet ")
    assert has_lost_noise_floor(ledger.storage)
    assert ledger.noise_floor() == []


def test_history_of_before_other_dev_metrics_were_kept_is_read_with_nulls(
    make_outcome: Callable[..., Outcome], study: Path
) -> None:
    path = study / "history" / "zosa-ratio10-confirm-0000.parquet"
    older = pq.read_table(path).drop_columns(["dev_balanced_accuracy", "dev_minority_recall"])
    pq.write_table(older.replace_schema_metadata({**older.schema.metadata, b"zostudy_schema": b"1"}), path)
    sql = "SELECT trial, dev_auc, dev_minority_recall FROM history WHERE dev_auc IS NOT NULL ORDER BY trial"
    expected = [("zosa-ratio10-confirm-0000", 0.75, None), ("zosa-ratio10-confirm-0001", 0.75, 0.5)]

    def check() -> None:
        results = load_results(study)
        assert results.history.columns.tolist() == SCHEMAS["history"].names
        assert results.history["dev_minority_recall"].tolist()[-1] == 0.5
        assert results.history["dev_minority_recall"].isna().sum() == 5
        assert results.history["dev_auc"].notna().sum() == 2
        assert run_sql([Storage.at(study)], sql, lambda answer: answer.fetchall()) == expected

    assert read_table(study, "history", ["dev_minority_recall"]).num_rows == 6
    check()
    merge(Storage.at(study))
    check()


def test_trials_of_before_there_were_thresholds_are_read_with_nulls(study: Path) -> None:
    since = [name for name in TRIALS.names if name.endswith(SINCE_VERSION_5)]
    assert len(since) == 21
    path = study / "trials" / "zosa-ratio10-confirm-0000.parquet"
    older = pq.read_table(path).drop_columns(since)
    pq.write_table(older.replace_schema_metadata({**older.schema.metadata, b"zostudy_schema": b"4"}), path)

    def check() -> None:
        trials = load_results(study).trials.set_index("trial")
        assert trials.loc["zosa-ratio10-confirm-0000", since].isna().all()
        unknown = trials.loc[["zosa-ratio10-confirm-0001"], since].isna().iloc[0]
        assert {name for name, missing in unknown.items() if missing} == NULL_IN_A_CONFIRM_TRIAL
        assert trials["test_auc"].tolist() == [0.75, 0.75]

    check()
    merge(Storage.at(study))
    check()


def test_a_study_of_before_there_were_wordings_and_starts_is_read_with_nulls(
    make_outcome: Callable[..., Outcome], study: Path
) -> None:
    newer = ["wording", "start_draw", "start_queries"]
    for path in (study / "trials").iterdir():
        older = pq.read_table(path).drop_columns([name for name in TRIALS.names if name.endswith(SINCE_VERSION_5)])
        pq.write_table(older.replace_schema_metadata({**older.schema.metadata, b"zostudy_schema": b"4"}), path)
    Ledger(study).record(make_outcome(number=2, wording="plain", start_draw=3, start_queries=20))
    trials = load_results(study).trials.sort_values("number")
    assert trials[newer].isna().all(axis=1).tolist() == [True, True, False]
    assert trials[newer].iloc[-1].tolist() == ["plain", 3, 20]
    merge(Storage.at(study))
    assert load_results(study).trials[newer].notna().sum().tolist() == [1, 1, 1]


def test_a_study_of_before_there_were_landscapes_is_read(make_outcome: Callable[..., Outcome], study: Path) -> None:
    for path in (study / "landscape").iterdir():
        path.unlink()
    (study / "landscape").rmdir()
    later = ("_rows", "_digest", "positive_class", *SINCE_VERSION_5)
    older_names = [name for name in TRIALS.names if not name.endswith(later)]
    for path in (study / "trials").iterdir():
        older = pq.read_table(path).select(older_names)
        pq.write_table(older.replace_schema_metadata({b"zostudy_schema": b"2"}), path)
    results = load_results(study)
    assert len(results.trials) == 2
    assert results.landscape.empty
    assert results.landscape.columns[-2:].tolist() == ["loss", "examples"]
    assert results.sql("SELECT * FROM landscape").empty
    ledger = Ledger(study)
    assert set_damage_aside(ledger.storage) == []
    merge(ledger.storage)
    ledger.record(make_outcome(number=2))
    assert load_results(study).landscape["trial"].unique().tolist() == ["zosa-ratio10-confirm-0002"]
    merge(ledger.storage)
    assert load_results(study).landscape["loss"].tolist()[:2] == [0.75, 0.5]


def test_one_file_may_hold_many_trials(study: Path) -> None:
    before = load_results(study)
    for table in ("trials", "history", "scores"):
        paths = sorted((study / table).iterdir())
        whole = pa.concat_tables([pq.read_table(path) for path in paths])
        for path in paths:
            path.unlink()
        pq.write_table(whole, study / table / "all.parquet")
    after = load_results(study)
    assert after.trials.equals(before.trials)
    assert after.history["loss_spread"].equals(before.history["loss_spread"])


def test_a_trial_that_ends_while_reading_is_left_out_as_a_whole(
    make_outcome: Callable[..., Outcome], study: Path
) -> None:
    results = load_results(study)
    Ledger(study).record(make_outcome(number=2))
    assert len(results.history) == 6
    assert len(load_results(study).history) == 9


def test_a_study_read_twice_is_refused(make_outcome: Callable[..., Outcome], study: Path) -> None:
    Ledger(study.parent / "copy").record(make_outcome(number=1))
    _refused(study.parent, "of made is in .*/copy and in .*/made; give one of these folders")
    (study / "trials" / "copy.parquet").write_bytes((study / "trials" / f"{TRIAL}.parquet").read_bytes())
    _refused(study, f"{TRIAL} of made is in .*/made twice; move the copy away")


def test_folders_without_results_get_one_clear_line(tmp_path: Path) -> None:
    _refused(tmp_path / "absent", "absent is missing; give the folder")
    _refused(tmp_path / "gone" / "absent", "absent is missing; give the folder")
    _refused(tmp_path, "holds none; give the folder")
    (tmp_path / "file").write_text("")
    _refused(tmp_path / "file", "file is a file; give the folder")
    Ledger(tmp_path / "crashed")
    _refused(tmp_path / "crahsed", "crahsed is missing; did you mean .*/crashed?")
    _refused(tmp_path / "crashed", "crashed holds none; wait for the first one, or run")


def test_what_a_pattern_of_the_shell_gives_beside_studies_is_left_out_with_a_note(
    study: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (study.parent / "table.md").write_text("")
    (study.parent / "empty").mkdir()
    given = sorted(study.parent.iterdir())
    with caplog.at_level("INFO"):
        assert load_results(given).trials.equals(load_results(study).trials)
    assert caplog.messages == ["note: without a study, and left out: empty, table.md"]
    with pytest.raises(ResultsError, match="empty holds none"):
        load_results([each for each in given if each != study])
    with pytest.raises(ResultsError, match="absent is missing"):
        load_results([*given, study.parent / "absent"])


@pytest.mark.parametrize("path", [[], 3, None, [3], [None]])
def test_what_is_no_place_gets_one_clear_line(path: Any) -> None:
    for read in (load_results, compare):
        with pytest.raises(ResultsError, match=r"read from a folder or several, but got .*; give the folder"):
            read(path)


def test_many_studies_are_shown_in_short() -> None:
    studies = [f"s{number:02d}" for number in range(40)]
    finished = tuple((Storage.at(study), pa.array(["a"])) for study in studies)
    results = Results(pd.DataFrame({"study": studies, "trial": "a", "method": "zosa", "stage": "confirm"}), finished)
    assert repr(results) == "<Results: 40 finished trials of s00, s01, s02, s03, s04 and 35 more studies>"
    assert results._repr_html_().count("<h4>") == 5
    assert "35 more studies" in results._repr_html_()


def test_files_that_are_not_ours_get_one_clear_line(study: Path) -> None:
    path = study / "trials" / "strange.parquet"
    path.write_bytes(b"not Parquet at all")
    _refused(study, r"strange\.parquet cannot be read")
    path.write_bytes((study / "trials" / "zosa-ratio10-confirm-0000.parquet").read_bytes()[:-100])
    _refused(study, r"strange\.parquet cannot be read")
    pq.write_table(pa.table({"colour": [1]}), path)
    _refused(study, r"strange\.parquet is something else; move it away")
    pq.write_table(TRIALS.empty_table().drop_columns(["seed"]), path)
    _refused(study, r"strange\.parquet is something else; move it away")
    newer = TRIALS.with_metadata({b"zostudy_schema": b"99"}).append(pa.field("colour", pa.int64()))
    pq.write_table(newer.empty_table(), path)
    _refused(study, r"schema version 5 or older, but .*strange\.parquet has 99; read it with a newer zostudy")


@pytest.mark.parametrize("table", ["history", "scores", "landscape"])
def test_a_file_of_no_finished_trial_is_left_out_only_if_it_is_ours(study: Path, table: str) -> None:
    path = study / table / "extra.parquet"
    path.write_bytes((study / table / f"{TRIAL}.parquet").read_bytes())
    assert len(load_results(study).history) == 6
    sql = f"SELECT count(DISTINCT trial) FROM {table}"
    assert run_sql([Storage.at(study)], sql, lambda answer: answer.fetchall()) == [(2,)]
    pq.write_table(pa.table({"colour": [1]}), path)
    with pytest.raises(ResultsError, match=rf"{table}/extra\.parquet is something else; move it away"):
        getattr(load_results(study), table)
    with pytest.raises(ResultsError, match=r"extra\.parquet is something else; move it away"):
        run_sql([Storage.at(study)], sql, lambda answer: answer.fetchall())


@pytest.mark.slow
def test_reading_and_comparing_import_nothing_heavy(study: Path) -> None:
    code = f"""
import sys
from zostudy.cli.compare import compare_command
light = set(sys.modules)
assert not light & {{"pandas", "pyarrow", "numpy", "rich.table"}}, light
compare_command([{str(study)!r}], baseline="zosa")
from zostudy.cli.query import query_command
query_command(["SELECT trial, test_auc FROM trials"], [{str(study)!r}])
assert not {{"pandas", "scipy", "zostudy.config"}} & sys.modules.keys()
compare_command([{str(QUICKSTART)!r}])  # reads the ranges that it searched
assert not {{"pandas", "scipy", "zostudy.config.study", "zostudy.methods"}} & sys.modules.keys()
from zostudy.results.reading import load_trials
from zostudy.results.results import load_results
load_results({str(study)!r}).history
unwanted = {{"ray", "torch", "transformers", "optuna", "sklearn", "scipy.stats", "statsmodels", "datasets"}}
heavy = unwanted & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment())
    assert done.returncode == 0, done.stderr
    assert "test_auc" in done.stdout


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parents[2] / "platform"), "OMP_NUM_THREADS": "1"}


def _refused(path: Path, rule: str) -> None:
    with pytest.raises(ResultsError, match=rule) as caught:
        load_results(path)
    assert "\n" not in str(caught.value)


def test_some_of_the_trials_come_with_their_own_rows_alone(
    make_outcome: Callable[..., Outcome], tmp_path: Path
) -> None:
    for study in ("first", "second"):
        for number in range(3):
            Ledger(tmp_path / study).record(make_outcome(study=study, number=number))
    results = load_results(tmp_path)
    trials = results.trials
    chosen = trials[(trials["number"] == 1) | (trials["study"] == "second") & (trials["number"] == 2)]
    part = results.only(chosen)
    pd.testing.assert_frame_equal(part.trials, chosen.reset_index(drop=True))
    pd.testing.assert_frame_equal(results.only(chosen.reset_index(drop=True)).trials, part.trials)
    keys = ["study", "trial"]
    for table in ("history", "scores"):
        rows = getattr(results, table)
        kept = rows.set_index(keys).index.isin(chosen.set_index(keys).index)
        pd.testing.assert_frame_equal(getattr(part, table), rows[kept].reset_index(drop=True))
    assert results.only(trials.query("study == 'second'")).storages == results.storages[1:]
    none = results.only(trials[:0])
    tables = none.history, none.noise_floor, none.sql("SELECT * FROM trials"), none.only(none.trials).trials
    assert [*map(len, tables)] == [0, 0, 0, 0]
    assert part not in (results,)


def test_trials_may_be_read_without_the_columns_that_nobody_asks_for(
    make_outcome: Callable[..., Outcome], tmp_path: Path
) -> None:
    for study in ("first", "second"):
        Ledger(tmp_path / study).record(make_outcome(study=study))
    columns = ["study", "trial", "method", "test_auc"]
    pd.testing.assert_frame_equal(load_trials(tmp_path, ["method", "test_auc"]), load_results(tmp_path).trials[columns])
    with pytest.raises(ResultsError, match=r"of first is in .*first and in .*copy"):
        load_trials([tmp_path / "first", shutil.copytree(tmp_path / "first", tmp_path / "copy")], columns)
