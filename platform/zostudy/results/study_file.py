"""The one reader of a stored ``study.yaml``: as strict as the reader of the file that a study is run from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zostudy.document import parse_document
from zostudy.errors import ResultsError, SpecError
from zostudy.results.filesystems import short_reason
from zostudy.results.storage import Storage
from zostudy.wording import one_line

STUDY_FILE = "study.yaml"


@dataclass(frozen=True)
class StoredStudy:
    """A study as it was stored.

    Attributes:
        text: the file, word for word.
        data: the file as plain data; its keys are text, but they are not checked to be those of a study.
    """

    text: str
    data: dict[str, Any]


def read_stored_study(storage: Storage, wanted_by: str, remedy: str) -> StoredStudy:
    """Returns the study file of a study.

    Args:
        storage: of the study's results.
        wanted_by: what needs the file, such as ``a report``.
        remedy: what to do other than putting the file back.

    Raises:
        ResultsError: the file is missing, cannot be read, or was not written by a run.
    """
    try:
        text = storage.read(STUDY_FILE).decode()
        return StoredStudy(text, parse_document(text, STUDY_FILE).data)
    except FileNotFoundError:
        otherwise = f"put it back, or {remedy}"
        raise ResultsError(
            f"{wanted_by} needs the study's own file",
            got=f"{storage / STUDY_FILE} is missing",
            remedy=otherwise if storage.is_folder() else storage.suggestion(otherwise),
        ) from None
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8"
    except OSError as error:
        reason = short_reason(error)
    except SpecError as error:
        reason = str(error)
    raise unreadable_study(storage, wanted_by, remedy, reason)


def check_same_study(storage: Storage, name: object, studies: Iterable[str]) -> None:
    """Raises a ``ResultsError`` unless the study file, which has this name, is that of the stored trials."""
    if others := sorted(study for study in {*studies} if study != name):
        raise ResultsError(
            "a results folder must hold the file of its own study",
            got=f"{storage / STUDY_FILE} is of {name}, and the trials are of {others[0]}",
            remedy="put the study's own file back",
        )


def unreadable_study(storage: Storage, wanted_by: str, remedy: str, reason: object) -> ResultsError:
    """Returns the error of a study file that does not hold what was written; its arguments are those of the reader."""
    return ResultsError(
        f"{wanted_by} needs the study's own file",
        got=f"{storage / STUDY_FILE} cannot be read ({one_line(reason)})",
        remedy=f"restore it as the run wrote it, or {remedy}",
    )
