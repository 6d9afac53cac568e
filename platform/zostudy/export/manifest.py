"""What an export holds, and ``zostudy.json`` in it: what is needed to label texts with the prompt, for programs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from zostudy.config.study import HeadKind, ModelSpec
from zostudy.errors import ResultsError
from zostudy.export.decision import Decision
from zostudy.export.identity import Identity
from zostudy.tasks.templates import Template, Wording

MANIFEST_FILE = "zostudy.json"
PROMPT_FILE = "prompt_embeds.safetensors"
ADAPTER_FILE = "adapter_model.safetensors"
ADAPTER_CONFIG_FILE = "adapter_config.json"
CARD_FILE = "README.md"
FILES = (MANIFEST_FILE, PROMPT_FILE, ADAPTER_FILE, ADAPTER_CONFIG_FILE, CARD_FILE)
PROMPT_KEY = "prompt_embeds"


class ExportedTask(BaseModel):
    """How the model is asked.

    Attributes:
        name: the task's.
        text: the text column of the study's data.
        second_text: the second text column of pair tasks, or None.
        template: the words around the text.
        label_words: one a class; for an encoder a text a class.
        label_tokens: their token ids; empty for an encoder.
        class_names: in label order.
        truncate: whether texts too long for the model are cut.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    text: str
    second_text: str | None
    template: str
    label_words: tuple[str, ...]
    label_tokens: tuple[int, ...]
    class_names: tuple[str, ...]
    truncate: bool

    @property
    def wording(self) -> Wording:
        """Template and label words."""
        return Wording(Template.parse(self.template), self.label_words)


class Manifest(BaseModel):
    """An exported prompt.

    Attributes:
        format: of this file.
        study: the study's name; as with ``cell``, ``trial``, ``method`` and ``imbalance_ratio``.
        model: the frozen model; head and dtype are those the study ran with.
        head: how a text is scored.
        embeddings: SHA-256 of the model's input embeddings in that dtype: another model is refused.
        identity: the rest of the model, to the same end; None in earlier exports.
        task: how the model is asked.
        decision: how scores become a class.
        versions: of zostudy and of what it stands on, and the digest of the data, when the trial ran.
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


def read_manifest(folder: Path) -> Manifest:
    """Returns the manifest of an export.

    Raises:
        ResultsError: the folder holds no export, or one of another format.
    """
    path = folder / MANIFEST_FILE
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        fault = f"there is no {path}; make it with: zostudy export DIR TRIAL --to {shlex.quote(str(folder))}"
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        fault = f"{path} is none ({where}: {first['msg']}); export the trial again"
    except (OSError, UnicodeDecodeError) as error:
        fault = f"{path} cannot be read ({error}); export the trial again"
    raise ResultsError(f"an exported prompt must hold its manifest, but {fault}")
