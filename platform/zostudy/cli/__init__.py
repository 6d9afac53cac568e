"""The command line: one file a verb. Heavy imports happen inside the verbs, so ``--help`` answers at once."""

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command line. Ctrl-C ends it quietly, also while the verbs are imported."""
    try:
        from zostudy.cli import app

        app.main()
    except KeyboardInterrupt:
        from zostudy.errors import INTERRUPTED

        sys.exit(INTERRUPTED)
