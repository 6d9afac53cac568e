from __future__ import annotations

import json
import socket

from pydantic import TypeAdapter

from zostudy.bench.machine import describe_machine
from zostudy.bench.report import (
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

REPORT = Report(
    machine=describe_machine("cpu", 3),
    texts="some.csv",
    evaluator=(
        ModelSpeed(
            model="mini-gpt2",
            weights="trained",
            parameters=123,
            prompt_tokens=10,
            queries=16,
            batch=32,
            mean_tokens=20.5,
            most_tokens=31,
            peak_bytes=2**33,
            speeds=(
                Speed("reference", 2.0, 1.9, 2.2, 0.5, 1.0, 488.0, 0.0),
                Speed("float32", 0.1, 0.1, 0.3, 10.0, 20.0, 9760.0, 3e-6, 1e9, 1e10, 4e10, 0.25),
            ),
        ),
    ),
    pool=(PoolSpeed("mini-gpt2", 0, 1, 512, 0.5, 0.5, None, 32.0, 1.0, 1.1),),
    scale=(ScaleEfficiency(1, 0.05, 8, 0.41, 0.97, 0.01),),
    memory=(MemoryUse("mini-gpt2", 1, 10, 300, 250, 100, 200, 300, 1.0),),
    study=StudyOverhead(104, 8, 8, 10, 20.0, 0.5, 0.1875, 10**8, 2 * 10**8, 3 * 10**8),
    growth=(SearchGrowth(1_000, 0.012, 0.034, 31.5),),
    query=(QuerySpeed(1, 40, 4_000_000, 0.05, 0.075),),
    notes=("one note",),
)


def test_a_report_goes_to_json_and_back() -> None:
    assert TypeAdapter(Report).validate_json(REPORT.to_json()) == REPORT
    assert json.loads(REPORT.to_json())["evaluator"][0]["speeds"][1]["share_of_matrix_rate"] == 0.25


def test_a_machine_is_told_by_its_parts_and_not_by_its_name() -> None:
    machine = describe_machine("cpu", 3)
    assert machine.threads == 3
    assert machine.accelerator is None
    assert {"python", "torch", "transformers", "ray", "numpy"} == set(machine.versions)
    assert socket.gethostname() not in REPORT.to_json()
