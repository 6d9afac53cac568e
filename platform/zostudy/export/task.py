"""The task of an exported prompt: texts, template, label words and classes, without the study's data if possible."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from zostudy.config.known import HeadKind
from zostudy.config.task import OWN_WORDING, TaskSpec
from zostudy.errors import DataError
from zostudy.tasks.known import WellKnownTask, find_origin, used_columns
from zostudy.tasks.loading import load_task
from zostudy.tasks.templates import Template, Wording
from zostudy.tasks.wellknown import WELL_KNOWN
from zostudy.tasks.wordings import make_wordings


@dataclass(frozen=True)
class InputTexts:
    """Texts to label, and their second texts if the task is a pair task."""

    texts: tuple[str, ...]
    second_texts: tuple[str, ...] | None


class ExportedTask(BaseModel):
    """The template, label words and classes of an exported prompt.

    Attributes:
        text: the text column of the study's data.
        second_text: the second text column of pair tasks, or None.
        label: the label column of the study's data; None in earlier exports.
        label_words: one for each class; for an encoder its label text.
        label_tokens: their token ids; empty for an encoder.
        class_names: in label order.
        truncate: whether texts too long for the model are cut.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    text: str
    second_text: str | None
    label: str | None = None
    template: str
    label_words: tuple[str, ...]
    label_tokens: tuple[int, ...] = ()
    class_names: tuple[str, ...]
    truncate: bool

    @property
    def wording(self) -> Wording:
        """Template and label words."""
        return Wording(Template.parse(self.template), self.label_words)


def find_task(
    spec: TaskSpec,
    head: HeadKind,
    name: str = OWN_WORDING,
    class_names: tuple[str, ...] | None = None,
    data: str | None = None,
) -> tuple[ExportedTask, str | None]:
    """Returns the task for a model with this head, without label tokens, and a note on the class names, if any.

    Args:
        spec: the study's task.
        head: of the model.
        name: of the wording, one of the study's.
        class_names: as they were when the study ran; None where an older zostudy stored none.
        data: the digest of the study's data; None if any will do.

    Raises:
        DataError: only the data holds the class names, and it cannot be read or is no longer that of the study.
    """
    known = WELL_KNOWN.get(spec.name)
    columns = used_columns(spec, find_origin(spec, known))
    note = None
    if class_names is None:
        class_names, note = _class_names(spec, known, spec.worded(name).label_words, data)
    wording = make_wordings(spec, known, class_names, columns.second_text is not None, name)[head]
    task = ExportedTask(
        name=spec.name,
        text=columns.text,
        second_text=columns.second_text,
        label=columns.label,
        template=wording.template.source,
        label_words=wording.label_words,
        class_names=class_names,
        truncate=spec.truncate,
    )
    return task, note


def _class_names(
    spec: TaskSpec, known: WellKnownTask | None, label_words: tuple[str, ...] | None, data: str | None
) -> tuple[tuple[str, ...], str | None]:
    if known is not None and spec.label_words is None:  # then the data must have these classes
        return known.class_names, None
    try:
        table = load_task(spec).table
        if data not in (None, table.digest):
            raise DataError("texts, labels and splits must be those of the study", got="they have changed since")
        return table.class_names, None
    except DataError as error:
        if label_words is None:
            raise DataError(
                "only the study's data holds the names of the classes",
                got=f"it cannot be used ({error})",
                remedy="put it back",
            ) from error
        note = f"classes are named by their label words, as the study's data cannot be used ({error})"
        return label_words, note
