"""A study run into its stored results: begun, gone on with or extended, and merged when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing

from zostudy.results.classes import write_classes
from zostudy.results.ledger import Ledger
from zostudy.results.merging import merge
from zostudy.results.storage import Storage
from zostudy.search.execute import run_prepared
from zostudy.search.prepare import PreparedStudy
from zostudy.search.progress import StudyProgress
from zostudy.search.setup import check_settings
from zostudy.search.study_log import StudyLog
from zostudy.search.watcher import Watcher


def run_stored(
    study: PreparedStudy,
    place: Storage,
    address: str | None,
    watching: Callable[[], AbstractContextManager[Watcher]],
    tell: Callable[[str], None],
) -> StudyProgress:
    """Runs what is left of a study and returns where it stands; the lease of its place must be held.

    Args:
        study: what to run.
        place: of its results.
        address: of a Ray cluster; None for this machine.
        watching: gives what is told how the study goes.
        tell: takes a line about what the study adds to what is stored.

    Raises:
        ZostudyError: the place holds another study, or cannot be read or written.
    """
    resolved = study.plan.spec.resolved()
    ledger = Ledger(place)
    additions = ledger.check_extends(resolved)
    with watching() as watcher, closing(StudyLog(place, watcher)) as log:
        for line in ledger.set_damage_aside():
            log.note(line)
        ledger.check_contents(study.data.versions)
        check_settings(study.plan, ledger.trials())
        for addition in additions:
            tell(f"extends what is stored: {addition}")
        ledger.write_study(resolved, study.data.versions)
        write_classes(place, study.classes)
        for line in study.opening:
            log.note(line)
        progress = run_prepared(study, ledger, address, log)
    merge(place)
    return progress
