"""The ranges that studies search, read from their study files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from zostudy.errors import ResultsError
from zostudy.results.comparison.evidence import SearchedRanges
from zostudy.results.storage import Storage
from zostudy.study_keys import PREFIX, options_by_label, searched_keys

if TYPE_CHECKING:
    from zostudy.config.distributions import Range

MOST_STUDIES = 20
"""Reading more study files than these would take longer than the comparison itself."""

StudyRanges: TypeAlias = Mapping[tuple[str, str], SearchedRanges]
"""By study and label of a method. Choices have no ends and are left out."""


def read_search_ranges(storages: Sequence[Storage]) -> StudyRanges:
    """Returns the ranges of all methods; none of a study whose file is gone, nor of more than ``MOST_STUDIES``."""
    if len(storages) > MOST_STUDIES:
        return {}
    return {key: ranges for storage in storages for key, ranges in _of_study(storage)}


def range_notes(storages: Sequence[Storage]) -> list[str]:
    """Returns a note where no ranges are read because there are too many studies."""
    if len(storages) <= MOST_STUDIES:
        return []
    return [f"Whether a search chose an edge of its range is told of {MOST_STUDIES} studies or fewer at once."]


def _of_study(storage: Storage) -> Iterator[tuple[tuple[str, str], SearchedRanges]]:
    from zostudy.results.study_file import read_stored_study  # slow to import, and a data frame does without

    with suppress(ResultsError):
        spec = read_stored_study(storage, "which ranges were searched", "do without them").data
        space = _section(_section(spec, "search"), "space")
        for label, options in options_by_label(spec.get("methods")).items():
            yield (str(spec.get("name")), label), _own(space, label, options if isinstance(options, dict) else {})


def _own(space: Mapping[str, Any], label: str, fixed: Mapping[str, Any]) -> SearchedRanges:
    free = {key if key.startswith(PREFIX) else key.rpartition(".")[2] for key in space} - fixed.keys()
    own = searched_keys(space, label, free)
    return {name: (key, found) for name, key in own.items() if (found := _range(space[key]))}


def _range(values: Any) -> Range | None:
    """Returns the range that values are searched in; None of a choice, or of what is no range."""
    from zostudy.config.distributions import Range  # slow to import, as above

    try:
        return Range.model_validate(values)
    except ValueError:
        return None


def _section(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = data.get(key)
    return section if isinstance(section, dict) else {}
