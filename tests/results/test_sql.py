from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zostudy.errors import ResultsError
from zostudy.results import stored_tables
from zostudy.results.completeness import JUDGED_BY, best_configurations
from zostudy.results.duckdb_connection import Limits, parse_size
from zostudy.results.finished_trials import MERGED
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.results.parquet import write_table
from zostudy.results.reading import find_studies
from zostudy.results.results import load_results
from zostudy.results.schema import SCHEMAS, meaning
from zostudy.results.sql import EXAMPLES, column_names, run_sql
from zostudy.results.sql_statement import TABLES
from zostudy.results.stored_tables import merge, read_table

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
TWO_STUDIES = [REFERENCE / "quickstart", REFERENCE / "sst2-minilm"]
BEST = "The best configuration that the search found in each cell"


@pytest.fixture
def ledger(
    make_outcome: Callable[..., Outcome], make_noise_floor: Callable[..., dict[str, Any]], tmp_path: Path
) -> Ledger:
    ledger = Ledger(tmp_path / "made")
    for method, number in itertools.product(("spsa", "zosa"), range(2)):
        ledger.record(make_outcome(method, number=number, test_auc=0.5 + number / 10))
    ledger.record_noise_floor([make_noise_floor()])
    ledger.write_study({"name": "made", "methods": ["spsa", {"zosa": {"sharpness_radius": 0.1}}], "seed": 7}, {})
    return ledger


def rows(where: Any, sql: str) -> list[tuple[Any, ...]]:
    return run_sql(find_studies(where), sql, lambda relation: relation.fetchall())


@pytest.mark.parametrize("sql", EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_run(sql: str) -> None:
    answer = load_results(TWO_STUDIES).sql(sql)
    assert len(answer) > 0 or "failed" in sql


def test_the_example_s_best_configuration_is_the_one_that_a_study_confirms(
    make_outcome: Callable[..., Outcome], tmp_path: Path
) -> None:
    tried: list[list[float | None]] = [
        [0.7, 0.7],
        [0.7, 0.7],
        [0.9],
        [0.9, None],
        [0.8, 0.5],
    ]  # a number failed, one was dropped early
    ledger = Ledger(tmp_path / "made")
    for number, dev_aucs in enumerate(tried):
        for seed, dev_auc in enumerate(dev_aucs):
            status = "complete" if dev_auc else "failed"
            trial = {"trial": f"search-{number}-{seed}", "stage": "search", "params": {"number": number}}
            ledger.record(make_outcome(number=number, seed=seed, status=status, dev_auc=dev_auc, **trial))
    trials = load_results([ledger.storage, REFERENCE / "what-search-buys-roberta"]).trials
    best = best_configurations({name: trials[name].tolist() for name in JUDGED_BY})
    answer = rows([ledger.storage, REFERENCE / "what-search-buys-roberta"], EXAMPLES[BEST])
    assert {(study, cell): params for study, cell, _, params in answer} == {key: of.params for key, of in best.items()}
    assert [mean for *_, mean, _ in answer] == pytest.approx([best[study, cell].dev_auc for study, cell, *_ in answer])


def test_a_group_by_is_that_of_pandas() -> None:
    results = load_results(TWO_STUDIES)
    answer = results.sql("SELECT study, method, imbalance_ratio, avg(test_auc) AS test_auc FROM trials GROUP BY ALL")
    keys = ["study", "method", "imbalance_ratio"]
    expected = results.trials.groupby(keys)["test_auc"].mean()
    pd.testing.assert_series_equal(answer.set_index(keys)["test_auc"].sort_index(), expected, check_index_type=False)


@pytest.mark.slow
@pytest.mark.parametrize("table", SCHEMAS)
def test_a_table_has_the_columns_and_rows_that_are_stored(ledger: Ledger, table: str) -> None:
    answer = run_sql([ledger.storage], f"SELECT * FROM {table}", lambda relation: relation.df())
    assert answer.columns.tolist() == SCHEMAS[table].names
    assert len(answer) == len(getattr(load_results(ledger.storage), table))


def test_studies_are_what_their_files_say(ledger: Ledger) -> None:
    [(study, folder, methods, seed, model, spec)] = rows(
        ledger.storage,
        "SELECT study, folder, methods, seed, model, spec ->> '$.methods[1].zosa.sharpness_radius' FROM studies",
    )
    assert (study, folder, methods, seed, model, spec) == (
        "made",
        str(ledger.storage),
        ["spsa", "zosa"],
        7,
        None,
        "0.1",
    )
    ledger.storage.remove("study.yaml")
    with pytest.raises(ResultsError, match=r"study\.yaml is missing; put it back"):
        rows(ledger.storage, "SELECT * FROM studies")
    assert len(rows(ledger.storage, "SELECT * FROM trials")) == 4


def test_every_column_has_a_meaning() -> None:
    assert all(meaning(field) for schema in TABLES.values() for field in schema)


def test_only_finished_trials_are_there(ledger: Ledger) -> None:
    (ledger.storage / "trials").remove("zosa-ratio10-confirm-0001.parquet")
    for table in ("trials", "history", "scores", "landscape"):
        assert rows(ledger.storage, f"SELECT count(DISTINCT trial) FROM {table}") == [(3,)]


def test_a_merged_study_answers_as_before_and_so_does_one_that_went_on(
    ledger: Ledger, make_outcome: Callable[..., Outcome]
) -> None:
    sql = "SELECT trial, status, step, history.queries FROM history JOIN trials USING (trial) ORDER BY ALL"
    before = rows(ledger.storage, sql)
    merge(ledger.storage)
    assert rows(ledger.storage, sql) == before
    ledger.record(make_outcome("zosa", number=1, status="failed", error="not finite"))
    ledger.record(make_outcome("zosa", number=2))
    after = rows(ledger.storage, sql)
    assert [row for row in after if not row[0].startswith("zosa")] == [r for r in before if not r[0].startswith("zosa")]
    assert [row[1] for row in after if row[0] == "zosa-ratio10-confirm-0001"] == ["failed"] * 3
    assert len(after) == 15


def test_rows_that_were_changed_by_hand_are_refused_where_the_statement_reads_them(ledger: Ledger) -> None:
    """Also if the file keeps its notes: the digest is that of the rows, not what the footer says of them."""
    merge(ledger.storage)
    path = Path(ledger.storage.path) / "history" / "merged.parquet"
    table = pq.read_table(path)
    column = table.column_names.index("loss")
    pq.write_table(table.set_column(column, table.schema.field(column), pc.add(table["loss"], 1.0)), path)
    with pytest.raises(ResultsError) as caught:
        rows(ledger.storage, "SELECT avg(loss) FROM history")
    assert caught.value.rule == "results must be whole"
    assert rows(ledger.storage, "SELECT count(*) > 0 AS history FROM trials") == [(True,)]


@pytest.mark.parametrize("after", ["table_files", "check_files"])
def test_who_asks_while_files_are_merged_misses_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    original = getattr(stored_tables, after)
    merged: list[bool] = []

    def called(*arguments: Any) -> Any:
        answer = original(*arguments)
        if not merged:
            merged.append(True)
            merge(ledger.storage)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(f"zostudy.results.sql.{after}", called)
        assert rows(ledger.storage, "SELECT count(*), count(DISTINCT trial) FROM history") == [(12, 4)]
    assert merged


def test_who_asks_while_a_grown_study_is_merged_gets_no_row_twice(
    ledger: Ledger, make_outcome: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The merged files are replaced by those that hold the new trial too, whose own files are still there."""
    merge(ledger.storage)
    ledger.record(make_outcome("zosa", number=2))
    answers: list[bool] = []

    def called(*arguments: Any) -> bool:
        answers.append(stored_tables.check_rows(*arguments))
        if len(answers) == 1:
            for table in stored_tables.TABLES_OF_A_TRIAL:
                write_table(read_table(ledger.storage, table), ledger.storage / table, MERGED)
        return answers[-1]

    with monkeypatch.context() as patch:
        patch.setattr("zostudy.results.sql.check_rows", called)
        assert rows(ledger.storage, "SELECT count(*), count(DISTINCT trial) FROM history") == [(15, 5)]
    assert answers == [True, False]


def test_several_studies_are_asked_at_once(ledger: Ledger, make_outcome: Callable[..., Outcome]) -> None:
    other = Ledger(Path(str(ledger.storage)).parent / "other")
    other.record(make_outcome(study="other"))
    merge(other.storage)
    answer = rows(Path(str(ledger.storage)).parent, "SELECT study, count(*) FROM history GROUP BY ALL ORDER BY ALL")
    assert answer == [("made", 12), ("other", 3)]


def test_a_study_that_is_there_twice_is_refused_as_when_it_is_read(ledger: Ledger) -> None:
    tree = Path(str(ledger.storage)).parent
    shutil.copytree(tree / "made", tree / "a copy")
    for table in TABLES:
        with pytest.raises(ResultsError, match=r"of made is in .*a copy and in .*made; give one") as caught:
            rows(tree, f"SELECT count(*) FROM {table}")
    with pytest.raises(ResultsError) as read:
        load_results(tree)
    assert str(read.value) == str(caught.value)
    shutil.copy(tree / "made/trials/spsa-ratio10-confirm-0000.parquet", tree / "made/trials/copy.parquet")
    with pytest.raises(ResultsError, match=r"is in .*made twice; move the copy away"):
        rows(tree / "made", "SELECT count(*) FROM trials")


def test_what_does_not_fit_into_memory_is_kept_on_disk_meanwhile(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "it's temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr("zostudy.results.duckdb_connection.MOST_MEMORY", "100MiB")
    grouped = "SELECT i % 2000000 AS key, sum(i) AS total FROM range(4000000) t(i) GROUP BY key"
    answer = rows(ledger.storage, f"SELECT count(*), sum(total) FROM ({grouped})")
    assert answer == [(2_000_000, sum(range(4_000_000)))]
    assert list(folder.iterdir()) == []


STATEMENTS = [
    "UPDATE EXTENSIONS",
    "-- nothing",
    "VACUUM",
    "ANALYZE",
    "CALL pragma_version()",
    "PREPARE a AS SELECT 1",
    "EXECUTE a",
    "BEGIN",
    "USE x",
    "SELECT 1; SELECT 2",
    "COPY trials TO '{folder}/out.csv'",
    "COPY (SELECT 1) TO '{folder}/made/trials/out.parquet'",
    "EXPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/out.db'",
    "CREATE TABLE mine AS SELECT 1",
    "INSERT INTO trials SELECT * FROM trials",
    "DROP VIEW trials",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "PRAGMA enable_profiling",
    "CHECKPOINT",
    "SELECT 1; COPY (SELECT 1) TO '{folder}/out.csv'",
    "EXPLAIN ANALYZE CREATE TABLE mine AS SELECT 1",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/out.csv'",
    "EXPLAIN (ANALYZE, FORMAT json) INSERT INTO trials SELECT * FROM trials",
    "-- a note\nEXPLAIN /* another */ ANALYZE DROP VIEW trials",
    "PIVOT trials ON method USING avg(test_auc)",
    "",
]


@pytest.mark.slow
@pytest.mark.parametrize("sql", STATEMENTS)
def test_nothing_but_a_query_is_taken(ledger: Ledger, tmp_path: Path, sql: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ResultsError, match=r"^a query must be one SELECT, but got .*; results are only read"):
        rows(ledger.storage, sql.format(folder=tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql", ["SELECT '\udcff'", "SELECT 1\0", "\ud83d", "SELECT (" + "(" * 3000, "SELECT $1", "SELEC"]
)
def test_what_is_no_text_or_no_sql_is_refused(ledger: Ledger, sql: str) -> None:
    with pytest.raises(ResultsError, match=r"^(a query must be UTF-8 text, but its character \d|the query failed: )"):
        rows(ledger.storage, sql)


DUCKDB = int(duckdb.__version__.partition(".")[0])
SPILLING = (
    "SELECT max(len(found)) FROM (SELECT i % 2000000 AS key, list(i) AS found FROM range(4000000) t(i) GROUP BY key)"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sql", "limits", "told"),
    [
        (
            SPILLING,
            Limits(spill=1_000_000),
            # DuckDB 1 first reports the memory that it may not move to disk
            r"no more than 1,000,000 bytes on disk in .*; ask for less" if DUCKDB >= 2 else "may hold 100MiB in memory",
        ),
        ("SELECT list(i) FROM range(90000000) t(i)", Limits(spill=0), "a query may (hold|keep no more than) "),
        (
            "SELECT count(*) FROM range(100000000000) t(i) WHERE sin(i) > 2",
            Limits(seconds=0.5),
            "within 0.5 seconds, but",
        ),
    ],
)
def test_a_query_that_goes_too_far_is_stopped(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, limits: Limits, told: str
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr("zostudy.results.duckdb_connection.MOST_MEMORY", "100MiB")
    with pytest.raises(ResultsError, match=told) as caught:
        run_sql([ledger.storage], sql, lambda answer: answer.fetchall(), limits)
    assert "\n" not in str(caught.value)
    assert list(folder.iterdir()) == []


def test_an_answer_that_finds_no_room_is_not_the_statement_s_fault(ledger: Ledger) -> None:
    def write(answer: duckdb.DuckDBPyConnection) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    told = r"^a query must read .* and write its answer, but it cannot \(No space left on device\); free the space"
    with pytest.raises(ResultsError, match=told):
        run_sql([ledger.storage], "SELECT 1", write)


@pytest.mark.parametrize(("text", "size"), [("5", 5), ("1KiB", 1024), ("1.5 kb", 1500), ("20GiB", 20 << 30), ("0", 0)])
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "many", "1 GiBs", "1e3", "nan", "9" * 40, "999999999999999TB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ResultsError, match="must be a size such as"):
        parse_size(text)


def test_a_pivot_whose_values_are_named_is_a_query_and_the_refusal_of_another_says_so(ledger: Ledger) -> None:
    with pytest.raises(ResultsError) as caught:
        rows(ledger.storage, "PIVOT trials ON method USING avg(test_auc) GROUP BY number")
    _, _, example = str(caught.value).partition("name its values: ")
    [answer] = rows(ledger.storage, f"{example} GROUP BY stage")
    assert answer == ("confirm", pytest.approx(0.55), pytest.approx(0.55))


@pytest.mark.parametrize(
    "sql",
    ["SHOW TABLES", "SELECT name FROM (SHOW ALL TABLES)", "SELECT table_name FROM information_schema.tables"],
)
def test_who_asks_which_tables_there_are_is_answered(ledger: Ledger, sql: str) -> None:
    assert sorted(rows(ledger.storage, sql)) == sorted((table,) for table in TABLES)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """One for all examples: each costs more than they do."""
    with duckdb.connect(":memory:") as connection:
        yield connection


@given(names=st.lists(st.sampled_from(["a", "A", "a_1", "A_2", "b"]), min_size=1, max_size=6))
def test_columns_of_equal_names_are_told_apart_as_duckdb_does(
    connection: duckdb.DuckDBPyConnection, names: list[str]
) -> None:
    answer = connection.execute(f"SELECT {', '.join(f'1 AS {name}' for name in names)}")
    assert column_names(answer) == answer.df().columns.tolist()


READS = [
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM glob('{folder}/*')",
    "FROM sniff_csv('{secret}')",
    "SELECT * FROM parquet_metadata('{folder}/made/trials/zosa-ratio10-confirm-0000.parquet')",
    "SELECT * FROM read_parquet('s3://bucket/file.parquet')",
    "SELECT * FROM read_csv('https://localhost/file.csv')",
    "SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')",
    "SELECT * FROM secret_frame",
    "SELECT getenv('HOME')",
]


@pytest.mark.slow
@pytest.mark.parametrize("sql", READS)
def test_nothing_but_the_results_is_read(ledger: Ledger, tmp_path: Path, sql: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("password\nhunter2\n")
    secret_frame = pd.DataFrame({"password": ["hunter2"]})  # noqa: F841  (DuckDB finds local variables, if it may)
    with pytest.raises(ResultsError) as caught:
        rows(ledger.storage, sql.format(folder=tmp_path, secret=secret))
    assert str(caught.value).startswith(
        ("the query failed: ", "a query must name tables of the results, but there is no ")
    )
    assert "hunter2" not in str(caught.value)


def test_forms_of_select_and_explain_are_queries(ledger: Ledger) -> None:
    for sql in (
        "FROM trials",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "EXPLAIN SELECT * FROM trials",
        "EXPLAIN ANALYZE SELECT * FROM trials",
        "EXPLAIN (FORMAT json) SELECT * FROM trials",
        "EXPLAIN (SELECT 1)",
        "DESCRIBE trials",
        "DESCRIBE",
    ):
        assert rows(ledger.storage, sql)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "SELECT dev_acu FROM history",
            "a query must name columns of its tables, but there is no dev_acu in history; did you mean dev_auc?",
        ),
        (
            "SELECT h.colour FROM history h",
            "a query must name columns of its tables, but there is no colour in history; zostudy query without SQL "
            "lists the columns",
        ),
        (
            "SELECT * FROM trial",
            "a query must name tables of the results, but there is no trial; did you mean trials?",
        ),
        (
            "SELECT * FROM nothing",
            "a query must name tables of the results, but there is no nothing; the tables are studies, trials, "
            "history, scores, landscape, noise_floor, agreement",
        ),
        (
            "SELECT avrg(loss) FROM history",
            "the query failed: Catalog Error: Scalar Function with name avrg does not exist; mend the statement",
        ),
    ],
)
def test_a_wrong_query_is_refused_in_one_line(ledger: Ledger, sql: str, said: str) -> None:
    with pytest.raises(ResultsError) as caught:
        rows(ledger.storage, sql)
    assert str(caught.value) == said


def test_a_file_of_something_else_is_one_clear_line(ledger: Ledger) -> None:
    (Path(str(ledger.storage)) / "history" / "zosa-ratio10-confirm-0000.parquet").write_bytes(b"no Parquet")
    with pytest.raises(ResultsError, match=r"confirm-0000\.parquet cannot be read") as caught:
        rows(ledger.storage, "SELECT * FROM history")
    assert "\n" not in str(caught.value)


def test_the_answer_outlives_its_connection(ledger: Ledger) -> None:
    answer = load_results(ledger.storage).sql("SELECT started_at, params, latent FROM trials")
    assert isinstance(answer, pd.DataFrame)
    assert str(answer["started_at"].dt.tz) == "UTC"
    assert duckdb.connect(":memory:").sql("SELECT count(*) FROM answer").fetchall() == [(4,)]
