"""What a reader of results should know beside them."""

from __future__ import annotations

from collections.abc import Sequence

from zostudy.printing import tell


def note_unfinished(folders: Sequence[str]) -> None:
    """Says on standard error which of the studies have not come to their end.

    Raises:
        ResultsError: a folder is missing, or holds no study.
    """
    from zostudy.results.reading import study_places
    from zostudy.results.unfinished import unfinished

    for line in unfinished(study_places(folders)):
        tell(f"note: {line}")
