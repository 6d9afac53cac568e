"""Random directions with mean 0 and covariance the identity: a pure function of seed, step and stage."""

from __future__ import annotations

import numpy as np

from zostudy.methods.options import Law
from zostudy.methods.queries import Latents
from zostudy.randomness import generator


def draw_directions(law: Law, seed: int, step: int, stage: str, count: int, dim: int) -> Latents:
    """Returns float32 ``[count, dim]`` independent directions u with E[u] = 0 and E[u u'] = I.

    Args:
        law: ``rademacher`` (signs), ``gaussian``, or ``sphere`` (uniform, of length sqrt(dim)).
        seed: the trial's seed.
        step: number of the step.
        stage: the use within the step; other stages see independent directions.
        count: directions drawn. Fewer directions are the first of more.
        dim: dimension d of the latent.
    """
    noise = generator(seed, "directions", step, stage)
    if law == "rademacher":
        return (2 * noise.integers(0, 2, size=(count, dim), dtype=np.int8) - 1).astype(np.float32)
    normal = noise.standard_normal((count, dim))
    if law == "sphere":
        normal *= np.sqrt(dim) / np.linalg.norm(normal, axis=1, keepdims=True)
    return normal.astype(np.float32)
