"""Random numbers as a pure function of seed and use, so that timing, replicas and resumes cannot change them."""

from __future__ import annotations

import zlib

import numpy as np


def generator(seed: int, *path: int | str) -> np.random.Generator:
    """Returns a counter-based generator that depends on nothing but its arguments.

    Args:
        seed: the study's or trial's seed, at least 0.
        path: names the use, for example ``("batch", step)``. As long as numbers stay below 2**32, two paths name one
            stream only by chance: a word stands for its CRC-32.
    """
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else int(part) for part in path]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy=seed, spawn_key=words)))


def derive_seed(seed: int, *path: int | str) -> int:
    """Returns a seed below 2**31 for a part of the study, a pure function of its arguments."""
    return int(generator(seed, *path).integers(2**31))
