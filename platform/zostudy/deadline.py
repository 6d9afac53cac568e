"""The last resort where a process must not go on: a deadline for its end."""

from __future__ import annotations

import os
import sys
import threading

from zostudy.errors import ZostudyError


def end_process_unless(ended: threading.Event, seconds: float, error: ZostudyError) -> None:
    """Waits for the event. If it is not set in time, this process ends at once, with the error's line and exit code."""
    if not ended.wait(seconds):
        print(f"error: {error}", file=sys.stderr, flush=True)
        os._exit(error.exit_code)
