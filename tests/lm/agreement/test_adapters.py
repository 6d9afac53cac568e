"""The real PEFT, on adapters of models that scale, project or lack what others have: the evaluator's scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel

from zostudy.config.model import ModelSpec
from zostudy.export.exporting import write_adapter
from zostudy.export.prompt import TunedPrompt
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.frozen import make_evaluator
from zostudy.lm.sources import ModelSource
from zostudy.lm.weights import load_model

SPEC = ModelSpec(name="random", prompt_tokens=4)
FAMILIES = ("albert", "bart", "bloom", "cohere", "gemma", "gemma2", "gemma3_text", "granite", "mamba", "mpnet", "opt")


@pytest.mark.slow
@pytest.mark.parametrize("family", [*FAMILIES, "llama", "roberta"])
def test_peft_scores_as_the_evaluator_does(
    tiny_model: Callable[..., ModelSource], random_task: Callable[..., EncodedTask], tmp_path: Path, family: str
) -> None:
    source = tiny_model(family)
    task = random_task(source.head)
    evaluator = make_evaluator(SPEC, source, task, "float32")
    latent = np.random.default_rng(0).standard_normal((1, 6)).astype(np.float32)
    nothing: Any = None
    prompt = TunedPrompt(
        vectors=evaluator.prompts(latent, 3)[0],
        start=nothing,
        lead=tuple(task.tokens[: task.lead].tolist()),
        trail=0,
        label_tokens=tuple(task.label_tokens.tolist()),
        keeps_space=False,
        embeddings=evaluator.embeddings,
        tokenizer=nothing,
    )
    (tmp_path / "adapter").mkdir()
    write_adapter(tmp_path / "adapter", prompt, source)
    model = PeftModel.from_pretrained(load_model(source, torch.float32), tmp_path / "adapter").eval()
    rows = np.array([[0, 5, 11]], np.int32)
    scores = evaluator.score(latent, rows, 3)[0]
    for row, expected in zip(rows[0], scores, strict=True):
        ids = torch.from_numpy(task.tokens[task.offsets[row] + task.lead : task.offsets[row + 1]]).long()
        with torch.inference_mode():
            logits = model(input_ids=ids[None]).logits[0]
        position = int(task.answers[row]) + SPEC.prompt_tokens
        np.testing.assert_allclose(logits[position, list(prompt.label_tokens)], expected, rtol=1e-4, atol=1e-4)
