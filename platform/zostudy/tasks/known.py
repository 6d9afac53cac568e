"""A task that zostudy knows: its classes, the words for each kind of head, and its data set on the hub.

Also which data set and which columns a study reads, whether or not its task is a known one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zostudy.config.known import HeadKind
from zostudy.config.task import SplitNames, TaskSpec
from zostudy.tasks.templates import Wording


@dataclass(frozen=True)
class Columns:
    """The columns that a task uses.

    Attributes:
        text: the texts.
        second_text: the second texts of pair tasks, or None.
        label: the labels: class names, or whole numbers, which a column ``label_name`` may name.
        split: the split of each row. A column of the default name is optional.
    """

    text: str = "text"
    second_text: str | None = None
    label: str = "label"
    split: str = "split"


@dataclass(frozen=True)
class HubOrigin:
    """A data set on the Hugging Face hub, and its columns."""

    id: str
    config: str | None = None
    text: str = "text"
    second_text: str | None = None
    label: str = "label"
    splits: SplitNames = field(default_factory=SplitNames)


@dataclass(frozen=True)
class WellKnownTask:
    """A well-known task; the table of them is ``wellknown.WELL_KNOWN``.

    Attributes:
        class_names: the classes, in label order.
        wordings: template and label words for each kind of head.
        source: where the words for masked and for causal models come from.
        hub: the data set on the hub, or None where the user gives a file.
        other_names: other names of a class in circulation -> its name here.
    """

    class_names: tuple[str, ...]
    wordings: Mapping[HeadKind, Wording]
    source: str
    hub: HubOrigin | None = None
    other_names: Mapping[str, str] = field(default_factory=dict)

    def label_of(self, name: str) -> int | None:
        """Returns the label of a class under any of its names, or None."""
        folded = {other.casefold(): own for other, own in self.other_names.items()}
        own = folded.get(name.casefold(), name).casefold()
        return next((label for label, each in enumerate(self.class_names) if each.casefold() == own), None)


def find_origin(spec: TaskSpec, known: WellKnownTask | None) -> HubOrigin | None:
    """Returns the data set on the hub that a study reads; None where it reads a file or the embedded task."""
    if spec.file is not None:
        return None
    origin = known.hub if known else None
    return origin if spec.hub is None or (origin and spec.hub == origin.id) else HubOrigin(spec.hub)


def used_columns(spec: TaskSpec, origin: HubOrigin | None) -> Columns:
    """Returns the columns of a study's data: those that it names, or else those of the data set, or the usual ones."""
    if origin is None:
        return Columns(spec.text or Columns.text, spec.second_text, spec.label or Columns.label, spec.split)
    return Columns(spec.text or origin.text, spec.second_text or origin.second_text, spec.label or origin.label)
