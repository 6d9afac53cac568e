"""Prepares a study for ``run`` and ``submit``: reads and checks data and model, and logs notes and warnings."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from zostudy.console.log import log_notes
from zostudy.machine import GIB, check_address_space

if TYPE_CHECKING:
    from zostudy.config.study import StudySpec
    from zostudy.search.outline import Outline
    from zostudy.search.prepare import PreparedStudy

_log = logging.getLogger(__name__)

LEAST_ADDRESS_SPACE = 2 * GIB  # with less, torch fails to load or its threads hang


def prepare_with_notes(spec: StudySpec) -> PreparedStudy:
    """Returns the prepared study; logs what is read, and notes on the texts.

    Raises:
        ZostudyError: data, imbalance, model, label words or budget cannot be used.
    """
    return with_model_and_notes(outline_with_notes(spec))


def outline_with_notes(spec: StudySpec) -> Outline:
    """Returns the outline of a study; logs what is read.

    Raises:
        ZostudyError: data, imbalance or budget cannot be used.
    """
    check_address_space(LEAST_ADDRESS_SPACE, "a model")
    from zostudy.search.outline import outline

    warn_of_remote_code(spec)
    _log.info("%s: reading %s, checking %s", spec.name, spec.task.name, spec.model.name)
    return outline(spec)


def with_model_and_notes(outlined: Outline) -> PreparedStudy:
    """Returns the prepared study of an outline; logs the notes on its texts.

    Raises:
        ModelError: the model or the label words cannot be used.
    """
    from zostudy.search.prepare import with_model

    study = with_model(outlined)
    log_notes(note for encoded in study.encodings.values() for note in encoded.notes)
    return study


def warn_of_remote_code(spec: StudySpec) -> None:
    """Logs a warning if the study allows the model's own Python code to run."""
    if spec.model.trust_remote_code:
        _log.warning(
            "model.trust_remote_code is true: Python code that comes with %s runs with all your rights, on every node "
            "that hosts a replica; pin model.revision to a commit that you have read",
            spec.model.name,
        )
