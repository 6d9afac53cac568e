"""The texts that are scored: real ones of a file, or the embedded task's."""

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
        places = generator(0, "bench", "texts").choice(len(self.everything), size=n_texts, replace=False)
        return tuple(self.everything[place] for place in places)


def read_texts(file: Path | None, column: str, least: int) -> Texts:
    """Returns the texts of a file's column, empty ones left out; or those of the embedded task.

    Args:
        file: CSV, TSV, JSON (lines) or Parquet; None for the embedded task.
        column: of the file.
        least: how many texts there must be.

    Raises:
        DataError: the file cannot be read, has no such column, or too few texts.
    """
    if file is None:
        return Texts("reviews (embedded)", reviews().texts)
    if not file.is_file():
        raise DataError(f"--texts must name a file, but there is none at {file}; mend the path")
    table = read_rows(file).table
    if column not in table.column_names:
        there = comma_list(table.column_names)
        remedy = suggestion(column, table.column_names, "name one with --column")
        raise DataError(f"{file}: no column {column!r}; the columns are {there}; {remedy}")
    texts = tuple(text for text in strings_of(find_column(table, column, str(file)), column, str(file)) if text)
    if len(texts) < least:
        raise DataError(
            f"{file}: a batch needs {least} texts, but column {column!r} has {len(texts)}; take a longer file"
        )
    return Texts(file.name, texts)
