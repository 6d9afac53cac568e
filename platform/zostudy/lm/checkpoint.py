"""The files that hold a model's weights: safetensors inside the model's folder, and no others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from safetensors import safe_open

from zostudy.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

    from zostudy.lm.sources import ModelSource

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
_LFS_POINTER = b"version https://git-lfs"
_SAVE_AGAIN = "save the model again with save_pretrained(folder)"


def weight_files(source: ModelSource) -> tuple[Path, ...]:
    """Returns the files that hold the weights: ``model.safetensors``, or those that its index lists.

    Files of the hub are downloaded unless they are in its cache. Call this within ``load_errors_explained``.

    Raises:
        ModelError: the model has none, or its index lists a file that is missing, outside the folder or no safetensors.
    """
    try:
        single = find_file(source, WEIGHTS_FILE)
    except FileNotFoundError:  # out of reach, but the hub's cache may hold the parts
        single = None
    if single is not None:
        return (_inside(source, WEIGHTS_FILE, single),)
    index = find_file(source, INDEX_FILE)
    if index is None:
        raise ModelError(
            f"weights must be in {WEIGHTS_FILE}, or in the files that {INDEX_FILE} lists",
            got=f"{source.location} has neither",
            remedy="save the model with save_pretrained(folder), which writes them",
        )
    return tuple(_shard(source, name) for name in _listed(source, index))


def read_tensors(files: Sequence[Path]) -> dict[str, Tensor]:
    """Returns all tensors by name; they are mapped from the files, and read when they are used.

    Raises:
        ModelError: two files hold a tensor of the same name.
    """
    tensors: dict[str, Tensor] = {}
    for file in files:
        with safe_open(file, framework="pt") as content:
            for name in content.keys():  # noqa: SIM118
                if name in tensors:
                    got = f"{name} is in {file} and in another that {INDEX_FILE} lists"
                    raise ModelError("each tensor must be in one file", got=got, remedy=_SAVE_AGAIN)
                tensors[name] = content.get_tensor(name)
    return tensors


def _listed(source: ModelSource, index: Path) -> list[str]:
    content = json.loads(index.read_text(encoding="utf-8"))
    weight_map = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(weight_map, dict) or not weight_map or not all(isinstance(f, str) for f in weight_map.values()):
        got = f"that of {source.location} has no such weight_map"
        raise ModelError(f"{INDEX_FILE} must map each tensor to its file", got=got, remedy=_SAVE_AGAIN)
    return sorted(set(weight_map.values()))


def _shard(source: ModelSource, name: str) -> Path:
    path = PurePosixPath(name)
    if path.suffix != ".safetensors":
        fault = "which is no safetensors file and would be unpickled"
    elif path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        fault = "which is not inside the model's folder"
    else:
        found = find_file(source, name)
        if found is not None:
            return _inside(source, name, found)
        fault = "which is missing"
    raise ModelError(
        "weights are read from *.safetensors inside the model's folder only",
        got=f"{INDEX_FILE} of {source.location} lists {name!r}, {fault}",
        remedy=_SAVE_AGAIN,
    )


def find_file(source: ModelSource, name: str) -> Path | None:
    """Returns the path of a model's file, or None if the model has no such file.

    Files of the hub are downloaded unless they are in its cache.

    Raises:
        FileNotFoundError: the hub is out of reach, and its cache does not tell.
    """
    folder = Path(source.location)
    if folder.is_dir():
        return folder / name if (folder / name).is_file() else None
    from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(source.location, name, revision=source.revision))
    except LocalEntryNotFoundError as error:
        if try_to_load_from_cache(source.location, name, revision=source.revision) is _CACHED_NO_EXIST:
            return None
        raise FileNotFoundError(f"the hub is out of reach, and its cache lacks {name}") from error
    except EntryNotFoundError:
        return None


def _inside(source: ModelSource, name: str, path: Path) -> Path:
    """Returns the path of a file that truly lies in the model's folder, or among the blobs of the hub's cache."""
    folder, target = Path(source.location), path.resolve()
    in_cache = target.parent.name == "blobs" and target.parent.parent.name.startswith("models--")
    if folder.is_dir() and not in_cache and not target.is_relative_to(folder.resolve()):
        raise ModelError(
            "weights are read from inside the model's folder only",
            got=f"{folder / name} is a link to {target}",
            remedy="copy the file into the folder, or name the folder that it lies in",
        )
    with path.open("rb") as file:
        if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
            got = f"{path} is a pointer of Git LFS"
            remedy = "run git lfs pull in the clone, or name the model by its id on the hub"
            raise ModelError("weights must be in the file itself", got=got, remedy=remedy)
    return path
