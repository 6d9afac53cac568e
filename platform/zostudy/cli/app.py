"""``zostudy``: gathers the verbs, and turns each mistake of a user into one line and exit code 2."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from zostudy.cli.bench import bench_command, doctor_command
from zostudy.cli.catalogue import keys_command, methods_command, models_command, tasks_command
from zostudy.cli.compare import compare_command
from zostudy.cli.export import export_command, tokens_command
from zostudy.cli.guide import guide_command
from zostudy.cli.jobs import jobs_command, logs_command, stop_command, submit_command
from zostudy.cli.messages import UsageError, flagged, machine_fault, set_verb, usage_line
from zostudy.cli.own_data import init_command, inspect_command
from zostudy.cli.predict import predict_command
from zostudy.cli.query import query_command
from zostudy.cli.report import report_command
from zostudy.cli.run import run_command, validate_command
from zostudy.cli.streams import OutputError, finish_streams, prepare_streams, silence_output
from zostudy.cli.studies import delete_command, diff_command, studies_command
from zostudy.cli.suite import suite_command
from zostudy.console.log import show_log
from zostudy.console.process_setup import check_docstrings, leave_deleted_folder
from zostudy.errors import LostRayError, ZostudyError
from zostudy.printing import print_lines

BAD_INPUT = 2

OBJECTS_BETWEEN_COLLECTIONS = 20_000
"""By default, Python walks the half million objects of imported libraries again and again, in vain."""

_log = logging.getLogger(__name__)

app = typer.Typer(
    pretty_exceptions_enable=False,
    help="Studies of zeroth-order prompt tuning for frozen language models on imbalanced text, on Ray.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        import zostudy

        print_lines(f"zostudy {zostudy.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Takes the options before the verb."""


VERBS: dict[str, tuple[Callable[..., None], list[str]]] = {
    "inspect": (inspect_command, ["tickets.csv", "tickets.csv --model mini-roberta"]),
    "init": (init_command, ["tickets.csv", "tickets.csv --label mood -o tickets.yaml"]),
    "validate": (validate_command, ["study.yaml", "quickstart --set search.trials=8"]),
    "run": (run_command, ["quickstart", "study.yaml --dry-run", "study.yaml --set search.trials=8"]),
    "suite": (suite_command, ["", "run --methods bpt-fzg,spsa"]),
    "submit": (submit_command, ["study.yaml --results s3://bucket/studies"]),
    "jobs": (jobs_command, ["--address http://10.0.0.1:8265"]),
    "logs": (logs_command, ["quickstart --follow"]),
    "stop": (stop_command, ["quickstart-20260131"]),
    "studies": (studies_command, ["results", "s3://bucket/studies --format csv"]),
    "compare": (compare_command, ["results/quickstart", "results/quickstart --metric test_mcc", "results --by study"]),
    "diff": (diff_command, ["results/first results/second"]),
    "query": (query_command, ["", "'SELECT cell, test_auc FROM trials'"]),
    "report": (report_command, ["results/quickstart", "results/first results/second --to both.html"]),
    "export": (export_command, ["results/quickstart best --to my-prompt"]),
    "predict": (predict_command, ["my-prompt tickets.csv --to labelled.csv"]),
    "tokens": (tokens_command, ["results/quickstart best --top 5"]),
    "delete": (delete_command, ["results/quickstart"]),
    "doctor": (doctor_command, ["", "--results /shared/studies"]),
    "bench": (bench_command, ["", "--only evaluator --models mini-roberta"]),
    "keys": (keys_command, ["", "search.trials", "learning_rate"]),
    "methods": (methods_command, ["", "zosa"]),
    "tasks": (tasks_command, ["", "--format csv"]),
    "models": (models_command, [""]),
    "guide": (guide_command, ["", "slurm"]),
}
"""Each verb's command, and the arguments of the examples that its help shows."""


def _epilog(verb: str, examples: list[str]) -> str:
    """Returns the last lines of a verb's help: its examples, one a line."""
    return "\n".join(["Examples:" if examples[1:] else "Example:", *(f"zostudy {verb} {e}".rstrip() for e in examples)])


for verb, (command, examples) in VERBS.items():
    app.command(verb, epilog=_epilog(verb, examples))(command)


def main() -> None:
    """Runs the command line.

    Exit codes: 0 done; 1 the study ran and something failed; 2 bad input; 130 interrupted, which typer answers with.
    """
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)  # else Python walks the objects of all libraries again and again while it ends
    set_verb(app, sys.argv[1] if len(sys.argv) > 1 else "")
    show_log(flagged)
    try:
        prepare_streams()
        check_docstrings()
        leave_deleted_folder()
        try:
            code = app(sys.argv[1:] or ["--help"], prog_name="zostudy", standalone_mode=False)
        finally:
            finish_streams()
    except ZostudyError as error:
        if isinstance(error, OutputError):
            silence_output()
        for line in error.lines:
            _log.error("%s", line)
        if isinstance(error, LostRayError):
            os._exit(error.exit_code)  # a normal exit waits half a minute for the dead Ray
        code = error.exit_code
    except UsageError as error:
        _log.error("%s", usage_line(error))
        code = BAD_INPUT
    except (ImportError, MemoryError, OSError) as error:
        if (fault := machine_fault(error)) is None:
            raise
        _log.error("%s", fault)
        code = BAD_INPUT
    sys.exit(code or 0)
