"""How a study's model is asked, and in whose classes it answers; without the study's data, wherever that can be."""

from __future__ import annotations

from dataclasses import dataclass

from zostudy.config.study import HeadKind, TaskSpec
from zostudy.errors import DataError
from zostudy.tasks.known import WellKnownTask
from zostudy.tasks.loading import load_task
from zostudy.tasks.templates import Wording
from zostudy.tasks.wellknown import WELL_KNOWN
from zostudy.tasks.wordings import make_wordings


@dataclass(frozen=True)
class Asking:
    """The words around a text, and the names of the answers.

    Attributes:
        wording: template and label words.
        class_names: in label order.
        text: the text column of the study's data.
        second_text: the second text column of pair tasks, or None.
        note: what a user should know of the class names, or None.
    """

    wording: Wording
    class_names: tuple[str, ...]
    text: str
    second_text: str | None
    note: str | None = None


def find_asking(spec: TaskSpec, head: HeadKind) -> Asking:
    """Returns how a model with this head is asked.

    Raises:
        DataError: the class names are in the data only, and that is gone.
    """
    known = WELL_KNOWN.get(spec.name)
    text, second_text = _columns(spec, known)
    class_names, note = _class_names(spec, known)
    wording = make_wordings(spec, known, class_names, pairs=second_text is not None)[head]
    return Asking(wording, class_names, text, second_text, note)


def _columns(spec: TaskSpec, known: WellKnownTask | None) -> tuple[str, str | None]:
    origin = known.hub if known and spec.file is None else None
    if origin is None or spec.hub not in (None, origin.id):
        return spec.text or "text", spec.second_text
    return spec.text or origin.text, spec.second_text or origin.second_text


def _class_names(spec: TaskSpec, known: WellKnownTask | None) -> tuple[tuple[str, ...], str | None]:
    if known is not None and spec.label_words is None:  # whose classes the data must have then
        return known.class_names, None
    try:
        return load_task(spec).table.class_names, None
    except DataError as error:
        if spec.label_words is None:
            raise DataError(
                f"the names of the classes are in the study's data only, which cannot be read ({error}); put it back"
            ) from error
        note = f"classes go by their label words, as the study's data, which names them, cannot be read ({error})"
        return spec.label_words, note
