"""Digests of a model: of its weights, and of the files that say how they are used.

Of a folder they cover every byte that decides a score: each tensor of each file that is read, ``config.json``, the
tokenizer's files, a sentence encoder's pooling, and Python code that the model brings along. Of a hub model they cover
its tensors, its ``config.json`` and its tokens; its commit, which they hold too, covers the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from zostudy.digests import DIGEST_LENGTH, digest_of, short_digest
from zostudy.errors import ModelError
from zostudy.lm.checkpoint import read_tensors, weight_files
from zostudy.lm.load_errors import load_errors_explained
from zostudy.lm.sources import ModelSource
from zostudy.lm.tokenizer import load_tokenizer, tokens_digest

# Endings of configurations, tokenizers and their vocabularies.
SETTINGS = {".bpe", ".codes", ".json", ".model", ".spm", ".tiktoken", ".tokenizer", ".txt", ".vocab"}

READ_BY_A_LOADER = {".json", ".model", ".safetensors", ".txt"}
SAMPLES, SAMPLE_BYTES = 16, 2**16


def model_digests(source: ModelSource) -> dict[str, str]:
    """Returns the digests that a study records of its model, each the start of a SHA-256 or of a commit.

    Returns:
        ``weights``, of all tensors; ``settings``, of a folder's other files, or of a hub model's configuration and
        tokens; and ``model``, the only one in earlier results: of samples of a folder's files, or the hub's commit. The
        hub's last two are there if its cache holds the configuration.

    Raises:
        ModelError: the weights or the tokenizer cannot be read.
    """
    digests = {"weights": weights_digest(source)[:DIGEST_LENGTH]}
    folder = Path(source.location)
    if folder.is_dir():
        return digests | {"settings": _of_settings(folder, source.trust_remote_code), "model": _of_samples(folder)}
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(source.location, "config.json", revision=source.revision)
    if not isinstance(cached, str):
        return digests
    config = Path(cached)
    settings = short_digest([config.read_bytes(), tokens_digest(load_tokenizer(source)).encode()])
    return digests | {"settings": settings, "model": config.parent.name[:DIGEST_LENGTH]}


def weights_digest(source: ModelSource) -> str:
    """Returns the SHA-256 of all tensors with their names: the same in one file or many, in a folder or from the hub.

    Raises:
        ModelError: they cannot be read.
    """
    with load_errors_explained(source), ThreadPoolExecutor() as threads:
        tensors = sorted(read_tensors(weight_files(source)).items())
        return digest_of(threads.map(_of_tensor, tensors))


def check_unchanged(source: ModelSource, recorded: Mapping[str, str]) -> None:
    """Checks that a model has the digests that a trial recorded.

    Args:
        source: where the model is.
        recorded: the trial's versions, those of ``model_digests`` among them.

    Raises:
        ModelError: it has changed since, or cannot be read.
    """
    now = model_digests(source)
    # A hub's commit also changes with files that no score depends on.
    in_folder = Path(source.location).is_dir()
    known = recorded.keys() & now.keys()  # a hub's settings are not, where another cache holds the configuration
    contents = known & {"weights", "settings"} or ({"model"} if in_folder else set())
    for content in sorted(contents, reverse=True):
        if recorded.get(content, now.get(content)) != now.get(content):
            got = f"had the digest {recorded[content]} then, and {now.get(content)} now"
            raise ModelError(
                "a trial's prompt works with the model it was tuned for",
                got=f"the {content} of {source.location} {got}",
                remedy="put that model back",
            )


def check_weights(source: ModelSource, recorded: str) -> None:
    """Checks that a model has the weights that the study was prepared with.

    Args:
        source: where the model is.
        recorded: ``weights`` of ``model_digests``.

    Raises:
        ModelError: they are others now, or cannot be read.
    """
    now = weights_digest(source)[:DIGEST_LENGTH]
    if now != recorded:
        raise ModelError(
            "every replica must read the weights that the study was prepared with",
            got=f"those of {source.location} had the digest {recorded} then, and {now} now",
            remedy="put that model back, on each node, and run again",
        )


def _of_tensor(named: tuple[str, Tensor]) -> bytes:
    name, tensor = named
    head = f"{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode()
    return bytes.fromhex(digest_of([head, tensor.reshape(-1).view(torch.uint8).numpy().data]))


def _of_settings(folder: Path, runs_code: bool) -> str:
    """Covers the folder and one level below, where a sentence encoder's parts lie; code that is run at all levels."""
    found = {file for pattern in ("*", "*/*") for file in folder.glob(pattern) if file.suffix in SETTINGS}
    files = sorted(found | set(folder.rglob("*.py") if runs_code else ()))
    contents = ((file.relative_to(folder), file.read_bytes()) for file in files if file.is_file())
    return short_digest(part for name, content in contents for part in (f"{name}\0{len(content)}\0".encode(), content))


def _of_samples(folder: Path) -> str:
    files = sorted(file for file in folder.iterdir() if file.suffix in READ_BY_A_LOADER and file.is_file())
    sizes = ((file, file.stat().st_size) for file in files)
    return short_digest(
        part for file, size in sizes for part in (f"{file.name}\0{size}\0".encode(), *_samples(file, size))
    )


def _samples(file: Path, size: int) -> list[bytes]:
    """Returns a small file whole, and blocks of a large one at even distances, its first and last included."""
    with file.open("rb") as content:
        if size <= SAMPLES * SAMPLE_BYTES:
            return [content.read()]
        samples = []
        for number in range(SAMPLES):
            content.seek(number * (size - SAMPLE_BYTES) // (SAMPLES - 1))
            samples.append(content.read(SAMPLE_BYTES))
        return samples
