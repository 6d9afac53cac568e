"""A working directory that is gone, as a batch job's scratch folder may be."""

from __future__ import annotations

import logging
import os

_log = logging.getLogger(__name__)

NOWHERE = "/dev/fd"
"""A folder in which nothing can be made, so that a relative path leads nowhere instead of somewhere else."""


def leave_deleted_folder() -> None:
    """Goes on from a folder that exists, and says so: libraries, Ray among them, ask for the working directory."""
    try:
        os.getcwd()
    except FileNotFoundError:
        _log.info("the working directory is gone, so that only absolute paths lead anywhere")
        os.chdir(NOWHERE)
