"""What a reader of results should know beside them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

_log = logging.getLogger(__name__)


def print_study_notes(folders: Sequence[str]) -> None:
    """Says on standard error which of the studies are not whole, and which have not come to their end.

    Raises:
        ResultsError: a folder is missing, or holds no study.
    """
    from zostudy.results.losses import study_notes
    from zostudy.results.reading import find_studies

    for note in study_notes(find_studies(folders)):
        _log.info("note: %s", note)
