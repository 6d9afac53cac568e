"""Operations counted by hand against those that torch sees, where the evaluator runs on operators torch counts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from zostudy.bench.flops import count_flops
from zostudy.bench.models import SUBSPACE_DIM, BenchModel, draw_latents, open_model, read_weights
from zostudy.bench.texts import read_texts
from zostudy.lm.frozen import FORWARD_TOKENS, FrozenLM
from zostudy.lm.sources import minilm_installed

MINILM = pytest.param("minilm", marks=pytest.mark.skipif(not minilm_installed(), reason="no minilm package"))


def seen_by_torch(bench_model: BenchModel, rows: NDArray[np.int32]) -> int:
    lm = FrozenLM(bench_model.spec, read_weights(bench_model, "float32"), bench_model.task)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        lm.score(draw_latents(len(rows)), rows)
    return int(counter.get_total_flops())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mini-roberta", "mini-gpt2", "mini-llama", MINILM])
@pytest.mark.parametrize("forward_tokens", [150, 2048])
def test_each_matrix_product_counts(monkeypatch: pytest.MonkeyPatch, name: str, forward_tokens: int) -> None:
    monkeypatch.setattr("zostudy.lm.linear._onednn_multiplies", lambda dtype: False)
    monkeypatch.setitem(FORWARD_TOKENS, "cpu", forward_tokens)
    with open_model(name, read_texts(None, "", 1)) as bench_model:
        rows = bench_model.rows[:3, :7]
        shape = read_weights(bench_model, "float32").architecture
        counted = count_flops(shape, bench_model.task, rows, bench_model.spec.prompt_tokens, SUBSPACE_DIM)
        assert counted == seen_by_torch(bench_model, rows)
