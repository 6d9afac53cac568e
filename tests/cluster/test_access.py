"""States and gradients through micro-batches and pools: asked for by name, and cut like scores."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.cluster.micro_batches import cut_queries
from zostudy.cluster.pool import LocalPool
from zostudy.methods.queries import Access


class Open:
    """Answers each question with numbers of its own, of a width of its own."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        return np.repeat(rows[..., None] + 0.25, 2, axis=-1).astype(np.float32)

    def states(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        return np.repeat(rows[..., None] + 0.5, 5, axis=-1).astype(np.float32)

    def gradients(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        return np.repeat(rows[..., None] + 0.75, 2 * (1 + latents.shape[1]), axis=-1).astype(np.float32)


WIDTHS = {"scores": (2, 0.25), "states": (5, 0.5), "gradients": (8, 0.75)}


def test_every_access_is_known() -> None:
    assert set(WIDTHS) == set(get_args(Access))


@pytest.mark.parametrize("access", get_args(Access))
def test_a_pool_gives_what_is_asked_for_in_the_order_of_the_rows(access: Access) -> None:
    rows = np.arange(33, dtype=np.int32).reshape(3, 11)
    latents = np.zeros((3, 3), dtype=np.float32)
    buffer = LocalPool(Open(), micro_batch_size=4).score(latents, rows, seed=1, access=access)
    width, mark = WIDTHS[access]
    assert buffer.scores.shape == (3, 11, width)
    np.testing.assert_array_equal(buffer.scores, np.repeat(rows[..., None] + mark, width, axis=-1))


@pytest.mark.parametrize("access", get_args(Access))
def test_what_is_asked_for_is_asked_in_the_named_wording(access: Access) -> None:
    class Shifted(Open):
        def __getattribute__(self, name: str) -> object:
            answer = super().__getattribute__(name)
            return lambda latents, rows, *rest: answer(latents, rows + 100, *rest)

    rows, latents = np.arange(6, dtype=np.int32).reshape(1, 6), np.zeros((1, 3), dtype=np.float32)
    pool = LocalPool({"default": Open(), "odd": Shifted()}, micro_batch_size=4)
    own = pool.score(latents, rows, seed=1, access=access).scores
    odd = pool.score(latents, rows, seed=1, access=access, wording="odd").scores
    np.testing.assert_array_equal(odd, own + 100)


def test_micro_batches_ask_for_scores_unless_told_otherwise() -> None:
    rows = np.zeros((1, 4), dtype=np.int32)
    [batch] = cut_queries(np.zeros((1, 3), dtype=np.float32), rows, 0, 1, 4)
    assert batch.access == "scores"
