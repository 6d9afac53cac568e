"""A submitted study with what travels along: the package, and the files that its YAML names by relative paths.

An absolute path should lead to storage that every node sees, and stays as it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zostudy.config.contents import contents_name, files_read
from zostudy.config.known import study_path
from zostudy.config.overrides import override
from zostudy.config.paths import MODEL_NAME, TASK_FILE
from zostudy.config.study import StudySpec
from zostudy.digests import short_digest
from zostudy.document import parse_document
from zostudy.errors import SpecError
from zostudy.results.study_file import STUDY_FILE
from zostudy.yaml_text import dump_yaml

PACKAGE = Path(__file__).resolve().parents[1]
MOST_BYTES = 100 * 2**20


@dataclass(frozen=True)
class ShippedInput:
    """A data file or a model folder that travels with the study.

    Attributes:
        key: of the study file, such as ``("task", "file")``.
        given: the path in the study file.
        source: the absolute path here.
        files: the file itself, or the folder's files without hidden ones and without weights that are not safetensors,
            which zostudy never reads.
    """

    key: tuple[str, str]
    given: str
    source: Path
    files: tuple[Path, ...]

    @cached_property
    def n_bytes(self) -> int:
        """The size of all files."""
        return sum(file.stat().st_size for file in self.files)

    @cached_property
    def shipped(self) -> str:
        """The path in the shipment, which is the same exactly for the same contents."""
        return f"./{contents_name(self.source, self.files)}"

    def copy(self, folder: Path) -> None:
        """Copies the files to their paths in a shipment in ``folder``."""
        for file in self.files:
            target = folder / self.shipped / file.relative_to(self.source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


@dataclass(frozen=True)
class Shipment:
    """A study on its way to a cluster.

    Attributes:
        study: the study with every default filled in, as plain data; inputs by their paths in the shipment.
        inputs: the files and folders that travel with it.
    """

    study: dict[str, Any]
    inputs: tuple[ShippedInput, ...]

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.study["name"])

    @property
    def digest(self) -> str:
        """A digest of the study and of the contents of its inputs."""
        return short_digest([dump_yaml(self.study).encode()])

    def pack(self, folder: Path) -> dict[str, Any]:
        """Writes the shipment to an empty folder, and returns a runtime environment of Ray that uploads it.

        A job then runs in a copy of the folder and imports this very zostudy, so that the cluster needs only its
        dependencies. To stop the job is a Ctrl-C to the study.
        """
        cargo = folder / "study"
        cargo.mkdir()
        (cargo / STUDY_FILE).write_text(dump_yaml(self.study), encoding="utf-8")
        for part in self.inputs:
            part.copy(cargo)
        return {
            "working_dir": str(cargo),
            "py_modules": [str(PACKAGE), str(_write_version(folder))],
            "excludes": ["__pycache__"],
            "env_vars": {
                "PYTHONUNBUFFERED": "1",
                "RAY_JOB_STOP_SIGNAL": "SIGINT",
                "RAY_JOB_STOP_WAIT_TIME_S": "30",
            },
        }


def make_shipment(path: Path, overrides: Sequence[str], spec: StudySpec) -> Shipment:
    """Returns a study with its inputs.

    Args:
        path: the study file, or the name of a shipped study.
        overrides: the settings it was loaded with.
        spec: from ``load_study`` of both.

    Raises:
        SpecError: the inputs are too large to travel.
    """
    file = study_path(path)
    written = override(parse_document(file.read_text(encoding="utf-8-sig"), str(file)), overrides).data
    study = spec.resolved()
    inputs = []
    for section, key in (TASK_FILE, MODEL_NAME):
        given, absolute = written.get(section, {}).get(key), study[section].get(key)
        if given and not os.path.isabs(given) and os.path.isabs(absolute):
            inputs.append(ShippedInput((section, key), given, Path(absolute), files_read(Path(absolute))))
    _check_size(inputs)
    for part in inputs:
        section, key = part.key
        study[section] = study[section] | {key: part.shipped}
    return Shipment(study, tuple(inputs))


def mebibytes(n_bytes: int) -> str:
    """Returns a size such as ``1.5 MiB``."""
    return f"{n_bytes / 2**20:,.1f} MiB"


def _check_size(inputs: Sequence[ShippedInput]) -> None:
    if sum(part.n_bytes for part in inputs) <= MOST_BYTES:
        return
    sizes = " and ".join(f"{'.'.join(part.key)} {part.given} has {mebibytes(part.n_bytes)}" for part in inputs)
    raise SpecError(
        f"at most {mebibytes(MOST_BYTES)} travel with a study",
        got=sizes,
        remedy="put large inputs on shared storage, and give their absolute paths, the same on every node",
    )


def _write_version(folder: Path) -> Path:
    """Writes the metadata that tells the shipped package its version; returns their folder."""
    number = version("zostudy")
    info = folder / f"zostudy-{number}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zostudy\nVersion: {number}\n", encoding="utf-8")
    return info
