"""Weights out of a transformers model, under one set of names, with projections that share an input joined.

Names: ``embeddings`` ``[V, D]``, ``positions`` ``[P, D]`` or ``rotary.cos``/``rotary.sin`` ``[P, head_dim]``,
``start_norm.*``, ``end_norm.*``, ``head.*``, and for layer i ``i.attention_norm.*``, ``i.qkv.*``, ``i.out.*``,
``i.mlp_norm.*``, ``i.up.*`` (gate and up joined where gated), ``i.down.*``. Linear weights are ``[out, in]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from zostudy.lm.architecture import ACTIVATIONS, Activation, Architecture

Tensors = dict[str, Tensor]


# transformers' names inside a layer; projections that share an input are joined.
_BERT_LAYER = {
    "qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "out": ("attention.output.dense",),
    "attention_norm": ("attention.output.LayerNorm",),
    "up": ("intermediate.dense",),
    "down": ("output.dense",),
    "mlp_norm": ("output.LayerNorm",),
}
_GPT2_LAYER = {
    "attention_norm": ("ln_1",),
    "qkv": ("attn.c_attn",),
    "out": ("attn.c_proj",),
    "mlp_norm": ("ln_2",),
    "up": ("mlp.c_fc",),
    "down": ("mlp.c_proj",),
}
_LLAMA_LAYER = {
    "attention_norm": ("input_layernorm",),
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "out": ("self_attn.o_proj",),
    "mlp_norm": ("post_attention_layernorm",),
    "up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}


def extract(model: Any, family: str, label_tokens: Tensor, n_positions: int) -> tuple[Architecture, Tensors]:
    """Returns the architecture and the tensors of a loaded model, in the model's dtype.

    Args:
        model: a transformers model; for the encoder head a bare body.
        family: from ``packed_family``.
        label_tokens: int64 ``[C]``, the rows of the output layer to keep; empty for the encoder head.
        n_positions: longest input in tokens, prompt included.
    """
    tensors: Tensors = {}
    architecture = {"bert": _bert, "gpt2": _gpt2, "llama": _llama}[family](model, tensors, n_positions)
    if len(label_tokens):
        vocabulary = model.get_output_embeddings()
        tensors["head.rows.weight"] = vocabulary.weight[label_tokens]
        if vocabulary.bias is not None:
            tensors["head.rows.bias"] = vocabulary.bias[label_tokens]
    return architecture, tensors


def _bert(model: Any, into: Tensors, n_positions: int) -> Architecture:
    body, config = model.base_model, model.config
    table = body.embeddings.position_embeddings.weight
    offset = 0 if config.model_type == "bert" else config.pad_token_id + 1
    into["embeddings"] = body.embeddings.word_embeddings.weight
    into["positions"] = table[offset : offset + n_positions] + body.embeddings.token_type_embeddings.weight[0]
    _take(into, "start_norm", body.embeddings.LayerNorm)
    _take_layers(into, body.encoder.layer, _BERT_LAYER)
    return Architecture(
        n_layers=config.num_hidden_layers,
        width=config.hidden_size,
        n_heads=config.num_attention_heads,
        n_kv_heads=config.num_attention_heads,
        head_dim=config.hidden_size // config.num_attention_heads,
        mlp_width=config.intermediate_size,
        causal=False,
        norm_first=False,
        norm_eps=config.layer_norm_eps,
        rotary=False,
        gated=False,
        activation=ACTIVATIONS[config.hidden_act],
        head_activation=_masked_transform(model, into),
    )


def _masked_transform(model: Any, into: Tensors) -> Activation | None:
    """Returns the activation of the masked head's transform; None for a bare body, which has no such head."""
    if hasattr(model, "lm_head"):
        _take(into, "head.dense", model.lm_head.dense)
        _take(into, "head.norm", model.lm_head.layer_norm)
        return "gelu"
    if hasattr(model, "cls"):
        transform = model.cls.predictions.transform
        _take(into, "head.dense", transform.dense)
        _take(into, "head.norm", transform.LayerNorm)
        return ACTIVATIONS[model.config.hidden_act]
    return None


def _gpt2(model: Any, into: Tensors, n_positions: int) -> Architecture:
    body, config = model.base_model, model.config
    into["embeddings"] = body.wte.weight
    into["positions"] = body.wpe.weight[:n_positions]
    _take_layers(into, body.h, _GPT2_LAYER)
    for name in [name for name in into if name.endswith(("qkv.weight", "out.weight", "up.weight", "down.weight"))]:
        into[name] = into[name].T  # GPT-2 keeps its linear weights as [in, out]
    _take(into, "end_norm", body.ln_f)
    return Architecture(
        n_layers=config.n_layer,
        width=config.n_embd,
        n_heads=config.n_head,
        n_kv_heads=config.n_head,
        head_dim=config.n_embd // config.n_head,
        mlp_width=config.n_inner or 4 * config.n_embd,
        causal=True,
        norm_first=True,
        norm_eps=config.layer_norm_epsilon,
        rotary=False,
        gated=False,
        activation=ACTIVATIONS[config.activation_function],
        head_activation=None,
    )


def _llama(model: Any, into: Tensors, n_positions: int) -> Architecture:
    body, config = model.base_model, model.config
    into["embeddings"] = body.embed_tokens.weight
    _take_layers(into, body.layers, _LLAMA_LAYER)
    _take(into, "end_norm", body.norm)
    cos, sin = body.rotary_emb(torch.zeros(1), torch.arange(n_positions).unsqueeze(0))
    into["rotary.cos"], into["rotary.sin"] = cos[0], sin[0]
    return Architecture(
        n_layers=config.num_hidden_layers,
        width=config.hidden_size,
        n_heads=config.num_attention_heads,
        n_kv_heads=config.num_key_value_heads,
        head_dim=getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
        mlp_width=config.intermediate_size,
        causal=True,
        norm_first=True,
        norm_eps=config.rms_norm_eps,
        rotary=True,
        gated=True,
        activation=ACTIVATIONS[config.hidden_act],
        head_activation=None,
    )


def _take_layers(into: Tensors, layers: Any, names: Mapping[str, Sequence[str]]) -> None:
    for i, layer in enumerate(layers):
        for name, paths in names.items():
            _take(into, f"{i}.{name}", *map(layer.get_submodule, paths))


def _take(into: Tensors, name: str, first: Any, *others: Any) -> None:
    """Takes the weight and, where it has one, the bias of a norm or linear layer; joins those of several."""
    for part in ("weight", "bias"):
        tensor = getattr(first, part, None)
        if tensor is not None:
            into[f"{name}.{part}"] = torch.cat([tensor, *(getattr(o, part) for o in others)]) if others else tensor
