"""What is known of a data file, and what a model makes of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zostudy.config.task import TaskSpec
from zostudy.inspection.columns import ColumnFacts
from zostudy.inspection.texts import Lengths, Repeats
from zostudy.tasks.rows import RowCount
from zostudy.tasks.sizes import Available

if TYPE_CHECKING:
    from zostudy.inspection.draft_wording import DraftWording


@dataclass(frozen=True)
class ClassFacts:
    """A class of the data.

    Attributes:
        name: in the data.
        rows: used rows in all splits.
        candidates: rows that training and dev can be drawn from: no repeats and no texts of test.
        test: rows of the test split.
        rare: whether it is among the rarer half of the classes, which a study makes rare unless told otherwise.
    """

    name: str
    rows: int
    candidates: int
    test: int
    rare: bool


@dataclass(frozen=True)
class ModelFacts:
    """What a model makes of the data.

    Attributes:
        name: of the model.
        head: ``masked``, ``causal`` or ``encoder``.
        draft: template and label words.
        room: tokens that an input may have beside the prompt.
        too_long: texts that have more, and would be cut.
        flops_per_token: multiplications and additions of a token, estimated.
    """

    name: str
    head: str
    draft: DraftWording
    room: int
    too_long: int
    flops_per_token: float


@dataclass(frozen=True, repr=False)
class DataFacts:
    """What is in a data file.

    Attributes:
        file: the data.
        rows: used and left-out rows.
        columns: of the file, with the use that is guessed.
        task: the data as the ``task`` section of a study.
        classes: in label order.
        available: candidates of each class for train, and for dev where it has a split of its own.
        lengths: of the texts, in characters and words, or in the model's tokens.
        repeats: repeated and contradictory texts.
        notes: decisions made while reading the data.
        model: what the model makes of it; None where none was given.
    """

    file: str
    rows: RowCount
    columns: tuple[ColumnFacts, ...]
    task: TaskSpec
    classes: tuple[ClassFacts, ...]
    available: Available
    lengths: tuple[Lengths, ...]
    repeats: Repeats
    notes: tuple[str, ...]
    model: ModelFacts | None = None

    @property
    def natural_ratio(self) -> float:
        """Candidates of the largest class / candidates of the smallest, to two decimals."""
        return self.available.natural_ratio

    def as_dict(self) -> dict[str, Any]:
        """Returns all facts as plain data for JSON; an infinite ratio is null."""
        facts = asdict(replace(self, task=TaskSpec(), model=None))
        ratio = self.natural_ratio if np.isfinite(self.natural_ratio) else None
        model = self.model and {
            "name": self.model.name,
            "head": self.model.head,
            "room": self.model.room,
            "too_long": self.model.too_long,
            "template": self.model.draft.wording.template.source,
            "label_words": list(self.model.draft.wording.label_words),
            "nearest_words": [list(words) for words in self.model.draft.nearest],
        }
        task = self.task.model_dump(mode="json", exclude_none=True)
        return facts | {"natural_ratio": ratio, "task": task, "model": model}
