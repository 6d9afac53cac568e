"""``zostudy query``: what it lists, answers and refuses."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from zostudy.results.query import EXAMPLES, TABLES

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


def test_without_sql_it_lists_every_column_and_examples(call) -> None:
    shown = call("query")
    assert shown.code == 0
    for name, schema in TABLES.items():
        assert f"\n{name}\n" in f"\n{shown.out}"
        assert all(f"\n{column} " in shown.out for column in schema.names)
    assert all(f'zostudy query "{sql}"' in shown.out for sql in EXAMPLES.values())
    records = json.loads(call("query", "--format", "json").out)
    assert [record["column"] for record in records if record["table"] == "trials"] == TABLES["trials"].names
    assert all(record["meaning"] for record in records)


def test_an_answer_is_a_table_or_data(call) -> None:
    sql = "SELECT study, count(*) AS n FROM trials GROUP BY study ORDER BY study"
    shown = call("query", sql, "--results", REFERENCE)
    assert shown.code == 0
    assert shown.out.splitlines()[0].split() == ["study", "n"]
    records = json.loads(call("query", sql, "--results", REFERENCE, "--format", "json").out)
    assert [record["study"] for record in records] == ["quickstart", "sst2-minilm"]
    rows = list(csv.DictReader(io.StringIO(call("query", sql, "--results", REFERENCE, "--format", "csv").out)))
    assert [int(row["n"]) for row in rows] == [record["n"] for record in records]


def test_any_value_is_one_that_json_knows(call) -> None:
    sql = (
        "SELECT 'nan'::DOUBLE AS a, 'inf'::DOUBLE AS b, [1.5, NULL] AS c, {'x': DATE '2026-01-02'} AS d, "
        "1.25::DECIMAL(4, 2) AS e, NULL AS f, true AS g, map {'k': 'nan'::DOUBLE} AS h"
    )
    [record] = json.loads(call("query", sql, "--results", REFERENCE, "--format", "json").out)
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


def test_an_answer_without_rows_still_names_its_columns(call) -> None:
    shown = call("query", "SELECT trial, error FROM trials WHERE false", "--results", REFERENCE)
    assert shown.out.splitlines() == ["trial  error", "no rows"]


@pytest.mark.parametrize("sql", ["SELECT colour FROM trials", "DROP TABLE trials"])
def test_a_wrong_query_is_bad_input(call, sql: str) -> None:
    refused = call("query", sql, "--results", REFERENCE)
    assert refused.code == 2
    assert refused.out == ""
    assert all(line.startswith("error: ") for line in refused.err.splitlines())


def test_a_place_without_results_is_bad_input(call, tmp_path: Path) -> None:
    refused = call("query", "SELECT 1", "--results", tmp_path)
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "holds none" in refused.err
