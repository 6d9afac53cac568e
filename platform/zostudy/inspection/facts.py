"""The facts about a data file, as data and as one screen of text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from zostudy.config.task import TaskSpec
from zostudy.inspection.columns import ColumnFacts
from zostudy.inspection.texts import Lengths, Repeats
from zostudy.results.table_formats import Table, plain
from zostudy.tasks.rows import RowCount
from zostudy.tasks.sizes import Available
from zostudy.wording import comma_list, counted, quoted, shown

if TYPE_CHECKING:
    from zostudy.inspection.draft_wording import DraftWording

MOST_SHOWN = 20


@dataclass(frozen=True)
class ClassFacts:
    """A class of the data.

    Attributes:
        name: in the data.
        rows: used rows in all splits.
        candidates: rows that training and dev can be drawn from: no repeats and no texts of test.
        test: rows of the test split.
        rare: whether it is among the rarer half of the classes, which a study makes rare by default.
    """

    name: str
    rows: int
    candidates: int
    test: int
    rare: bool


@dataclass(frozen=True)
class ModelFacts:
    """A model, and its template, label words and limits for the data.

    Attributes:
        name: of the model.
        head: ``masked``, ``causal`` or ``encoder``.
        draft: template and label words.
        max_tokens: most tokens of an input without the prompt.
        too_long: number of texts with more tokens, which would be cut.
        flops_per_token: multiplications and additions for a token, estimated.
    """

    name: str
    head: str
    draft: DraftWording
    max_tokens: int
    too_long: int
    flops_per_token: float


@dataclass(frozen=True, repr=False)
class Inspection:
    """The result of ``zostudy.inspect``; as text, what ``zostudy inspect`` prints.

    Attributes:
        file: path of the data.
        rows: used and left-out rows.
        columns: of the file, each with its guessed use.
        task: the data as the ``task`` section of a study.
        classes: in label order.
        available: candidates of each class for train, and for dev if dev is a split of its own.
        lengths: of the texts, in characters and words, or in the model's tokens.
        repeats: repeated and contradictory texts.
        notes: decisions made while reading the data.
        model: the facts about the model; None without a model.
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

    def __repr__(self) -> str:
        """Returns the tables of columns and classes, and a line for each other fact."""
        tables = plain(columns_table(self), classes_table(self))
        return "\n".join([f"{self.file}: {self.rows}", "", tables, "", *fact_lines(self)])

    @property
    def natural_ratio(self) -> float:
        """Candidates of the largest class / candidates of the smallest, to two decimals."""
        return self.available.natural_ratio

    def as_dict(self) -> dict[str, Any]:
        """Returns all facts as plain data for JSON; an infinite ratio is null."""
        facts = asdict(replace(self, task=TaskSpec(), model=None))
        ratio = self.natural_ratio if math.isfinite(self.natural_ratio) else None
        model = self.model and {
            "name": self.model.name,
            "head": self.model.head,
            "max_tokens": self.model.max_tokens,
            "too_long": self.model.too_long,
            "template": self.model.draft.wording.template.source,
            "label_words": list(self.model.draft.wording.label_words),
            "nearest_words": [list(words) for words in self.model.draft.nearest],
        }
        task = self.task.model_dump(mode="json", exclude_none=True)
        return facts | {"natural_ratio": ratio, "task": task, "model": model}


def columns_table(inspection: Inspection) -> Table:
    """Returns a row for each column of the file."""
    rows = (
        (quoted(each.name), each.type, each.use, f"{each.distinct:,}", f"{each.empty:,}", _length(each.characters))
        for each in inspection.columns
    )
    return Table(("column", "type", "taken as", "distinct", "empty", "mean length"), tuple(rows), text_columns=3)


def classes_table(inspection: Inspection) -> Table:
    """Returns a row for each class, in label order, at most ``MOST_SHOWN``."""
    model = inspection.model
    total = sum(each.rows for each in inspection.classes)
    heading = "label text" if model and model.head == "encoder" else "nearest words of one token"
    columns = ("class", *([heading] if model else []), "minority", "rows", "share", "for train and dev", "test")
    rows = tuple(
        (each.name, *_words(model, label), "yes" if each.rare else "-", *_counts(each, total))
        for label, each in enumerate(inspection.classes[:MOST_SHOWN])
    )
    rest = len(inspection.classes) - MOST_SHOWN
    notes = (f"and {rest:,} more classes",) if rest > 0 else ()
    return Table(columns, rows, notes=notes, text_columns=len(columns) - 4)


def fact_lines(inspection: Inspection) -> Iterator[str]:
    """Yields a line for each fact that is not in a table."""
    ratio = f"{inspection.natural_ratio:g}" if math.isfinite(inspection.natural_ratio) else "infinite: a class is empty"
    yield f"natural ratio: {ratio} (rows for train and dev: no repeats, no texts of test)"
    for lengths in inspection.lengths:
        yield str(lengths)
    yield _repeats(inspection)
    yield from _model_lines(inspection.model)
    for note in inspection.notes:
        yield f"note: {note}"


def _repeats(inspection: Inspection) -> str:
    found = inspection.repeats
    line = f"repeats: {counted(found.repeated_rows, 'row')} with the text of an earlier row"
    if found.example is None:
        return f"{line}, none with another label"
    first, second = found.example
    texts = f"{counted(found.contradictions, 'text')} {'has' if found.contradictions == 1 else 'have'} different labels"
    return f"{line}; {texts} (rows {first:,} and {second:,}, for example)"


def _model_lines(model: ModelFacts | None) -> Iterator[str]:
    if model is None:
        yield "label words and tokens: name a model with `model`, such as mini-roberta"
        return
    verb = "is" if model.too_long == 1 else "are"
    cut = f"{counted(model.too_long, 'text')} {verb} longer and would be cut" if model.too_long else "no text is longer"
    yield f"{model.name} ({model.head}) takes {model.max_tokens:,} tokens beside the prompt: {cut}"
    wording = model.draft.wording
    kind = "label texts" if model.head == "encoder" else "label words"
    yield f"template: {shown(wording.template.source)}, {kind}: {comma_list(wording.label_words)}"


def _words(model: ModelFacts | None, label: int) -> tuple[str, ...]:
    return () if model is None else (", ".join(map(quoted, model.draft.nearest[label])) or "none",)


def _counts(each: ClassFacts, total: int) -> tuple[str, ...]:
    return f"{each.rows:,}", f"{each.rows / total:.1%}", f"{each.candidates:,}", f"{each.test:,}"


def _length(characters: float) -> str:
    return f"{characters:.0f}" if characters else "-"
