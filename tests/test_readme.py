"""The README is short, and what it shows is real."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from zostudy.bench.report import Report
from zostudy.methods import method_names
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.results import load_results
from zostudy.results.table_formats import markdown

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "results" / "reference"
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "results" / "README.md").read_text(encoding="utf-8")

MOST_WORDS = 1800
FLATNESS = ("test_auc", "test_balanced_accuracy", "sharpness", "train_loss", "test_loss")
"""What is shown of the study flatness."""
SHOWN = RESULTS.replace("\\\n", "")
"""Each command is on one line."""


def section_command(heading: str) -> str:
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    (command,) = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    return str(command).strip()


def test_it_is_read_in_minutes() -> None:
    words = [word for word in README.split() if any(map(str.isalnum, word))]  # no lines of tables and drawings
    assert len(words) <= MOST_WORDS


@pytest.mark.parametrize("heading", ["Run", "Test"])
def test_a_set_up_command_is_one_line_that_makes_its_own_environment(heading: str) -> None:
    command = section_command(heading)
    assert "\n" not in command
    assert re.match(r"python3 -m venv \.venv && \.venv/bin/pip install (--no-compile )?-e ", command)


def test_the_run_command_runs_a_study_that_is_there() -> None:
    assert (ROOT / section_command("Run").split()[-1]).is_file()


def test_ci_runs_the_test_command_of_this_file() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    extraction = re.search(r"awk '(.*?)' README.md", script)
    assert extraction is not None
    found = subprocess.run(["awk", extraction[1], "README.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == section_command("Test")


def test_the_methods_are_counted() -> None:
    assert f"lists the {len(method_names())} methods" in README


def test_the_speeds_shown_are_those_of_the_reference_benchmark() -> None:
    guide = (ROOT / "platform" / "zostudy" / "guides" / "speed.md").read_text(encoding="utf-8")
    report = TypeAdapter(Report).validate_json((REFERENCE / "bench.json").read_text(encoding="utf-8"))
    shown = 0
    for model in report.evaluator:
        by_name = {speed.evaluator: speed for speed in model.speeds}
        reference, *others = (by_name[name] for name in ("reference", "careful", "float32", "bfloat16"))
        *_, bfloat16 = others
        share = bfloat16.share_of_matrix_rate
        assert share is not None
        ratios = " | ".join(f"{speed.ratio:.1f}x" for speed in others)
        row = f"| {model.model} | {reference.seconds:.3g} | {ratios} |"
        assert f"{row} {share:.0%} |" in guide
        shown += f"{row}\n" in README
    assert shown == len(re.findall(r"^\| .*x \|$", README, flags=re.MULTILINE))
    assert report.machine.processor in guide
    _, one, two = report.pool
    assert f"{two.over_one_replica:.2f} times one" in guide
    assert f"{one.over_bare:.2f} of the bare evaluator" in guide
    assert f"efficiency of {report.scale[-1].efficiency:.2f}" in guide
    assert f"{report.memory[-1].over_one_replica:.2f} times" in guide


@pytest.mark.parametrize("study", sorted(path.parent.name for path in REFERENCE.glob("*/study.yaml")))
def test_the_tables_of_a_reference_study_are_those_of_its_results(study: str) -> None:
    metrics = FLATNESS if study.startswith("flatness") else ()
    tables = comparison_tables(compare(load_results(REFERENCE / study), metrics))
    asked = "".join(f" --metric {metric}" for metric in metrics)
    remedy = f"zostudy compare results/reference/{study}{asked} --format markdown > results/reference/{study}.md"
    shown = (REFERENCE / f"{study}.md").read_text(encoding="utf-8")
    assert shown == "\n\n".join(map(markdown, tables)) + "\n", remedy
    assert f"](reference/{study}.md)" in RESULTS


def minutes(folder: Path) -> float:
    """Returns for how long a trial of a study ran, without the times between its runs."""
    trials = pd.read_parquet(folder / "trials", columns=["started_at", "finished_at"]).sort_values("started_at")
    started, finished = trials["started_at"], trials["finished_at"]
    earlier = finished.cummax().shift(fill_value=started.iloc[0])
    ran = finished.cummax() - np.maximum(started, earlier)
    return float(ran.dt.total_seconds().clip(lower=0).sum()) / 60


def test_the_minutes_are_those_of_the_trials() -> None:
    of_study: dict[str, list[float]] = {}
    shown = 0
    for row in re.findall(r"^\| .*\(reference/.*\|$", RESULTS, flags=re.MULTILINE):
        names = re.findall(r"\(reference/([\w-]+)\.md\)", row)
        folders = [[*(REFERENCE / name).iterdir()] if name == "suite" else [REFERENCE / name] for name in names]
        found = [sum(map(minutes, each)) for each in folders]
        assert row.endswith(f"| {', '.join(f'{each:.1f}' for each in found)} |"), (row, found)
        shown += len(names)
        for study in re.findall(r"\(\.\./studies/(\w+\.yaml)\)", row):
            of_study.setdefault(study, []).extend(found)
    assert shown == len([*REFERENCE.glob("*.md")])
    studies = (ROOT / "studies" / "README.md").read_text(encoding="utf-8")
    for study, found in of_study.items():
        span = " to ".join(dict.fromkeys(f"{each:.0f}" for each in (min(found), max(found))))
        assert re.search(rf"^\| \[{study}\].*\| {span}(,[\w ]+)? \|$", studies, flags=re.MULTILINE), (study, span)


def test_the_answer_shown_is_that_of_the_quickstart() -> None:
    (table,) = comparison_tables(compare(load_results(REFERENCE / "quickstart"), ["test_balanced_accuracy"]))
    assert markdown(table) in README


def test_the_recording_shows_the_numbers_of_the_quickstart() -> None:
    recording = (REFERENCE / "run.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    tables = (REFERENCE / "quickstart.md").read_text(encoding="utf-8")
    numbers = {*re.findall(r"\d\.\d{3} \(\d\.\d{3}, \d\.\d{3}\)", recording)}
    assert len(numbers) > 50
    assert numbers <= {*re.findall(r"\d\.\d{3} \(\d\.\d{3}, \d\.\d{3}\)", tables)}
    assert section_command("Run").rsplit("bin/")[-1] in recording
