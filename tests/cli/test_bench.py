"""``zostudy bench``: what it prints, what it refuses, and that a wrong score is no success."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

import zostudy.lm.sources
from zostudy.bench import evaluator, timing
from zostudy.bench.report import (
    Machine,
    MemoryUse,
    ModelSpeed,
    PoolSpeed,
    QuerySpeed,
    Report,
    ScaleEfficiency,
    SearchGrowth,
    Speed,
    StudyOverhead,
)
from zostudy.cli.bench_tables import report_tables
from zostudy.lm.sources import MINILM_PACKAGE
from zostudy.results.table_formats import plain

QUICK = ("--only", "evaluator", "--models", "mini-roberta", "--rounds", 1, "--threads", 1)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(evaluator, "MATRIX_SECONDS", 0.0)
    monkeypatch.setattr(evaluator, "MATRIX_SHAPE", (64, 64, 64))


@pytest.mark.slow
def test_a_run_prints_and_writes_the_same_report(call: Any, quick: None, tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    called = call("bench", *QUICK, "--format", "json", "--output", output)
    assert called.code == 0, called.err
    report = TypeAdapter(Report).validate_json(called.out)
    assert TypeAdapter(Report).validate_json(output.read_text()) == report
    assert report.machine.threads == 1
    assert (report.pool, report.scale, report.memory) == ((), (), ())
    assert report.study is None
    [model] = report.evaluator
    assert (model.model, model.queries, model.batch, model.prompt_tokens) == ("mini-roberta", 16, 32, 10)
    reference, careful, *own = model.speeds
    assert [speed.evaluator for speed in model.speeds] == ["reference", "careful", "float32", "bfloat16"]
    assert reference.ratio == 1
    assert reference.difference == 0
    assert careful.flops is None
    assert careful.ratio == pytest.approx(reference.seconds / careful.seconds)
    assert own[0].difference <= 1e-4 < own[1].difference
    for speed in own:
        assert speed.flops is not None
        assert speed.flops_per_second is not None
        assert speed.matrix_flops_per_second is not None
        assert speed.ratio == pytest.approx(reference.seconds / speed.seconds)
        assert speed.flops_per_second == pytest.approx(speed.flops / speed.seconds)
        assert speed.share_of_matrix_rate == pytest.approx(speed.flops_per_second / speed.matrix_flops_per_second)
        query_tokens = model.batch * (model.mean_tokens + model.prompt_tokens)
        assert speed.tokens_per_second == pytest.approx(query_tokens / speed.seconds)
    assert "evaluator, mini-roberta: round 1 of 1" in called.err


@pytest.mark.slow
def test_own_texts_are_scored(call: Any, quick: None, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("\n".join(json.dumps({"line": "good " * length}) for length in range(1, 33)))
    called = call("bench", *QUICK, "--texts", file, "--column", "line", "--format", "json")
    assert called.code == 0, called.err
    report = TypeAdapter(Report).validate_json(called.out)
    assert report.texts == "mine.jsonl"
    [model] = report.evaluator
    assert model.most_tokens - model.mean_tokens == pytest.approx(15.5)  # of 1 to 32 times the same word


@pytest.mark.slow
def test_scores_that_disagree_end_in_failure(call: Any, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "AGREEMENT", 1e-9)
    called = call("bench", *QUICK)
    assert called.code == 1
    assert "mini-roberta" in called.out
    assert called.err.splitlines()[-1].startswith("error: mini-roberta: float32 scores must agree")


def test_minilm_is_left_out_where_it_is_not_installed(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zostudy.lm.sources, "MINILM_PACKAGE", f"no_{MINILM_PACKAGE}")
    called = call("bench", "--only", "evaluator", "--models", "minilm")
    assert called.code == 0, called.err
    assert "pip install 'zostudy[minilm]'" in called.out


MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "section": (["--only", "evaluator,pol"], ["--only takes evaluator, pool", "'pol'", "did you mean pool?"]),
    "model": (["--models", "roberta-lagre"], ["--models takes", "did you mean roberta-large?"]),
    "texts": (["--texts", "none.csv"], ["--texts must name a file", "none.csv"]),
    "output": (["--output", "nowhere/bench.json"], ["--output: must be a file", "nowhere"]),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(call: Any, arguments: list[str], words: list[str]) -> None:
    called = call("bench", *arguments)
    assert called.code == 2
    assert called.out == ""
    *progress, line = called.err.splitlines()
    assert len(progress) <= 1
    assert line.startswith("error: ")
    assert [word for word in words if word not in line] == []


def test_a_gpu_that_is_not_there_is_told(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    called = call("bench", "--device", "cuda")
    assert called.code == 2
    assert called.err.splitlines()[-1].endswith("use --device cpu")


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--threads", "0"], ["--device", "tpu"]])
def test_a_wrong_value_says_how_to_see_the_use(call: Any, arguments: list[str]) -> None:
    called = call("bench", *arguments)
    assert called.code == 2
    assert called.err.startswith(f"error: invalid value for '{arguments[0]}': ")
    assert called.err.endswith(("; zostudy bench --help shows what can be given\n", "; did you mean cpu?\n"))


def test_help_loads_no_torch() -> None:
    code = "import sys; from zostudy.cli import main\ntry: main()\nexcept SystemExit: print('torch' in sys.modules)"
    called = subprocess.run([sys.executable, "-c", code, "bench", "--help"], capture_output=True, text=True, check=True)
    assert "--models" in called.stdout
    assert called.stdout.splitlines()[-1] == "False"


def test_a_report_stands_in_tables() -> None:
    speeds = (
        Speed("reference", 2.0, 1.9, 2.25, 0.5, 1.0, 488.4, 0.0),
        Speed("bfloat16", 0.125, 0.12, 0.13, 8.0, 16.0, 7812.0, 2e-2, 1e9, 8e9, 1.6e10, 0.5),
    )
    report = Report(
        machine=Machine("Some Chip", 2, None, 1, None, "Linux x86_64", {"torch": "2.13"}),
        texts="some.csv",
        evaluator=(ModelSpeed("roberta-large", "random", 355_000_000, 50, 1, 32, 20.5, 31, 2**33, speeds),),
        pool=(
            PoolSpeed("minilm", 0, 1, 512, 0.8, 0.8, None, 20.0, 1.0, 1.0625),
            PoolSpeed("minilm", 1, 16, 32, 0.05, 0.85, 0.012, 18.82, 0.941, 1.0),
        ),
        scale=(ScaleEfficiency(64, 0.05, 512, 0.4301, 0.93, 0.2),),
        memory=(
            MemoryUse("roberta-large", 4, 1_420_000_000, 7 * 10**9, 3 * 10**9, 6 * 10**9, 10**9, 25 * 10**8, 1.25),
        ),
        study=StudyOverhead(1_000, 8, 8, 10, 120.0, 4.0, 0.116, 4 * 10**8, 5 * 10**8, 6 * 10**8),
        growth=(SearchGrowth(1_000, 0.012, 0.0345, 1_031.54),),
        query=(QuerySpeed(40, 40, 4_000_000, 0.0512, 0.08),),
        notes=("Some Chip has no unit.",),
    )
    shown = "\n".join(map(plain, report_tables(report)))
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    for expected in (
        "processor Some Chip, 2 cores",
        "bfloat16 unit none",
        "Some Chip has no unit.",
        "roberta-large random 355M 1 x 32 20.5 (31) 50 8.59 GB",
        "roberta-large reference 2 (1.9-2.25) 0.5 1.00 488 - - -",
        "roberta-large bfloat16 0.125 (0.12-0.13) 8 16.00 7,812 8 50% 2.0e-02",
        "bare evaluator 1 0.800 0.800 - 20.0 1.000 -",
        "1 replica behind Ray 16 0.050 0.850 0.012 18.8 0.941 1.000",
        "64 512 0.430 0.200 0.930",
        "memory: roberta-large, weights of 1.42 GB",
        "1,000 8 8 120.0 0.116 400 MB 500 MB 600 MB",
        "1,000 0.0120 0.0345 1,031.5",
        "40 40 4,000,000 0.051 0.080 1.56",
        "4 7.00 GB 3.00 GB 6.00 GB 1.00 GB 2.50 GB 1.25",
    ):
        assert expected in lines


def test_sections_that_were_not_measured_have_no_table() -> None:
    machine = Machine("Some Chip", 2, "Some GPU", 1, "amx_bf16", "Linux x86_64", {})
    [table] = report_tables(Report(machine, "reviews"))
    assert ("accelerator", "Some GPU") in table.rows
