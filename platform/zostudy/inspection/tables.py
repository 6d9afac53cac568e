"""An inspection as one screen of text."""

from __future__ import annotations

import math
from collections.abc import Iterator

from zostudy.inspection.facts import ClassFacts, DataFacts, ModelFacts
from zostudy.results.table_formats import Table, plain
from zostudy.wording import comma_list, counted, quoted, shown

MOST_CLASSES = 20


def inspection_text(inspection: DataFacts) -> str:
    """Returns the rows, columns and classes as tables, and a line for each other fact."""
    tables = plain(columns_table(inspection), classes_table(inspection))
    return "\n".join([f"{inspection.file}: {inspection.rows}", "", tables, "", *fact_lines(inspection)])


def columns_table(inspection: DataFacts) -> Table:
    """Returns a row for each column of the file."""
    rows = (
        (quoted(each.name), each.type, each.use, f"{each.distinct:,}", f"{each.empty:,}", _length(each.characters))
        for each in inspection.columns
    )
    return Table(("column", "type", "taken as", "distinct", "empty", "mean length"), tuple(rows), text_columns=3)


def classes_table(inspection: DataFacts) -> Table:
    """Returns a row for each class, in label order; of very many only the first."""
    model = inspection.model
    total = sum(each.rows for each in inspection.classes)
    columns = ("class", *_words_heading(model), "minority", "rows", "share", "for train and dev", "test")
    rows = tuple(
        (each.name, *_words(model, label), "yes" if each.rare else "-", *_counts(each, total))
        for label, each in enumerate(inspection.classes[:MOST_CLASSES])
    )
    rest = len(inspection.classes) - MOST_CLASSES
    notes = (f"and {rest:,} more classes",) if rest > 0 else ()
    return Table(columns, rows, notes=notes, text_columns=len(columns) - 4)


def fact_lines(inspection: DataFacts) -> Iterator[str]:
    """Yields a line for each fact that is in no table."""
    ratio = f"{inspection.natural_ratio:g}" if math.isfinite(inspection.natural_ratio) else "infinite: a class is empty"
    yield f"natural ratio: {ratio} (rows for train and dev: no repeats, no texts of test)"
    for lengths in inspection.lengths:
        yield str(lengths)
    yield _repeats(inspection)
    yield from _model_lines(inspection.model)
    for note in inspection.notes:
        yield f"note: {note}"


def _repeats(inspection: DataFacts) -> str:
    found = inspection.repeats
    line = f"repeats: {counted(found.repeated_rows, 'row')} with the text of an earlier row"
    if not found.contradictions:
        return f"{line}, none with another label"
    first, second = found.example or (0, 0)
    return f"{line}; {found.contradictions:,} texts have different labels (rows {first:,} and {second:,}, for example)"


def _model_lines(model: ModelFacts | None) -> Iterator[str]:
    if model is None:
        yield "label words and tokens: name a model, such as --model mini-roberta"
        return
    cut = f"{model.too_long:,} texts are longer and would be cut" if model.too_long else "no text is longer"
    yield f"{model.name} ({model.head}) takes {model.room:,} tokens beside the prompt: {cut}"
    wording = model.draft.wording
    kind = "label texts" if model.head == "encoder" else "label words"
    yield f"template: {shown(wording.template.source)}, {kind}: {comma_list(wording.label_words)}"


def _words_heading(model: ModelFacts | None) -> tuple[str, ...]:
    if model is None:
        return ()
    return ("label text",) if model.head == "encoder" else ("nearest words of one token",)


def _words(model: ModelFacts | None, label: int) -> tuple[str, ...]:
    return () if model is None else (", ".join(map(quoted, model.draft.nearest[label])) or "none",)


def _counts(each: ClassFacts, total: int) -> tuple[str, ...]:
    return f"{each.rows:,}", f"{each.rows / total:.1%}", f"{each.candidates:,}", f"{each.test:,}"


def _length(characters: float) -> str:
    return f"{characters:.0f}" if characters else "-"
