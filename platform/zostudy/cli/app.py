"""``zostudy``: gathers the verbs, and turns each mistake of a user into one line, and exit code 2."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from zostudy.cli.bench import bench_command
from zostudy.cli.catalogue import methods_command, models_command, tasks_command
from zostudy.cli.compare import compare_command
from zostudy.cli.export import export_command
from zostudy.cli.faults import machine_fault
from zostudy.cli.flags import flagged
from zostudy.cli.jobs import jobs_command
from zostudy.cli.keys import keys_command
from zostudy.cli.logs import logs_command
from zostudy.cli.predict import predict_command
from zostudy.cli.query import query_command
from zostudy.cli.report import report_command
from zostudy.cli.run import run_command
from zostudy.cli.stop import stop_command
from zostudy.cli.streams import OutputError, finish_streams, prepare_streams, silence_output
from zostudy.cli.submit import submit_command
from zostudy.cli.tokens import tokens_command
from zostudy.cli.usage import UsageError, usage_line
from zostudy.console.deleted_folder import leave_deleted_folder
from zostudy.console.log import show_log
from zostudy.errors import LostRayError, ZostudyError
from zostudy.printing import print_lines

_log = logging.getLogger(__name__)

BAD_INPUT = 2

app = typer.Typer(
    add_completion=False,
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
        bool, typer.Option("--version", help="Print the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Takes what stands before the verb."""


app.command("run")(run_command)
app.command("submit")(submit_command)
app.command("jobs")(jobs_command)
app.command("logs")(logs_command)
app.command("stop")(stop_command)
app.command("compare")(compare_command)
app.command("query")(query_command)
app.command("report")(report_command)
app.command("export")(export_command)
app.command("predict")(predict_command)
app.command("tokens")(tokens_command)
app.command("bench")(bench_command)
app.command("keys")(keys_command)
app.command("methods")(methods_command)
app.command("tasks")(tasks_command)
app.command("models")(models_command)


def main() -> None:
    """Runs the command line.

    Exit codes: 0 done; 1 the study ran and something failed; 2 bad input; 130 interrupted.
    """
    show_log()
    try:
        prepare_streams()
        leave_deleted_folder()
        try:
            code = app(sys.argv[1:] or ["--help"], prog_name="zostudy", standalone_mode=False)
        finally:
            finish_streams()
    except LostRayError as error:
        _log.error("%s", _flagged(str(error)))
        os._exit(error.exit_code)  # a normal exit waits half a minute for the dead Ray
    except ZostudyError as error:
        if isinstance(error, OutputError):
            silence_output()
        for line in error.lines:
            _log.error("%s", _flagged(line))
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


def _flagged(line: str) -> str:
    return flagged(line, app, sys.argv[1] if len(sys.argv) > 1 else "")
