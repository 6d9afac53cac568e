"""Models of every family at tiny size, their weights random but for the seed, and token ids to score with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

from zostudy.config.known import HeadKind
from zostudy.lm.sources import ModelSource

VOCABULARY = 60
_LOADERS: dict[HeadKind, Any] = {"masked": AutoModelForMaskedLM, "causal": AutoModelForCausalLM, "encoder": AutoModel}
_IDS = {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3}
_COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
} | _IDS
_DECODER = _COMMON | {"num_key_value_heads": 2}
_GEMMA = _DECODER | {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 8}
_GPT = {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64} | _IDS
_BART = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 64,
    "is_encoder_decoder": False,
    "is_decoder": True,
} | _IDS
_MAMBA = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8} | _IDS

_FAMILIES: dict[str, tuple[HeadKind, dict[str, Any]]] = {
    "bert": ("masked", _COMMON),
    "roberta": ("masked", _COMMON | {"type_vocab_size": 1}),
    "xlm-roberta": ("masked", _COMMON),
    "camembert": ("masked", _COMMON),
    "gpt2": ("causal", _GPT),
    "llama": ("causal", _DECODER | {"attention_bias": True, "mlp_bias": True}),
    "mistral": ("causal", _DECODER | {"sliding_window": None}),
    "qwen2": ("causal", _DECODER),
    "albert": ("masked", _COMMON | {"embedding_size": 16}),
    "convbert": ("masked", _COMMON | {"embedding_size": 16}),
    "data2vec-text": ("masked", _COMMON),
    "deberta": ("masked", _COMMON),
    "deberta-v2": ("masked", _COMMON | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}),
    "distilbert": (
        "masked",
        {"vocab_size": VOCABULARY, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "pad_token_id": 1},
    ),
    "electra": ("masked", _COMMON | {"embedding_size": 16}),
    "fnet": ("masked", _COMMON | {"tpu_short_seq_length": 64}),
    "longformer": ("masked", _COMMON | {"attention_window": [8, 8]}),
    "mobilebert": (
        "masked",
        _COMMON | {"embedding_size": 32, "true_hidden_size": 32, "intra_bottleneck_size": 32, "use_bottleneck": False},
    ),
    "modernbert": ("masked", _COMMON | {"local_attention": 8, "cls_token_id": 2, "sep_token_id": 3}),
    "mpnet": ("masked", _COMMON),
    "roformer": ("masked", _COMMON | {"embedding_size": 16}),
    "bart": ("causal", _BART | {"scale_embedding": True}),
    "bloom": ("causal", {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4} | _IDS),
    "cohere": ("causal", _DECODER | {"logit_scale": 0.25}),
    "cohere2": ("causal", _DECODER | {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]}),
    "falcon": ("causal", _COMMON),
    "gemma": ("causal", _DECODER | {"head_dim": 8}),
    "gemma2": ("causal", _GEMMA | {"final_logit_softcapping": 3.0}),
    "gemma3_text": ("causal", _GEMMA),
    "gpt_neox": ("causal", _COMMON),
    "gptj": ("causal", _GPT | {"rotary_dim": 4}),
    "granite": (
        "causal",
        _DECODER | {"embedding_multiplier": 12.0, "logits_scaling": 8.0, "attention_multiplier": 0.2},
    ),
    "mamba": ("causal", _MAMBA),
    "mixtral": ("causal", _DECODER | {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "olmo2": ("causal", _DECODER),
    "opt": ("causal", _COMMON | {"ffn_dim": 48, "word_embed_proj_dim": 16}),
    "phi3": ("causal", _DECODER),
    "qwen3": ("causal", _DECODER | {"head_dim": 8}),
    "stablelm": ("causal", _DECODER),
    "xglm": (
        "causal",
        {"vocab_size": VOCABULARY, "d_model": 32, "num_layers": 2, "attention_heads": 4, "ffn_dim": 48} | _IDS,
    ),
}


@pytest.fixture
def tiny_model(tmp_path: Path) -> Callable[..., ModelSource]:
    """Saves a random model of a family to ``tmp_path``; keywords change its configuration."""

    def make(family: str, head: HeadKind | None = None, **changed: Any) -> ModelSource:
        usual, options = _FAMILIES[family]
        torch.manual_seed(0)
        model = _LOADERS[head or usual].from_config(AutoConfig.for_model(family, **options | changed))
        with torch.no_grad():  # norms and biases that are not 1 and 0, or a test could not see them
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        model.save_pretrained(tmp_path)
        return ModelSource(str(tmp_path), None, head or usual)

    return make
