"""Operations counted by hand against those that torch sees, where the evaluator runs on operators torch counts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from zostudy.bench.flops import count_flops
from zostudy.bench.subjects import SUBSPACE_DIM, Subject, draw_latents, open_subject, read_weights
from zostudy.bench.texts import read_texts
from zostudy.lm.frozen import FORWARD_TOKENS, FrozenLM
from zostudy.lm.sources import minilm_installed

MINILM = pytest.param("minilm", marks=pytest.mark.skipif(not minilm_installed(), reason="no minilm package"))


def seen_by_torch(subject: Subject, rows: NDArray[np.int32]) -> int:
    lm = FrozenLM(subject.spec, read_weights(subject, "float32"), subject.task)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        lm.score(draw_latents(len(rows)), rows)
    return int(counter.get_total_flops())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mini-roberta", "mini-gpt2", "mini-llama", MINILM])
@pytest.mark.parametrize("forward_tokens", [150, 2048])
def test_each_matrix_product_counts(monkeypatch: pytest.MonkeyPatch, name: str, forward_tokens: int) -> None:
    monkeypatch.setattr("zostudy.lm.linear._onednn_multiplies", lambda dtype: False)
    monkeypatch.setitem(FORWARD_TOKENS, "cpu", forward_tokens)
    with open_subject(name, read_texts(None, "", 1)) as subject:
        rows = subject.rows[:3, :7]
        shape = read_weights(subject, "float32").architecture
        counted = count_flops(shape, subject.task, rows, subject.spec.prompt_tokens, SUBSPACE_DIM)
        assert counted == seen_by_torch(subject, rows)
