"""``zostudy run`` as a user meets it: what it prints, what it leaves, and its exit code."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import ray
import typer

from zostudy.config.loading import load_study
from zostudy.results.ledger import Ledger

DIVERGING = {"diverging": {"method": "spsa", "step_rule": "plain", "learning_rate": 1e38}}

OUR_LINES = re.compile(
    r"\S+: reading \S+, checking \S+|reading \S+|starting Ray|joining the Ray cluster|starting \d+ replicas?|"
    r"[\d,]+ rows: [\d,]+ used(, [\d,]+ of split '\w+')*|"
    r"class +label word +minority .*|\S+ +\S+ +(-|yes)( +[\d,]+)+|"
    r"[\d,]+ of [\d,]+ '\w+' rows are used \(minority_size\), [\d,]+ more as dev; all: [\d,]+|"
    r"evaluator: (packed|padded), agrees with transformers to \de-\d+( in bfloat16)?|"
    r"measuring the noise of a loss difference|"
    r"dtype: float32 \(bfloat16 would drown: signal/noise [\d.]+ at radius 0\.\d+ in \S+ at ratio 2\)|"
    r"dtype: (float32|bfloat16), signal/noise at least [\d,]+|"
    r"0/\d+ trials  trials start and evaluate their first prompts|"
    r"\d+/\d+ trials  [\d,]+ queries  [\d.,]+ queries/s  replicas \d+% busy  ETA (\?|[\d:]+(-[\d:]+)?)"
    r"(  best (mean|running) dev AUC [01]\.\d+ \(\S+\))?"
)

# What a run of the tiny study says of its data first.
OPENING = [
    "9,000 rows: 9,000 used",
    "class     label word  minority  train at ratio 2  dev at ratio 2  test",
    "negative  terrible    -                       12              12   500",
    "positive  great       yes                      6               6   500",
    "6 of 4,000 'positive' rows are used (minority_size), 6 more as dev; all: 4,000",
]


def trial_rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted((folder / "trials").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


@pytest.mark.slow
def test_a_finished_study_shows_its_comparison_again_and_starts_nothing(
    call: Any, finished_study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = finished_study("done")
    monkeypatch.setattr(ray, "init", None)
    called = call("run", finished.study, "--results", finished.folder.parent)
    assert called.code == 0
    assert called.err.splitlines() == ["done: reading reviews, checking mini-roberta", *OPENING]
    assert called.out.endswith(f"\nresults: {finished.folder} (6 trials)\nagain:   zostudy compare {finished.folder}\n")
    table = called.out.rpartition("\n\nresults:")[0]
    assert table == call("compare", finished.folder).out.rstrip("\n")
    assert [line.split()[0] for line in table.splitlines()[:4]] == ["test_auc", "method", "untuned", "spsa"]


def test_an_unknown_tracker_is_refused_before_anything_is_read(call: Any) -> None:
    called = call("run", "quickstart", "--track", "tensorbord")
    assert (called.code, called.out) == (2, "")
    assert called.err == "error: --track: must be a known tracker, but got tensorbord; did you mean tensorboard?\n"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_failed_trial_is_named_and_gives_exit_code_1(call: Any, finished_study: Any) -> None:
    finished = finished_study("partly", methods=["untuned", DIVERGING])
    called = call("run", finished.study, "--results", finished.folder.parent)
    assert called.code == 1
    failed = [line for line in called.err.splitlines() if line.startswith("failed: ")]
    assert [line.split()[1] for line in failed] == ["diverging-r2-search-000:", "diverging-r2-search-001:"]
    assert all("lower reach or the learning rates" in line for line in failed)
    assert "untuned" in called.out
    assert f"results: {finished.folder} (4 trials)" in called.out


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_failed_trial_is_told_where_nobody_reads_the_tables(
    call: Any, finished_study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*records: Any, **options: Any) -> None:
        raise typer.Exit

    monkeypatch.setattr("zostudy.cli.run.show", gone)
    finished = finished_study("partly-unread", methods=["untuned", DIVERGING])
    called = call("run", finished.study, "--results", finished.folder.parent)
    assert (called.code, called.out) == (1, "")
    assert "failed: diverging-r2-search-000: " in called.err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_study_that_failed_as_a_whole_has_no_table_but_says_why(call: Any, finished_study: Any) -> None:
    finished = finished_study("lost", methods=[DIVERGING])
    called = call("run", finished.study, "--results", finished.folder.parent)
    assert called.code == 1
    assert called.err.count("failed: ") == 2
    assert called.out.startswith(f"\nresults: {finished.folder} (2 trials)")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_confirm_trial_that_failed_is_left_out_of_the_means(call: Any, finished_study: Any) -> None:
    finished = finished_study("unsearched", methods=["untuned", DIVERGING], search=None)
    called = call("run", finished.study, "--results", finished.folder.parent)
    assert called.code == 1
    assert called.err.count("failed: ") == 2
    assert re.search(r"diverging +failed", called.out)


@pytest.mark.slow
def test_the_queries_that_early_stopping_saved_are_told(call: Any, finished_study: Any) -> None:
    search = {"trials": 8, "pruning": "asha", "space": {"reach": {"low": 0.01, "high": 3.0}}}
    budget = {"queries": 48, "batch_size": 8, "evaluations": 2}
    finished = finished_study("early", search=search, budget=budget, methods=["spsa"], seed=2)
    rows = trial_rows(finished.folder)
    pruned = [row for row in rows if row["status"] == "pruned"]
    assert {row["status"] for row in rows} == {"pruned", "complete"}
    assert {(row["stage"], row["queries"]) for row in pruned} == {("search", 30)}
    called = call("run", finished.study, "--results", finished.folder.parent)
    assert called.code == 0
    assert f"\npruned: {len(pruned)} of 8 search trials, {18 * len(pruned)} queries saved\n" in called.out
    assert "10 trials, at most 480 queries" in call("run", finished.study, "--dry-run").out
    without = call("run", finished.study, "--dry-run", "--set", "search.pruning=none")
    assert "10 trials, 480 queries" in without.out


def test_an_interrupted_run_says_what_is_kept(
    call: Any, write_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zostudy.search.run.complete_study", interrupted)
    monkeypatch.setattr("zostudy.search.running_fleet.MOST_BYTES", 0)  # so that Ray does not start meanwhile
    called = call("run", write_study(), "--results", tmp_path)
    assert called.code == 130
    assert called.err.splitlines()[-1] == (
        f"interrupted: 0 of 6 trials are kept in {tmp_path / 'tiny'}; run again to go on"
    )


@pytest.mark.slow
def test_a_study_of_which_nothing_has_finished_may_be_changed(
    call: Any, write_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zostudy.search.run.complete_study", interrupted)
    monkeypatch.setattr("zostudy.search.running_fleet.MOST_BYTES", 0)  # so that Ray does not start meanwhile
    study = write_study()
    assert call("run", study, "--results", tmp_path).code == 130
    assert call("run", study, "--results", tmp_path, "--set", "seed=1").code == 130
    assert load_study(tmp_path / "tiny" / "study.yaml").seed == 1


def test_a_ray_that_does_not_start_is_told_in_a_line(
    call: Any, write_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**_: object) -> None:
        raise Exception("The current node timed out\nduring startup.")

    monkeypatch.setattr(ray, "init", init)
    called = call("run", write_study(), "--results", tmp_path)
    assert called.code == 2
    again = "Ray did not start (The current node timed out during startup.), and is started again"
    *phases, line = (line for line in called.err.splitlines() if again not in line)
    assert called.err.count(again) == 2
    assert phases == ["tiny: reading reviews, checking mini-roberta"]
    assert [path.name for path in tmp_path.rglob("*")] == ["study.yaml"]
    assert line.startswith("error: ")
    assert "The current node timed out during startup." in line


@pytest.mark.slow
def test_a_dry_run_prints_the_plan_and_leaves_nothing(
    call: Any, finished_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = finished_study("planned", budget={"queries": 24, "batch_size": 8, "evaluations": 1})
    rows = trial_rows(finished.folder)
    monkeypatch.setattr(ray, "init", None)
    called = call("run", finished.study, "--results", tmp_path / "elsewhere", "--dry-run")
    assert called.code == 0
    assert not (tmp_path / "elsewhere").exists()
    heading, spsa, untuned = (line.split() for line in called.out.splitlines()[:3])
    assert heading == ["cell", "searched", "minority/majority", "dev", "test", "search", "confirm", "queries"]
    assert spsa[:3] == ["spsa-r2", "perturbation_radius", "6/12"]
    assert spsa[-3:] == ["2", "2", "96"]
    assert untuned[-3:] == ["0", "2", "0"]
    tables = re.findall(r"^(?:class|negative|positive) .*$", called.out, re.MULTILINE)
    assert tables[:3] == OPENING[1:4]
    assert tables[3].split(maxsplit=1) == ["class", "an example as the model reads it"]
    for line, word in zip(tables[4:], ("terrible", "great"), strict=True):
        assert re.fullmatch(rf"\w+ +\[prompt: \d+ vectors\] .* It was \[{word}\]\.", line)
    assert f"note: {OPENING[4]}\n" in called.out
    assert re.search(r"^spsa: 24 queries = \d+ steps? of \d+", called.out, re.MULTILINE)
    evaluated = sum(row["evaluation_examples"] for row in rows)
    assert f"2 cells, {len(rows)} trials, 96 queries (768 examples), {evaluated:,} examples to evaluate" in called.out
    assert sum(row["queries"] for row in rows) <= 96
    assert re.search(r"^about \d+:\d\d on 1 replica of this machine \(", called.out, re.MULTILINE)
    assert "\ndtype: auto is decided when the study runs, " in called.out
    fixed = call("run", finished.study, "--dry-run", "--set", "model.dtype=bfloat16", "--set", "resources.gpus=1")
    assert "\ndtype: bfloat16\n" in fixed.out
    assert re.search(
        r"^about \S+ on 1 replica without the GPUs, which a dry run does not use \(", fixed.out, re.MULTILINE
    )


@pytest.mark.ray
def test_a_run_that_is_interrupted_keeps_what_has_finished_and_goes_on(
    start: Any, call: Any, address: str, one_trial_at_a_time: None, write_study: Any, tmp_path: Path
) -> None:
    search = {"trials": 4, "space": {"reach": {"low": 0.01, "high": 1.0}}}
    study, results = write_study(search=search, confirm={"seeds": 2, "landscape": False}), tmp_path
    process = start("run", study, "--results", results)
    try:
        while not list(results.glob("tiny/trials/*.parquet")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    finally:
        process.kill()
    *progress, last = err.splitlines()
    kept = Ledger(results / "tiny").trials()
    assert process.returncode == 130, err
    assert out == ""
    assert last == f"interrupted: {len(kept)} of 8 trials are kept in {results / 'tiny'}; run again to go on"
    assert 1 <= len(kept) < 8
    assert [line for line in progress if not OUR_LINES.fullmatch(line)] == []

    ended = call("run", study, "--results", results, "--address", address)
    assert ended.code == 0, ended.err
    assert [line for line in ended.err.splitlines() if not OUR_LINES.fullmatch(line)] == []
    assert re.match(r"8/8 trials", ended.err.splitlines()[-1])
    assert f"results: {results / 'tiny'} (8 trials)" in ended.out
    rows = Ledger(results / "tiny").trials()
    assert len(rows) == 8
    assert [row for row in rows if row.trial in {old.trial for old in kept}] == kept


@pytest.mark.ray
def test_a_real_llama_on_real_sentences_runs_to_its_end(
    call: Any, address: str, one_trial_at_a_time: None, write_study: Any, tmp_path: Path, shared_dir: Path
) -> None:
    study = write_study(
        name="llama",
        model={"name": str(shared_dir / "models" / "tinystories-656k-llama"), "max_length": 200},
        task={
            "name": "sst2",
            "file": str(shared_dir / "data" / "sst2.parquet"),
            "template": "{text} It was {mask}",
            "label_words": ["bad", "good"],
            "minority": "positive",
            "truncate": True,
        },
        methods=["bpt-fzg"],
        budget={"queries": 12, "batch_size": 4, "evaluations": 1},
        search={"trials": 1, "space": {"perturbation_radius": {"low": 0.01, "high": 1.0, "log": True}}},
        confirm={"seeds": 1, "landscape": False},
    )
    called = call("run", study, "--results", tmp_path, "--address", address)
    assert called.code == 0, called.err
    assert [line for line in called.err.splitlines() if not OUR_LINES.fullmatch(line)] == []
    rows = trial_rows(tmp_path / "llama")
    assert len(rows) == 1 + 1
    assert all(row["status"] == "complete" for row in rows)
    assert all(0 < row["test_auc"] < 1 for row in rows if row["stage"] == "confirm")
    assert all((row["n_minority"], row["n_majority"]) == (6, 12) for row in rows)
