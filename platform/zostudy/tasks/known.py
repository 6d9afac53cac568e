"""A task that zostudy knows: its classes, the words for each kind of head, and its data set on the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zostudy.config.known import HeadKind
from zostudy.config.task import SplitNames
from zostudy.tasks.templates import Wording


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
