"""The wordings of a task: which a study uses, and the rules for their names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from zostudy.config.distributions import Choice
from zostudy.config.problems import Problem
from zostudy.config.study import StudySpec
from zostudy.config.task import OWN_WORDING
from zostudy.study_keys import WORDING
from zostudy.wording import suggestion

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,29}")


def used_wordings(study: StudySpec) -> tuple[str, ...]:
    """Returns the names of the wordings that a study's trials may use, that of ``task.wording`` first."""
    searched = study.search.space.get(WORDING) if study.search.trials else None
    others = map(str, searched.choice) if isinstance(searched, Choice) else ()
    return tuple(dict.fromkeys([study.task.wording, *others]))


def wording_problems(study: StudySpec) -> Iterator[Problem]:
    """Yields a problem for each wording whose name would not do, and for each name without a wording."""
    task, known = study.task, study.task.wording_names
    for name in task.wordings:
        if not _NAME.fullmatch(name):
            rule = "must have a name of up to 30 characters of A-Z a-z 0-9 . _ - that begins with a letter or digit"
            yield Problem(("task", "wordings", name), rule, name, "choose a shorter, plainer name")
        elif name == OWN_WORDING:
            rule = "must have another name: this one is task.template and task.label_words"
            yield Problem(("task", "wordings", name), rule, name, "choose another name")
    rule, remedy = "must name a wording of task.wordings", f"there are {', '.join(known)}"
    if task.wording not in known:
        yield Problem(("task", "wording"), rule, task.wording, suggestion(task.wording, known, remedy))
    searched = study.search.space.get(WORDING)
    if searched is not None and not isinstance(searched, Choice):
        path = ("search", "space", WORDING)
        yield Problem(path, "must be a choice of wordings", "a range", f"write {{choice: [{', '.join(known)}]}}")
        return
    for number, value in enumerate(searched.choice if searched is not None else ()):
        if value not in known:
            key = ("search", "space", WORDING, "choice", number)
            yield Problem(key, rule, value, suggestion(str(value), known, remedy))
