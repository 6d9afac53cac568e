"""Weights out of a transformers model, under one set of names, with projections that share an input joined.

Names: ``embeddings`` ``[V, D]``, ``positions`` ``[P, D]`` or ``rotary.cos``/``rotary.sin`` ``[P, head_dim]``,
``start_norm.*``, ``end_norm.*``, ``head.*``, and for layer i ``i.attention_norm.*``, ``i.qkv.*``, ``i.out.*``,
``i.mlp_norm.*``, ``i.up.*`` (gate and up joined where gated), ``i.down.*``. Linear weights are ``[out, in]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zostudy.lm.architecture import ACTIVATIONS, Architecture

Tensors = dict[str, Tensor]


def extract(model: Any, family: str, label_tokens: Tensor, n_positions: int) -> tuple[Architecture, Tensors]:
    """Returns the architecture and the tensors of a loaded model, in the model's dtype.

    Args:
        model: a transformers model; for the encoder head a bare body.
        family: from ``packed_family``.
        label_tokens: int64 ``[C]``, the rows of the output layer to keep; empty for the encoder head.
        n_positions: longest input in tokens, prompt included.
    """
    tensors: Tensors = {}
    reader = {"bert": _bert, "gpt2": _gpt2, "llama": _llama}[family]
    architecture = reader(model, tensors, n_positions)
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
    _norm(into, "start_norm", body.embeddings.LayerNorm)
    for i, layer in enumerate(body.encoder.layer):
        own = layer.attention.self
        _linear(into, f"{i}.qkv", [own.query, own.key, own.value])
        _linear(into, f"{i}.out", [layer.attention.output.dense])
        _norm(into, f"{i}.attention_norm", layer.attention.output.LayerNorm)
        _linear(into, f"{i}.up", [layer.intermediate.dense])
        _linear(into, f"{i}.down", [layer.output.dense])
        _norm(into, f"{i}.mlp_norm", layer.output.LayerNorm)
    head_activation = _masked_transform(model, into)
    n_heads = config.num_attention_heads
    return Architecture(
        n_layers=config.num_hidden_layers,
        width=config.hidden_size,
        n_heads=n_heads,
        n_kv_heads=n_heads,
        head_dim=config.hidden_size // n_heads,
        mlp_width=config.intermediate_size,
        causal=False,
        norm="layer",
        norm_first=False,
        norm_eps=config.layer_norm_eps,
        rotary=False,
        gated=False,
        activation=ACTIVATIONS[config.hidden_act],
        head_activation=head_activation,
    )


def _masked_transform(model: Any, into: Tensors) -> Any:
    if hasattr(model, "lm_head"):
        _linear(into, "head.dense", [model.lm_head.dense])
        _norm(into, "head.norm", model.lm_head.layer_norm)
        return "gelu"
    if hasattr(model, "cls"):
        transform = model.cls.predictions.transform
        _linear(into, "head.dense", [transform.dense])
        _norm(into, "head.norm", transform.LayerNorm)
        return ACTIVATIONS[model.config.hidden_act]
    return None


def _gpt2(model: Any, into: Tensors, n_positions: int) -> Architecture:
    body, config = model.base_model, model.config
    into["embeddings"] = body.wte.weight
    into["positions"] = body.wpe.weight[:n_positions]
    for i, layer in enumerate(body.h):
        _norm(into, f"{i}.attention_norm", layer.ln_1)
        _norm(into, f"{i}.mlp_norm", layer.ln_2)
        for name, conv in (("qkv", layer.attn.c_attn), ("out", layer.attn.c_proj)):
            _transposed(into, f"{i}.{name}", conv)
        for name, conv in (("up", layer.mlp.c_fc), ("down", layer.mlp.c_proj)):
            _transposed(into, f"{i}.{name}", conv)
    _norm(into, "end_norm", body.ln_f)
    return Architecture(
        n_layers=config.n_layer,
        width=config.n_embd,
        n_heads=config.n_head,
        n_kv_heads=config.n_head,
        head_dim=config.n_embd // config.n_head,
        mlp_width=config.n_inner or 4 * config.n_embd,
        causal=True,
        norm="layer",
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
    for i, layer in enumerate(body.layers):
        own = layer.self_attn
        _norm(into, f"{i}.attention_norm", layer.input_layernorm)
        _linear(into, f"{i}.qkv", [own.q_proj, own.k_proj, own.v_proj])
        _linear(into, f"{i}.out", [own.o_proj])
        _norm(into, f"{i}.mlp_norm", layer.post_attention_layernorm)
        _linear(into, f"{i}.up", [layer.mlp.gate_proj, layer.mlp.up_proj])
        _linear(into, f"{i}.down", [layer.mlp.down_proj])
    _norm(into, "end_norm", body.norm)
    places = torch.arange(n_positions).unsqueeze(0)
    cos, sin = body.rotary_emb(torch.zeros(1), places)
    into["rotary.cos"], into["rotary.sin"] = cos[0], sin[0]
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return Architecture(
        n_layers=config.num_hidden_layers,
        width=config.hidden_size,
        n_heads=config.num_attention_heads,
        n_kv_heads=config.num_key_value_heads,
        head_dim=head_dim,
        mlp_width=config.intermediate_size,
        causal=True,
        norm="rms",
        norm_first=True,
        norm_eps=config.rms_norm_eps,
        rotary=True,
        gated=True,
        activation=ACTIVATIONS[config.hidden_act],
        head_activation=None,
    )


def _linear(into: Tensors, name: str, layers: Sequence[Any]) -> None:
    """Joins linear layers that read the same input into one."""
    into[f"{name}.weight"] = torch.cat([layer.weight for layer in layers]) if len(layers) > 1 else layers[0].weight
    if layers[0].bias is not None:
        into[f"{name}.bias"] = torch.cat([layer.bias for layer in layers])


def _transposed(into: Tensors, name: str, conv: Any) -> None:
    """GPT-2 keeps its linear weights as ``[in, out]``."""
    into[f"{name}.weight"] = conv.weight.T
    into[f"{name}.bias"] = conv.bias


def _norm(into: Tensors, name: str, norm: Any) -> None:
    into[f"{name}.weight"] = norm.weight
    if getattr(norm, "bias", None) is not None:
        into[f"{name}.bias"] = norm.bias
