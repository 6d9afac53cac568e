"""The command line: one file a verb. Heavy imports happen inside the verbs, so ``--help`` answers at once."""

from zostudy.cli.app import main

__all__ = ["main"]
