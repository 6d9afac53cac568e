"""The prompt as PEFT's prompt tuning reads it: the same vectors at the same positions, so the same logits.

PEFT puts its virtual tokens in front of the whole input; a study puts the prompt behind the tokenizer's leading
special tokens, such as RoBERTa's ``<s>``. So those tokens' embeddings are the adapter's first vectors, and the input
goes without these tokens. Positions follow: both count on from the first vector.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save

from zostudy.export.manifest import ADAPTER_CONFIG_FILE, ADAPTER_FILE
from zostudy.export.prompt import TunedPrompt
from zostudy.lm.sources import ModelSource, load_config

_TASK_TYPES = {"causal": "CAUSAL_LM", "masked": "FEATURE_EXTRACTION", "encoder": "FEATURE_EXTRACTION"}


def write_adapter(folder: Path, prompt: TunedPrompt, source: ModelSource) -> None:
    """Writes an adapter that ``peft.PeftModel.from_pretrained`` loads.

    PEFT has no task type for masked models; FEATURE_EXTRACTION hands on what the base model returns, its logits here.
    """
    vectors = torch.cat([prompt.lead_vectors, prompt.vectors]).contiguous()
    model = load_config(source).get_text_config()
    config = {
        "peft_type": "PROMPT_TUNING",
        "task_type": _TASK_TYPES[source.head],
        "base_model_name_or_path": source.location,
        "revision": source.revision,
        "inference_mode": True,
        "num_virtual_tokens": len(vectors),
        "token_dim": vectors.shape[1],
        "num_transformer_submodules": 1,
        "num_attention_heads": getattr(model, "num_attention_heads", 1),  # PEFT asks for it even without attention
        "num_layers": model.num_hidden_layers,
        "prompt_tuning_init": "RANDOM",
    }
    (folder / ADAPTER_CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / ADAPTER_FILE).write_bytes(save({"prompt_embeddings": vectors}, metadata={"format": "pt"}))
