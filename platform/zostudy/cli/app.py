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

from zostudy.cli.bench import bench_command
from zostudy.cli.catalogue import keys_command, methods_command, models_command, tasks_command
from zostudy.cli.compare import compare_command
from zostudy.cli.doctor import doctor_command
from zostudy.cli.examples import epilog
from zostudy.cli.export import export_command, tokens_command
from zostudy.cli.guide import guide_command
from zostudy.cli.init import init_command
from zostudy.cli.inspect import inspect_command
from zostudy.cli.jobs import jobs_command, logs_command, stop_command, submit_command
from zostudy.cli.messages import UsageError, flagged, machine_fault, usage_line
from zostudy.cli.predict import predict_command
from zostudy.cli.query import query_command
from zostudy.cli.report import report_command
from zostudy.cli.run import run_command, validate_command
from zostudy.cli.streams import OutputError, finish_streams, prepare_streams, silence_output
from zostudy.cli.studies import delete_command, diff_command, studies_command
from zostudy.cli.suite import suite_command
from zostudy.console.deleted_folder import leave_deleted_folder
from zostudy.console.log import show_log
from zostudy.errors import LostRayError, ZostudyError
from zostudy.printing import print_lines

BAD_INPUT = 2

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


VERBS: dict[str, Callable[..., None]] = {
    "inspect": inspect_command,
    "init": init_command,
    "validate": validate_command,
    "run": run_command,
    "suite": suite_command,
    "submit": submit_command,
    "jobs": jobs_command,
    "logs": logs_command,
    "stop": stop_command,
    "studies": studies_command,
    "compare": compare_command,
    "diff": diff_command,
    "query": query_command,
    "report": report_command,
    "export": export_command,
    "predict": predict_command,
    "tokens": tokens_command,
    "delete": delete_command,
    "doctor": doctor_command,
    "bench": bench_command,
    "keys": keys_command,
    "methods": methods_command,
    "tasks": tasks_command,
    "models": models_command,
    "guide": guide_command,
}
for verb, command in VERBS.items():
    app.command(verb, epilog=epilog(verb))(command)


def main() -> None:
    """Runs the command line.

    Exit codes: 0 done; 1 the study ran and something failed; 2 bad input; 130 interrupted, which typer answers with.
    """
    atexit.register(gc.freeze)  # else Python walks the objects of all libraries again and again while it ends
    show_log()
    try:
        prepare_streams()
        leave_deleted_folder()
        try:
            code = app(sys.argv[1:] or ["--help"], prog_name="zostudy", standalone_mode=False)
        finally:
            finish_streams()
    except ZostudyError as error:
        if isinstance(error, OutputError):
            silence_output()
        for line in error.lines:
            _log.error("%s", flagged(line, app, sys.argv[1] if len(sys.argv) > 1 else ""))
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
