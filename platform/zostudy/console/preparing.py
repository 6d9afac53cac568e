"""How ``run`` and ``submit`` begin: data and model are read and checked, and a risk that the study takes is named."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from zostudy.machine import GIB, check_address_space

if TYPE_CHECKING:
    from zostudy.config.study import StudySpec
    from zostudy.search.outline import Outline
    from zostudy.search.prepare import PreparedStudy

_log = logging.getLogger(__name__)

# With less, torch fails to load, or its threads wait for ever.
LEAST_ADDRESS_SPACE = 2 * GIB


def prepare_with_notes(spec: StudySpec) -> PreparedStudy:
    """Returns the prepared study; before that, says on standard error what takes its time.

    Raises:
        ZostudyError: whatever is wrong with data, imbalance, model, label words or budget.
    """
    return with_model_and_notes(outline_with_notes(spec))


def outline_with_notes(spec: StudySpec) -> Outline:
    """Returns the outline of a study, and says what is read.

    Raises:
        ZostudyError: whatever is wrong with data, imbalance or budget.
    """
    check_address_space(LEAST_ADDRESS_SPACE, "a model")
    from zostudy.search.outline import outline

    warn_of_remote_code(spec)
    _log.info("%s: reading %s, checking %s", spec.name, spec.task.name, spec.model.name)
    return outline(spec)


def with_model_and_notes(outlined: Outline) -> PreparedStudy:
    """Returns the prepared study of an outline, and logs the notes on its texts.

    Raises:
        ModelError: whatever is wrong with model or label words.
    """
    from zostudy.search.prepare import with_model

    study = with_model(outlined)
    for note in dict.fromkeys(note for encoded in study.encodings.values() for note in encoded.notes):
        _log.info("note: %s", note)
    return study


def warn_of_remote_code(spec: StudySpec) -> None:
    """Names the risk of a model whose own Python code is to run."""
    if spec.model.trust_remote_code:
        _log.warning(
            "model.trust_remote_code is true: Python code that comes with %s runs with all your rights, on every node "
            "that hosts a replica; pin model.revision to a commit that you have read",
            spec.model.name,
        )
