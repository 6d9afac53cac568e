"""``zostudy doctor | bench``: whether this machine can run studies, and how fast it scores prompts."""

from __future__ import annotations

import logging
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zostudy.cli.formats import Format, show
from zostudy.cli.messages import flagged
from zostudy.cli.parameters import Device, ResultsOption, local_path, names
from zostudy.console.log import show_log
from zostudy.console.progress import progress
from zostudy.errors import ResultsError
from zostudy.printing import print_lines, print_text

_log = logging.getLogger(__name__)

UNFIT = 1
DISAGREES = 1


def doctor_command(results: ResultsOption = "results") -> None:
    """Check this machine: packages, processor, memory, disk, Ray, token, hub, and a probe of a model."""
    with progress("loading torch and Ray"):
        from zostudy.bench.doctor import checks

    found_error = False
    for check in checks(results):
        remedy = f"; {check.remedy}" if check.remedy else ""
        print_lines(f"{check.level:<7}  {check.subject:<15}  {check.found}{remedy}")
        found_error |= check.level == "error"
    if found_error:
        raise typer.Exit(UNFIT)


class ReportFormat(StrEnum):
    """The format of the report. CSV is missing, because the tables have different columns."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


def bench_command(
    only: Annotated[
        str,
        typer.Option(
            metavar="SECTIONS",
            help="Sections, separated by commas. There are also growth (half an hour) and query (SQL over results).",
        ),
    ] = "evaluator,pool,scale,memory,study",
    models: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Models, separated by commas. With random weights: roberta-large, gpt2-medium, llama-1b, gpt2-xl "
            "(takes 20 GB of memory), llama-8b-quarter (8 of the 32 layers of Llama 8B). Trained: minilm, "
            "mini-roberta, mini-gpt2, mini-llama. Default: all except gpt2-xl and llama-8b-quarter.",
            show_default=False,
        ),
    ] = "",
    texts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", parser=local_path, help="Texts (CSV, TSV, JSON, Parquet). Default: the task reviews."
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="The column of FILE that holds the texts.")] = "text",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the evaluator section.", show_default="torch's own number")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each evaluator is timed, in turn.")] = 3,
    trials: Annotated[int, typer.Option(min=1, help="Trials of the study section, whose scorer is a fake.")] = 104,
    device: Annotated[Device, typer.Option(help="The device of the evaluator section.")] = Device.CPU,
    format: Annotated[ReportFormat, typer.Option(help="How to print the report.")] = ReportFormat.TABLE,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", parser=local_path, help="Write the report to this file too, as JSON.")
    ] = None,
) -> None:
    """Measure this machine: evaluator (against a plain transformers loop), pool, scale, memory, driver and SQL."""
    if output is not None:
        _check_writable(output)
    show_log(flagged).show_elapsed_time()
    with progress("measuring this machine"):
        _log.info("loading torch and transformers")
        from zostudy.bench.evaluator import disagreement
        from zostudy.bench.run import BenchPlan, run_bench
        from zostudy.cli.bench_tables import report_tables

        plan = BenchPlan(names(only), names(models), texts, column, threads, rounds, trials, device.value)
        report = run_bench(plan)
    if output is not None:
        output.write_text(report.to_json() + "\n", encoding="utf-8")
    if format is ReportFormat.JSON:
        print_text(f"{report.to_json()}\n")
    else:
        show([], Format(format.value), report_tables(report))
    failures = [line for line in map(disagreement, report.evaluator) if line]
    for line in failures:
        _log.error("%s", line)
    if failures:
        raise typer.Exit(DISAGREES)


def _check_writable(output: Path) -> None:
    """Refuses a file that cannot be written, before minutes are spent on measuring."""
    if output.is_dir() or not os.access(output.parent, os.W_OK):
        rule = "must be a file in a folder that can be written"
        raise ResultsError(rule, got=f"it is {output}", remedy="mend the path", about="--output")
