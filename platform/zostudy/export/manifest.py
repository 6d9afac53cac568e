"""The folder of an export, and its manifest ``zostudy.json``, which programs read to label texts."""

from __future__ import annotations

import math
import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from zostudy.config.field_types import broken_rule
from zostudy.config.known import HeadKind
from zostudy.config.model import ModelSpec
from zostudy.errors import ResultsError
from zostudy.export.identity import Identity
from zostudy.export.task import ExportedTask
from zostudy.results.decision import Decision
from zostudy.results.study_file import STUDY_FILE

MANIFEST_FILE = "zostudy.json"
PROMPT_FILE = "prompt_embeds.safetensors"
ADAPTER_FILE = "adapter_model.safetensors"
ADAPTER_CONFIG_FILE = "adapter_config.json"
CARD_FILE = "README.md"
FILES = (MANIFEST_FILE, PROMPT_FILE, ADAPTER_FILE, ADAPTER_CONFIG_FILE, CARD_FILE)
PROMPT_KEY = "prompt_embeds"
EXPORT_AGAIN = "export the trial again"


class Manifest(BaseModel):
    """The content of ``zostudy.json``.

    Attributes:
        format: version of this file's format.
        model: the frozen model, with the dtype of the study's run.
        embeddings: SHA-256 of the model's input embeddings in that dtype, by which another model is refused.
        identity: the rest of the model, for the same purpose; None in earlier exports.
        decision: the rule by which scores become a class.
        versions: of zostudy and its libraries, and the digest of the data, when the trial ran.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    format: Literal[1] = 1
    study: str
    cell: str
    trial: str
    method: str
    imbalance_ratio: float
    model: ModelSpec
    head: HeadKind
    embeddings: str
    identity: Identity | None = None
    task: ExportedTask
    decision: Decision
    versions: dict[str, str]

    @model_validator(mode="after")
    def _decides_between_its_classes(self) -> Manifest:
        names, threshold = self.task.class_names, self.decision.threshold
        if len(names) < 2 or len(set(names)) < len(names) or len(self.task.label_words) != len(names):
            raise broken_rule(
                "must have two classes or more of different names, and a label word for each", EXPORT_AGAIN
            )
        if threshold is not None and (len(names) != 2 or not math.isfinite(threshold)):
            raise broken_rule("must have a threshold that is finite, for two classes only", EXPORT_AGAIN)
        return self

    @property
    def decision_text(self) -> str:
        """The decision in words."""
        if self.decision.threshold is None:
            return "the class with the highest score"
        first, second = self.task.class_names
        return (
            f"{second!r} where its probability is above {self.decision.probability:.6g}, the threshold chosen on dev, "
            f"else {first!r}"
        )


def read_manifest(folder: Path) -> Manifest:
    """Returns the manifest of an export.

    Raises:
        ResultsError: the folder holds no export, or one of another format.
    """
    path, remedy = folder / MANIFEST_FILE, EXPORT_AGAIN
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        fault = f"there is no {path}"
        given = shlex.quote(str(folder))
        is_study = (folder / STUDY_FILE).exists()
        own = f"zostudy export {given} best --to EXPORT, and name EXPORT"
        remedy = f"make it with: {own if is_study else f'zostudy export DIR TRIAL --to {given}'}"
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        fault = f"{path} is not a manifest ({where}: {first['msg']})"
    except (OSError, UnicodeDecodeError) as error:
        fault = f"{path} cannot be read ({error})"
    raise ResultsError("an exported prompt must hold its manifest", got=fault, remedy=remedy)


def check_replaceable(out: Path) -> None:
    """Checks that a folder is missing, empty, or an earlier export without other files.

    Raises:
        ResultsError: it is a file or holds other files.
    """
    if not out.exists():
        return
    others = sorted(set(os.listdir(out)) - set(FILES)) if out.is_dir() else [out.name]
    if others:
        rule = "must be a new folder, or an earlier export to replace"
        raise ResultsError(rule, got=f"{out} holds {others[0]}", remedy="name another folder", about="`to`")


def _replace_files(new: Path, out: Path) -> None:
    """Replaces the files of an export. The manifest is away meanwhile, so that files of two exports make none."""
    (out / MANIFEST_FILE).unlink(missing_ok=True)
    for file in sorted(new.iterdir(), key=lambda file: file.name == MANIFEST_FILE):
        file.replace(out / file.name)


@contextmanager
def atomic_folder(out: Path) -> Iterator[Path]:
    """Yields a temporary folder whose files replace those of ``out`` at the end. After an error ``out`` is unchanged.

    Raises:
        ResultsError: the folder cannot be written.
    """
    out = out.absolute()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out if out.is_dir() else out.parent) as scratch:
            new = Path(scratch) / "new"
            new.mkdir()
            yield new
            if out.is_dir():  # which may be a mounted volume or the working directory, so the folder itself stays
                _replace_files(new, out)
            else:
                new.rename(out)
    except OSError as error:
        fault = f"{out} is not ({error.strerror or error})"
        raise ResultsError(
            "must be a folder that can be written", got=fault, remedy="name another one", about="`to`"
        ) from error
