"""A study run into its stored results: begun, gone on with or extended, and merged when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing

from zostudy.results.classes import write_classes
from zostudy.results.ledger import Ledger
from zostudy.results.merging import merge
from zostudy.results.storage import Storage
from zostudy.search.callback import Callback, CallbackList
from zostudy.search.execute import run_prepared
from zostudy.search.prepare import PreparedStudy
from zostudy.search.progress import StudyProgress
from zostudy.search.setup import check_settings
from zostudy.search.study_log import StudyLog


def run_stored(
    study: PreparedStudy,
    storage: Storage,
    address: str | None,
    view: Callable[[], AbstractContextManager[Callback]],
    tell: Callable[[str], None],
    callbacks: Sequence[Callback] = (),
) -> StudyProgress:
    """Runs what is left of a study and returns where it stands; the lease of its storage must be held.

    Args:
        study: what to run.
        storage: of its results.
        address: of a Ray cluster; None for this machine.
        view: opens the callback that shows the study, and closes it at the end.
        tell: takes a line about what the study adds to what is stored.
        callbacks: more of them, called after the log and the view.

    Raises:
        ZostudyError: the storage holds another study, or cannot be read or written.
    """
    resolved = study.plan.spec.resolved()
    ledger = Ledger(storage)
    additions = ledger.check_extends(resolved)
    with view() as shown, closing(StudyLog(storage)) as log:
        told = CallbackList([log, shown, *callbacks])
        for line in ledger.set_damage_aside():
            told.on_note(line)
        ledger.check_contents(study.data.versions)
        check_settings(study.plan, ledger.trials())
        for addition in additions:
            tell(f"extends what is stored: {addition}")
        ledger.write_study(resolved, study.data.versions)
        write_classes(storage, study.classes)
        for line in study.opening:
            told.on_note(line)
        progress = run_prepared(study, ledger, address, told)
    merge(storage)
    return progress
