"""What a reader of results should know beside them."""

from __future__ import annotations

from collections.abc import Sequence

from zostudy.printing import tell


def print_study_notes(folders: Sequence[str]) -> None:
    """Says on standard error which of the studies are not whole, and which have not come to their end.

    Raises:
        ResultsError: a folder is missing, or holds no study.
    """
    from zostudy.results.losses import study_notes
    from zostudy.results.reading import find_studies

    for line in study_notes(find_studies(folders)):
        tell(f"note: {line}")
