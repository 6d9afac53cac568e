"""The inputs of a run of the suite: the slice that is asked for, the methods, and the data files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import MISSING, fields
from pathlib import Path

from zostudy.errors import DataError, SpecError
from zostudy.methods import get_method
from zostudy.ratios import ratio_text
from zostudy.suite.definition import BUDGETS, OFFLINE, PARTS, RATIOS, SEEDS, VERSION, Part, Slice
from zostudy.tasks.files import EXTENSIONS
from zostudy.tasks.wellknown import WELL_KNOWN
from zostudy.wording import comma_list, quoted, suggestion


def choose_slice(
    version: int | None = None,
    offline: bool = False,
    only: Sequence[str] = (),
    budget: int | None = None,
    ratio: str | None = None,
    seeds: int | None = None,
) -> Slice:
    """Returns the slice of the suite that is to run.

    Args:
        version: of the suite; None: the current one.
        offline: leave out what needs data or models that do not come with zostudy.
        only: names of parts; none: all.
        budget: the only one; None: all.
        ratio: the only one, ``natural`` or a number; None: all.
        seeds: how many of the first confirm seeds; None: all.

    Raises:
        SpecError: the suite lacks one of these.
    """
    parts = {part.name: part for part in (OFFLINE if offline else PARTS)}
    ratios = {ratio_text(known): known for known in RATIOS}
    _check("version", [] if version is None else [str(version)], [str(VERSION)])
    _check("only", only, parts)
    _check("budget", [] if budget is None else [str(budget)], [*map(str, BUDGETS)])
    _check("ratio", [] if ratio is None else [ratio], ratios)
    _check("seeds", [] if seeds is None else [str(seeds)], [str(count + 1) for count in range(SEEDS)])
    return Slice(
        tuple(part for name, part in parts.items() if not only or name in only),
        BUDGETS if budget is None else (budget,),
        None if ratio is None else ratios[ratio],
        None if seeds == SEEDS else seeds,
    )


def check_methods(names: Sequence[str]) -> None:
    """Checks that methods are named, known and different, and need no setting, as the suite compares defaults.

    Raises:
        SpecError: one is not.
    """
    if not names:
        raise SpecError(
            "must name a method", got="none is named", remedy="zostudy methods lists them", about="`methods`"
        )
    for index, name in enumerate(names):
        options = fields(get_method(name).Options)
        if missing := [each.name for each in options if each.default is MISSING and each.default_factory is MISSING]:
            rule = "a method of the suite must have a default for every option"
            raise SpecError(rule, got=f"{name} has none for {comma_list(missing)}", remedy="give it one")
        if name in names[:index]:
            raise SpecError("must name each once", got=f"{name} stands twice", remedy="keep one", about="`methods`")


def data_file(part: Part, folder: Path | None) -> Path | None:
    """Returns a part's data file in a folder; None for texts that come with zostudy, or without a folder from the hub.

    Raises:
        DataError: the folder lacks it, or there is no folder and the task is not known on the hub.
    """
    if part.is_offline:
        return None
    remedy = "zostudy guide suite names their sources, and `offline` needs none"
    if folder is None:
        known = WELL_KNOWN.get(part.task)
        if known is None or known.hub is None:
            got = f"no data set of the hub is known for {part.task}"
            raise DataError("must name a folder of data files", got=got, remedy=remedy, about="`data`")
        return None
    files = (folder / f"{part.task}{extension}" for extension in EXTENSIONS)
    if (found := next((file for file in files if file.is_file()), None)) is None:
        got = f"{folder} holds no {part.task} ({', '.join(EXTENSIONS)})"
        raise DataError("must be a folder of data files", got=got, remedy=remedy, about="`data`")
    return found


def _check(option: str, given: Sequence[str], known: Collection[str]) -> None:
    if unknown := [each for each in given if each not in known]:
        remedy = suggestion(unknown[0], known, "choose one of these")
        got = f"got {quoted(unknown[0])}"
        raise SpecError(f"the suite has {comma_list(known)}", got=got, remedy=remedy, about=f"`{option}`")
