"""Which studies have not come to their end: they run still, or crashed, and a look at them is a look at a part."""

from __future__ import annotations

from collections.abc import Sequence

from zostudy.errors import ResultsError
from zostudy.results.files import MERGED, PARQUET, read_table
from zostudy.results.storage import Storage


def unfinished(places: Sequence[Storage]) -> list[str]:
    """Returns a line for each study that has fewer confirm trials than its study file asks for.

    A study whose files cannot be read has none: who needs them says what is wrong.
    """
    # A study's files are merged when it ends, so of hundreds only a few need a closer look.
    open_ones = [place for place in places if (place / "trials").files(PARQUET) != [MERGED]]
    return [line for place in open_ones if (line := _line(place))]


def _line(place: Storage) -> str | None:
    from zostudy.results.studies import read_studies  # takes longer than listing hundreds of studies that have ended

    try:
        [study] = read_studies([place]).to_pylist()
        stages = read_table(place, "trials", ["stage"])["stage"].to_pylist()
    except ResultsError:
        return None
    asked = len(study["methods"]) * len(study["imbalance_ratios"] or ()) * (study["confirm_seeds"] or 0)
    if stages.count("confirm") >= asked:
        return None
    return (
        f"{place.name} is unfinished: {stages.count('confirm')} of its {asked} confirm trials are there; "
        "unless it is running, run it again to resume"
    )
