"""The texts that are scored: those of a file, or the embedded task's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zostudy.errors import DataError
from zostudy.randomness import generator
from zostudy.tasks.columns import find_column, strings_of
from zostudy.tasks.files import read_rows
from zostudy.tasks.reviews import reviews
from zostudy.wording import comma_list, suggestion


@dataclass(frozen=True)
class Texts:
    """Texts to draw a batch from.

    Attributes:
        origin: the file's name, or that of the embedded task.
        everything: all texts.
    """

    origin: str
    everything: tuple[str, ...]

    def draw(self, n_texts: int) -> tuple[str, ...]:
        """Returns a fixed draw of texts, without repeats."""
        rows = generator(0, "bench", "texts").choice(len(self.everything), size=n_texts, replace=False)
        return tuple(self.everything[row] for row in rows)


def read_texts(file: Path | None, column: str, least: int) -> Texts:
    """Returns the texts of a file's column, without the empty ones; or those of the embedded task.

    Args:
        file: CSV, TSV, JSON (lines) or Parquet; None for the embedded task.
        column: of the file.
        least: the smallest number of texts.

    Raises:
        DataError: the file cannot be read, lacks the column, or has too few texts.
    """
    if file is None:
        return Texts("reviews (embedded)", reviews().texts)
    if not file.is_file():
        raise DataError("`texts` must name a file", got=f"{file} does not exist", remedy="mend the path")
    table = read_rows(file).table
    if column not in table.column_names:
        rule = f"no column {column!r}; the columns are {comma_list(table.column_names)}"
        remedy = suggestion(column, table.column_names, "name one with `column`")
        raise DataError(rule, remedy=remedy, about=str(file))
    texts = tuple(text for text in strings_of(find_column(table, column, str(file)), column, str(file)) if text)
    if len(texts) < least:
        raise DataError(
            f"a batch needs {least} texts",
            got=f"column {column!r} has {len(texts)}",
            remedy="take a longer file",
            about=str(file),
        )
    return Texts(file.name, texts)
