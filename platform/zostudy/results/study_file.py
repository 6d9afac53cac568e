"""A study's stored ``study.yaml``, read as strictly as the file that a study is run from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zostudy.config.document import parse_document
from zostudy.errors import ResultsError, SpecError
from zostudy.results.storage import Storage, short_reason

STUDY_FILE = "study.yaml"


@dataclass(frozen=True)
class StoredStudy:
    """A study as it was stored.

    Attributes:
        text: the file, word for word.
        data: what it says, as plain data; its keys are text, but which there are is not checked.
    """

    text: str
    data: dict[str, Any]


def read_stored_study(storage: Storage, wanted_by: str, remedy: str) -> StoredStudy:
    """Returns the study file in a study's storage.

    Args:
        storage: of the study's results.
        wanted_by: what needs the file, such as ``a report``.
        remedy: what else can be done than to put the file back.

    Raises:
        ResultsError: the file is missing, cannot be read, or is none that a run wrote.
    """
    try:
        text = storage.read(STUDY_FILE).decode()
        data = parse_document(text, STUDY_FILE).data
    except FileNotFoundError:
        fault = "is missing; put it back"
    except UnicodeDecodeError as error:
        fault = f"cannot be read (byte {error.start} is not UTF-8); restore it as the run wrote it"
    except OSError as error:
        fault = f"cannot be read ({short_reason(error)}); restore it as the run wrote it"
    except SpecError as error:
        fault = f"cannot be read ({error}); restore it as the run wrote it"
    else:
        return StoredStudy(text, data)
    raise ResultsError(f"{wanted_by} needs the study's own file, but {storage / STUDY_FILE} {fault}, or {remedy}")
