"""Chooses the methods' defaults on development tasks; see ``zostudy.bench.defaults``.

``python -m zostudy.bench.defaults run --folder F --data D`` measures what the folder F lacks. It may be stopped and run
again at any time. ``table --folder F`` shows what is there and says what is missing. ``pack`` writes it to one file.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from zostudy.bench.defaults.plans import PLANS
from zostudy.bench.defaults.store import TrialStore
from zostudy.bench.defaults.tables import default_tables
from zostudy.errors import ZostudyError
from zostudy.printing import print_lines, print_text
from zostudy.results.table_formats import plain

_DESCRIPTION = "Chooses defaults on rows of train that no trial sees."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit code, 2 for an error of the user's."""
    options = _options(arguments)
    try:
        store = TrialStore(options.folder)
        if options.verb == "run":
            _run(options, store)
        elif options.verb == "pack":
            store.pack(options.to, "trials")
        else:
            print_text(plain(*default_tables(PLANS[options.plan](), store)) + "\n")
    except ZostudyError as error:
        print_lines(f"error: {error}")
        return error.exit_code
    return 0


def _run(options: argparse.Namespace, store: TrialStore) -> None:
    from zostudy.bench.defaults.running import OutOfTimeError, Runner  # which import torch
    from zostudy.bench.machine import processor_threads

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("zostudy").setLevel(logging.INFO)
    part, parts = options.share
    jobs = [job for number, job in enumerate(PLANS[options.plan]()) if number % parts == part - 1]
    runner = Runner(store, options.data, 60 * options.minutes)
    try:
        with processor_threads(options.threads):
            runner.run(jobs)
    except OutOfTimeError:
        print_lines(f"the time is over; {runner.measured} trials were measured. Run again to go on.")
    else:
        print_lines(f"done; {runner.measured} trials were measured")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m zostudy.bench.defaults", description=_DESCRIPTION)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="measure what is missing")
    run.add_argument("--data", type=Path, help="folder of the data files; the embedded models need none")
    run.add_argument("--minutes", type=float, default=float("inf"), help="after which no further trial begins")
    run.add_argument("--share", type=_share, default=(1, 1), help="1/2 runs the first of every two jobs")
    run.add_argument("--threads", type=int, default=1, help="of the processor (default: %(default)s)")
    table = verbs.add_parser("table", help="show what is measured")
    pack = verbs.add_parser("pack", help="write all measured trials to one file, trials.parquet")
    pack.add_argument("--to", type=Path, required=True, help="folder of that file")
    for verb in (run, table, pack):
        verb.add_argument("--folder", type=Path, required=True, help="of the measured trials")
    for verb in (run, table):
        verb.add_argument("--plan", choices=PLANS, default="small", help="default: %(default)s")
    return parser.parse_args(arguments)


def _share(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError("must be like 1/2")
    return int(part), int(parts)


if __name__ == "__main__":
    sys.exit(main())
