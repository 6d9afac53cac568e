"""Template and label words for each kind of head: the study's, or the well-known task's, or simple defaults."""

from __future__ import annotations

from collections.abc import Sequence

from zostudy.config.known import HeadKind
from zostudy.config.task import OWN_WORDING, TaskSpec
from zostudy.errors import DataError
from zostudy.tasks.known import WellKnownTask
from zostudy.tasks.labels import has_names
from zostudy.tasks.templates import HEADS, Template, Wording
from zostudy.wording import comma_list


def make_wordings(
    spec: TaskSpec, known: WellKnownTask | None, class_names: Sequence[str], pairs: bool, name: str = OWN_WORDING
) -> dict[HeadKind, Wording]:
    """Returns the wording for each kind of head; a kind without template or label words is missing.

    The study's own come first, then those of the well-known task, then the bare text (for an encoder) and the class
    names.

    Args:
        spec: the ``task`` section.
        known: the well-known task of that name, if any.
        class_names: in label order.
        pairs: whether the task has second texts.
        name: of the wording, one of the study's.

    Raises:
        DataError: label words or template do not fit the classes or texts.
    """
    spec = spec.worded(name)
    given = Template.parse(spec.template) if spec.template is not None else None
    bare = Template.parse("{text} {second_text}" if pairs else "{text}")
    names = tuple(class_names) if has_names(class_names) else None
    wordings: dict[HeadKind, Wording] = {}
    for head in HEADS:
        base = known.wordings.get(head) if known else None
        template = given or (base.template if base else bare if head == "encoder" else None)
        words = spec.label_words or (base.label_words if base else names)
        if template is not None and words is not None:
            wordings[head] = _checked(Wording(template, words), class_names, pairs, name)
    return wordings


def _checked(wording: Wording, class_names: Sequence[str], pairs: bool, name: str) -> Wording:
    words = wording.label_words
    if len(words) != len(class_names):
        raise DataError(
            "must be one a class",
            got=f"got {len(words)} for {len(class_names)} classes",
            remedy=f"give one for each of {comma_list(class_names)}",
            about="task.label_words" if name == OWN_WORDING else f"task.wordings.{name}.label_words",
        )
    if wording.template.count("second_text") and not pairs:
        rule = f"template {wording.template.source!r} asks for a second text"
        raise DataError(rule, remedy="name its column with task.second_text")
    return wording
