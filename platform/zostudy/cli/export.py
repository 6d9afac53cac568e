"""``zostudy export``: take a trial's tuned prompt away."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import Annotated

import typer

from zostudy.cli.paths import local_path
from zostudy.cli.study_notes import print_study_notes
from zostudy.printing import print_lines

_log = logging.getLogger(__name__)

TrustOption = Annotated[
    bool,
    typer.Option("--trust-remote-code", help="Run Python files that come with the model, with all your rights."),
]


def export_command(
    results: Annotated[str, typer.Argument(metavar="DIR", help="The study's results: a folder or a URI.")],
    trial: Annotated[
        str,
        typer.Argument(
            metavar="TRIAL", help="A confirm trial; or a cell, or best: its, or the study's, one with the best dev AUC."
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(
            "--to", metavar="OUT", parser=local_path, help="A new folder, or an earlier export, which is replaced."
        ),
    ],
    trust_remote_code: TrustOption = False,
) -> None:
    """Export a tuned prompt: a PEFT adapter, its vectors, and a model card."""
    from zostudy.export.folder import check_free
    from zostudy.export.trials import load_study_results

    check_free(to)
    chosen = load_study_results(results).trial(trial)
    chosen.check_confirmed()
    print_study_notes([results])
    if chosen.name != trial:
        _log.info("%s: %s", trial, chosen.summary)
    _log.info("loading %s", chosen.study.spec.model.name)
    from zostudy.export.exporting import export_trial

    exported = export_trial(chosen, to, trust_remote_code)
    manifest = exported.manifest
    if exported.note:
        _log.info("note: %s", exported.note)
    print_lines(f"exported: {manifest.trial} to {to}")
    print_lines(f"card:     {to / 'README.md'}")
    print_lines(f"use:      zostudy predict {shlex.quote(str(to))} FILE")
