"""Finds studies that still run or have crashed, so that callers can warn that results are partial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from zostudy.errors import ResultsError
from zostudy.results.files import read_table
from zostudy.results.outdated import JUDGED_BY, outdated
from zostudy.results.owed import MERGED
from zostudy.results.parquet import PARQUET
from zostudy.results.storage import Storage


def unfinished(storages: Sequence[Storage]) -> list[str]:
    """Returns a line for each study that has fewer search or confirm trials than its study file asks for.

    Confirm trials of settings that a longer search has bettered do not count. A study whose other files cannot be read
    has no line: who needs them says what is wrong.

    Raises:
        ResultsError: a study that has not ended has a study file that cannot be read.
    """
    # A study's files are merged when it ends, so of hundreds only a few need a closer look.
    open_ones = [storage for storage in storages if (storage / "trials").files(PARQUET) != [MERGED]]
    return [line for storage in open_ones if (line := _line(storage))]


def _line(storage: Storage) -> str | None:
    from zostudy.results.studies import read_studies  # takes longer than listing hundreds of studies that have ended
    from zostudy.results.study_file import STUDY_FILE, read_stored_study

    if storage.exists(STUDY_FILE):
        read_stored_study(storage, "whether a study has ended", "give the folders of the other studies")
    try:
        [study] = read_studies([storage]).to_pylist()
        trials = read_table(storage, "trials", JUDGED_BY).to_pydict()
    except ResultsError:
        return None
    asked = len(study["methods"]) * len(study["imbalance_ratios"] or ()) * (study["confirm_seeds"] or 0)
    confirmed = trials["stage"].count("confirm") - sum(outdated(trials))
    searched = _fewest_searched(trials)
    behind = searched is not None and searched < (study["search_trials"] or 0)
    if confirmed >= asked and not behind:
        return None
    search = f", and a cell has {searched} of its {study['search_trials']} search trials" if behind else ""
    return (
        f"{storage.name} is unfinished: {confirmed} of its {asked} confirm trials are there{search}; "
        "unless it is running, run it again to resume"
    )


def _fewest_searched(trials: dict[str, list[str]]) -> int | None:
    """Returns the search trials of the cell that has fewest; one that has none may have nothing to search."""
    stages = zip(trials["cell"], trials["stage"], strict=True)
    return min(Counter(cell for cell, stage in stages if stage == "search").values(), default=None)
