"""``zostudy bench``: how fast this machine scores prompts, beside the way it is done by default elsewhere."""

from __future__ import annotations

import logging
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zostudy.cli.formats import Format, show
from zostudy.cli.parameters import Device, local_path
from zostudy.console.log import show_log
from zostudy.console.progress import progress
from zostudy.errors import ResultsError
from zostudy.printing import print_text

_log = logging.getLogger(__name__)

DISAGREES = 1


class ReportFormat(StrEnum):
    """How a report is printed; its tables differ too much for one CSV."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


def bench_command(
    only: Annotated[
        str, typer.Option(metavar="SECTIONS", help="The parts to measure, separated by commas.")
    ] = "evaluator,pool,scale,memory,study",
    models: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Models, separated by commas: roberta-large, gpt2-medium, llama-1b, gpt2-xl (true size, random "
            "weights), llama-8b-quarter (8 of 32 layers), minilm, mini-roberta, mini-gpt2, mini-llama. Without it all, "
            "but gpt2-xl only with --large, and llama-8b-quarter only by name.",
            show_default=False,
        ),
    ] = "",
    large: Annotated[bool, typer.Option("--large", help="Measure gpt2-xl too; takes 20 GB of memory.")] = False,
    texts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", parser=local_path, help="Texts (CSV, TSV, JSON, Parquet); without it, the task reviews."
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="The column of FILE that holds the texts.")] = "text",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the evaluator part.", show_default="torch's own number")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each contender is timed, in turn.")] = 3,
    trials: Annotated[int, typer.Option(min=1, help="Trials of the study part, whose scorer is a fake.")] = 104,
    device: Annotated[Device, typer.Option(help="Where to compute the evaluator part.")] = Device.CPU,
    format: Annotated[ReportFormat, typer.Option(help="How to print the report.")] = ReportFormat.TABLE,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", parser=local_path, help="Write the report to this file too, as JSON.", show_default=False
        ),
    ] = None,
) -> None:
    """Measure this machine: evaluator, pool, scale, memory and driver, beside a plain loop over prompts."""
    if output is not None:
        _check_writable(output)
    show_log().show_elapsed_time()
    with progress("measuring this machine"):
        _log.info("loading torch and transformers")
        from zostudy.bench.evaluator import disagreement
        from zostudy.bench.run import BenchPlan, run_bench
        from zostudy.cli.bench_tables import report_tables

        plan = BenchPlan(_names(only), _names(models), large, texts, column, threads, rounds, trials, device.value)
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


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _check_writable(output: Path) -> None:
    """Refuses a file that could not be written, before the minutes of measuring."""
    if output.is_dir() or not os.access(output.parent, os.W_OK):
        rule = "must be a file in a folder that can be written"
        raise ResultsError(rule, got=f"it is {output}", remedy="mend the path", about="--output")
