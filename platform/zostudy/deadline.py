"""The last resort where a process must not go on: a deadline for its end."""

from __future__ import annotations

import os
import sys
import threading


def end_process_unless(ended: threading.Event, seconds: float, line: str, exit_code: int) -> None:
    """Waits for the event. If it is not set in time, this process prints the line and ends at once."""
    if not ended.wait(seconds):
        print(line, file=sys.stderr, flush=True)
        os._exit(exit_code)
