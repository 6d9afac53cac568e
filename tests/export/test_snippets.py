from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from zostudy.export.snippets import peft_snippet, vllm_snippet
from zostudy.lm.sources import ModelSource


@pytest.mark.parametrize(("trail", "kept", "only"), [(0, "[:, 1:]", "[0]"), (2, "[:, 1:-2]", "[0, :-2]")])
def test_a_causal_model_is_not_given_the_tokens_behind_the_text(trail: int, kept: str, only: str) -> None:
    task = SimpleNamespace(
        second_text=None,
        template="{text} It was {mask}",
        label_words=("bad", "good"),
        label_tokens=(7, 8),
        class_names=("n", "p"),
    )
    manifest: Any = SimpleNamespace(task=task, model=SimpleNamespace(name="/models/mine", temperature=20.0))
    prompt: Any = SimpleNamespace(lead=(1,), trail=trail, keeps_space=False, vectors=torch.zeros(4, 8))
    source = ModelSource("/models/mine", None, "causal")
    peft, vllm = peft_snippet(manifest, prompt, source), vllm_snippet(manifest, prompt, source)
    compile(peft, "card", "exec")
    compile(vllm, "card", "exec")
    assert "trust_remote_code" not in peft + vllm
    assert f'["input_ids"]{kept}\n' in peft
    assert f'["input_ids"]{only}\n' in vllm
    source = ModelSource("/models/mine", None, "causal", trust_remote_code=True)
    peft, vllm = peft_snippet(manifest, prompt, source), vllm_snippet(manifest, prompt, source)
    assert peft.count("revision=None, trust_remote_code=True") == 2
    assert vllm.count("revision=None, trust_remote_code=True") == 3
    compile(peft, "card", "exec")
    compile(vllm, "card", "exec")
