"""What tells a model from another of the same name: a hub commit, or samples of a folder's files.

A whole digest of a large model takes as long as reading it. Weights that were trained on, converted or replaced differ
all over, so a few places of each file tell.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from zostudy.lm.sources import ModelSource
from zostudy.spec.contents import DIGEST_LENGTH

READ_BY_A_LOADER = {".json", ".model", ".safetensors", ".txt"}
SAMPLES, SAMPLE_BYTES = 16, 2**16


def model_digest(source: ModelSource) -> str | None:
    """Returns what changes when the model's files do: the start of a SHA-256 of a folder, or of the hub a commit.

    None where the hub's files lie in no cache that could tell.
    """
    folder = Path(source.location)
    if folder.is_dir():
        return _of_folder(folder)
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(source.location, "config.json", revision=source.revision)
    return Path(cached).parent.name[:DIGEST_LENGTH] if isinstance(cached, str) else None


def _of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in READ_BY_A_LOADER and file.is_file():
            size = file.stat().st_size
            digest.update(f"{file.name}\0{size}\0".encode())
            for sample in _samples(file, size):
                digest.update(sample)
    return digest.hexdigest()[:DIGEST_LENGTH]


def _samples(file: Path, size: int) -> list[bytes]:
    """Returns all of a small file, and of a large one blocks at even distances, the first and the last included."""
    with file.open("rb") as content:
        if size <= SAMPLES * SAMPLE_BYTES:
            return [content.read()]
        samples = []
        for number in range(SAMPLES):
            content.seek(number * (size - SAMPLE_BYTES) // (SAMPLES - 1))
            samples.append(content.read(SAMPLE_BYTES))
        return samples
