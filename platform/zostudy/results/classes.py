"""The classes of a study, stored beside its results: the word that stands for each, and how many rows it has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from zostudy.errors import ResultsError
from zostudy.results.filesystems import short_reason
from zostudy.results.storage import Storage
from zostudy.results.table_formats import Table

CLASSES_FILE = "classes.json"


@dataclass(frozen=True)
class StudyClass:
    """A class of a study.

    Attributes:
        name: in the data.
        asked: the text that the model chooses for it: its label word, or for an encoder its label text.
        is_minority: whether it is made rare.
        train: training rows at each imbalance ratio.
        dev: dev rows at each imbalance ratio.
        test: test rows.
    """

    name: str
    asked: str
    is_minority: bool
    train: tuple[int, ...]
    dev: tuple[int, ...]
    test: int


@dataclass(frozen=True)
class StudyClasses:
    """All classes of a study, in label order.

    Attributes:
        asked: how the texts ``asked`` of the classes are called: ``label word``, or ``label text`` for an encoder.
        ratios: the imbalance ratios.
        classes: one a label.
        ratio_labels: the ratios as tables show them; empty where an older zostudy stored none.
        template: the words around a text; empty where an older zostudy stored none.
    """

    asked: str
    ratios: tuple[float, ...]
    classes: tuple[StudyClass, ...]
    ratio_labels: tuple[str, ...] = ()
    template: str = ""


def class_table(classes: StudyClasses) -> Table:
    """Returns a table with a row for each class; counts that differ by ratio stand in the ratios' order."""
    at = f"at ratio {', '.join(classes.ratio_labels or (f'{ratio:g}' for ratio in classes.ratios))}"
    rows = tuple(
        (
            each.name,
            each.asked,
            "yes" if each.is_minority else "-",
            counts_text(each.train),
            counts_text(each.dev),
            f"{each.test:,}",
        )
        for each in classes.classes
    )
    return Table(("class", classes.asked, "minority", f"train {at}", f"dev {at}", "test"), rows, text_columns=3)


def counts_text(counts: Sequence[int]) -> str:
    """Returns the counts at all ratios; equal ones once."""
    return f"{counts[0]:,}" if len(set(counts)) == 1 else ", ".join(map(str, counts))


def write_classes(storage: Storage, classes: StudyClasses) -> None:
    """Stores the classes beside a study's results.

    Raises:
        ResultsError: the file cannot be written.
    """
    storage.write(CLASSES_FILE, json.dumps(asdict(classes), indent=2).encode())


def read_classes(storage: Storage) -> StudyClasses | None:
    """Returns the classes that ``write_classes`` stored; None where an older zostudy stored none.

    Raises:
        ResultsError: the file cannot be read.
    """
    from pydantic import TypeAdapter

    try:
        classes: StudyClasses = TypeAdapter(StudyClasses).validate_json(storage.read(CLASSES_FILE))
        _check(classes)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = short_reason(error) if isinstance(error, OSError) else "no run wrote it like this"
        raise ResultsError(
            "a study's classes must be stored beside its results",
            got=f"{storage / CLASSES_FILE} cannot be read ({reason})",
            remedy="run the study again, which writes it anew, or remove it",
        ) from error
    return classes


def _check(classes: StudyClasses) -> None:
    lengths = {len(counts) for each in classes.classes for counts in (each.train, each.dev)}
    if not classes.classes or lengths != {len(classes.ratios)} or not classes.ratios:
        raise ValueError("a class has a count of rows for each ratio")
