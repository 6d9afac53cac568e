"""``zostudy query``: what it lists, answers and refuses."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from zostudy.console import progress
from zostudy.results import lost_rows, sql
from zostudy.results.results import load_results
from zostudy.results.sql import EXAMPLES
from zostudy.results.sql_statement import TABLES

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
QUICKSTART = REFERENCE / "quickstart"


def test_without_sql_it_lists_every_column_and_examples(call: Callable[..., Any]) -> None:
    shown = call("query")
    assert shown.code == 0
    for name, schema in TABLES.items():
        assert f"\n{name}\n" in f"\n{shown.out}"
        assert all(f"\n{column} " in shown.out for column in schema.names)
    assert all(f'zostudy query "{sql}"' in shown.out for sql in EXAMPLES.values())
    records = json.loads(call("query", "--format", "json").out)
    assert [record["column"] for record in records if record["table"] == "trials"] == TABLES["trials"].names
    assert all(record["meaning"] for record in records)


def test_an_answer_is_a_table_or_data(call: Callable[..., Any]) -> None:
    sql = "SELECT study, count(*) AS n FROM trials GROUP BY study ORDER BY study"
    records = json.loads(call("query", sql, "--results", REFERENCE, "--format", "json").out)
    assert [record["study"] for record in records] == sorted(
        file.parent.name for file in REFERENCE.glob("*/study.yaml")
    )
    [quickstart] = [record for record in records if record["study"] == "quickstart"]
    shown = call("query", sql, "--results", QUICKSTART)
    assert shown.code == 0
    assert shown.out.split() == ["study", "n", "quickstart", str(quickstart["n"])]
    [row] = csv.DictReader(io.StringIO(call("query", sql, "--results", QUICKSTART, "--format", "csv").out))
    assert row == {"study": "quickstart", "n": str(quickstart["n"])}


@pytest.mark.parametrize("format", ["table", "csv"])
def test_what_lasts_is_shown_on_a_terminal(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, force_interactive=True, width=100)

    def lasting(work: Callable[..., Any], what: str) -> Callable[..., Any]:
        def work_until_it_is_shown(*given: Any) -> Any:
            while what not in screen.getvalue():
                time.sleep(0.01)
            return work(*given)

        return work_until_it_is_shown

    monkeypatch.setattr(progress, "SECONDS_WITHOUT_PROGRESS", 0.0)
    monkeypatch.setattr(progress, "terminal", lambda: console)
    monkeypatch.setattr(lost_rows, "study_notes", lasting(lost_rows.study_notes, "reading the results"))
    monkeypatch.setattr(sql, "run_sql", lasting(sql.run_sql, "running the query"))
    shown = call("query", "SELECT 17 AS n", "--results", QUICKSTART, "--format", format)
    assert (shown.code, shown.out.split()) == (0, ["n", "17"])


@pytest.mark.parametrize(
    ("given", "got"), [((REFERENCE, "SELECT 1"), "the folder"), (("SELECT 1", "x"), "2 arguments")]
)
def test_folders_beside_the_statement_are_told_where_they_belong(
    call: Callable[..., Any], given: tuple[Any, str], got: str
) -> None:
    shown = call("query", *given)
    assert shown.code == 2
    assert f"but got {got}" in shown.err
    assert 'write zostudy query "SELECT ..." --results ' in shown.err


def test_a_statement_may_be_longer_than_a_path(call: Callable[..., Any]) -> None:
    sql = f"SELECT length('{'x' * 5000}') AS n"
    answer = call("query", sql, "--results", QUICKSTART, "--format", "json")
    assert json.loads(answer.out) == [{"n": 5000}]


def test_a_plan_is_shown_as_it_was_drawn(call: Callable[..., Any]) -> None:
    sql = "EXPLAIN SELECT method, count(*) FROM trials GROUP BY method"
    lines = call("query", sql, "--results", QUICKSTART).out.splitlines()
    assert len(lines) > 5
    assert all("explain" not in line for line in lines)
    assert json.loads(call("query", sql, "--results", QUICKSTART, "--format", "json").out)[0]["explain_key"]


def test_a_table_that_is_none_gets_the_name_of_one_that_is(call: Callable[..., Any]) -> None:
    refused = call("query", "SELECT * FROM trial", "--results", QUICKSTART).err
    assert "; did you mean trials?" in refused
    assert refused.count("error: ") == 1
    assert "pg_" not in refused
    assert "did you mean" not in call("query", "SELECT * FROM nothing", "--results", QUICKSTART).err


def test_any_value_is_one_that_json_knows(call: Callable[..., Any]) -> None:
    sql = (
        "SELECT 'nan'::DOUBLE AS a, 'inf'::DOUBLE AS b, [1.5, NULL] AS c, {'x': DATE '2026-01-02'} AS d, "
        "1.25::DECIMAL(4, 2) AS e, NULL AS f, true AS g, map {'k': 'nan'::DOUBLE} AS h"
    )
    [record] = json.loads(call("query", sql, "--results", QUICKSTART, "--format", "json").out)
    assert record == {
        "a": None,
        "b": "inf",
        "c": [1.5, None],
        "d": {"x": "2026-01-02"},
        "e": 1.25,
        "f": None,
        "g": True,
        "h": {"k": None},
    }


@pytest.mark.slow
def test_a_query_that_is_asked_to_end_leaves_nothing_behind(tmp_path: Path) -> None:
    lists = "SELECT i % 40000000 AS key, list(i) AS found FROM range(900000000) t(i) GROUP BY key"
    sql = f"SELECT max(len(found)) FROM ({lists})"
    command = [sys.executable, "-c", "from zostudy.cli import main; main()", "query", sql, "--results", str(REFERENCE)]
    for ending in (signal.SIGTERM, signal.SIGHUP):
        process = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE)
        while not any(path.is_file() for path in tmp_path.rglob("*")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(ending)
        _, told = process.communicate()
        assert (process.returncode, told) == (130, b"interrupted\n")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [("--timeout", "0"), ("--timeout", "nan"), ("--spill-limit", "much")])
def test_a_limit_that_is_none_is_bad_input(call: Callable[..., Any], options: tuple[str, str]) -> None:
    refused = call("query", "SELECT 1", "--results", QUICKSTART, *options)
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)


def test_an_answer_without_rows_still_names_its_columns(call: Callable[..., Any]) -> None:
    shown = call("query", "SELECT trial, error FROM trials WHERE false", "--results", QUICKSTART)
    assert shown.out.splitlines() == ["trial  error", "no rows"]


def test_an_answer_without_rows_is_a_header_or_an_empty_array(call: Callable[..., Any]) -> None:
    arguments = ("query", "SELECT trial, error FROM trials WHERE false", "--results", QUICKSTART, "--format")
    assert call(*arguments, "csv").out == "trial,error\n"
    assert call(*arguments, "json").out == "[]\n"


def test_columns_of_equal_names_are_all_there(call: Callable[..., Any]) -> None:
    sql = "SELECT * FROM trials JOIN studies ON trials.study = studies.study LIMIT 1"
    names = load_results(QUICKSTART).sql(sql).columns.tolist()
    assert len(names) == len(TABLES["trials"]) + len(TABLES["studies"])
    arguments = ("query", sql, "--results", QUICKSTART, "--format")
    [record] = json.loads(call(*arguments, "json").out)
    assert list(record) == names
    assert record["study"] == record["study_1"]
    assert next(csv.reader(io.StringIO(call(*arguments, "csv").out))) == names
    assert call(*arguments, "table").out.splitlines()[0].split() == names


@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_batches_are_written_as_a_whole_would_be(call: Callable[..., Any], rows: int) -> None:
    sql = f"SELECT i, 'a\n\"b' AS s, [i, NULL] AS l FROM range({rows}) t(i) ORDER BY i"
    expected = [{"i": i, "s": 'a\n"b', "l": [i, None]} for i in range(rows)]
    printed = call("query", sql, "--results", QUICKSTART, "--format", "json").out
    assert printed == json.dumps(expected, indent=2) + "\n"
    printed = call("query", sql, "--results", QUICKSTART, "--format", "csv").out
    assert list(csv.DictReader(io.StringIO(printed))) == [
        {name: str(value) for name, value in record.items()} for record in expected
    ]


@pytest.mark.slow
def test_a_large_answer_is_never_in_memory_as_a_whole() -> None:
    code = (
        "import resource, sys\n"
        "from zostudy.cli import main\n"
        f"sys.argv = ['zostudy', 'query', sys.argv[1], '--results', {str(REFERENCE)!r}, '--format', 'csv']\n"
        "try:\n    main()\nfinally:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
    )
    kilobytes = []
    for rows in (1000, 1_000_000):
        sql = f"SELECT i, repeat('x', 100) AS text FROM range({rows}) t(i)"
        done = subprocess.run([sys.executable, "-c", code, sql], capture_output=True, check=True)
        assert done.stdout.count(b"\n") == rows + 1
        kilobytes.append(int(done.stderr))
    assert kilobytes[1] - kilobytes[0] < 80_000  # its text alone is 108 MB


def test_a_query_that_fails_at_its_last_rows_prints_none(call: Callable[..., Any]) -> None:
    sql = "SELECT CASE WHEN i < 9000 THEN i ELSE error('late') END AS i FROM range(9001) t(i)"
    refused = call("query", sql, "--results", QUICKSTART, "--format", "csv")
    assert (refused.code, refused.out) == (2, "")
    assert "late" in refused.err


@pytest.mark.parametrize("sql", ["SELECT colour FROM trials", "DROP TABLE trials"])
def test_a_wrong_query_is_bad_input(call: Callable[..., Any], sql: str) -> None:
    refused = call("query", sql, "--results", QUICKSTART)
    assert refused.code == 2
    assert refused.out == ""
    assert all(line.startswith("error: ") for line in refused.err.splitlines())


def test_a_place_without_results_is_bad_input(call: Callable[..., Any], tmp_path: Path) -> None:
    refused = call("query", "SELECT 1", "--results", tmp_path)
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "holds none; give the folder" in refused.err
    assert "is missing; give the folder" in call("query", "SELECT 1", "--results", tmp_path / "no").err
