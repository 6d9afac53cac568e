"""The texts that are scored: real ones of a file, or the embedded task's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zostudy.errors import DataError
from zostudy.randomness import generator
from zostudy.tasks.files import read_frame
from zostudy.tasks.reviews import reviews


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
        """Returns so many texts, drawn without repeats, always the same."""
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
    frame = read_frame(file)
    if column not in frame:
        raise DataError(f"{file}: no column {column!r}; name one with --column: {', '.join(map(str, frame.columns))}")
    texts = tuple(text for text in frame[column].tolist() if isinstance(text, str) and text.strip())
    if len(texts) < least:
        raise DataError(
            f"{file}: a batch needs {least} texts, but column {column!r} has {len(texts)}; take a longer file"
        )
    return Texts(file.name, texts)
