"""The shape of a transformer that the packed evaluator runs: three families, told apart by five choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from zostudy.config.study import HeadKind

Padding = Literal["behind", "masked", "none"]
Activation = Literal["gelu", "gelu_tanh", "silu", "relu"]

FAMILIES = {
    "bert": "bert",
    "roberta": "bert",
    "xlm-roberta": "bert",
    "camembert": "bert",
    "gpt2": "gpt2",
    "llama": "llama",
    "mistral": "llama",
    "qwen2": "llama",
}
"""transformers' ``model_type`` to the family whose weights are named alike."""

ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "silu": "silu",
    "swish": "silu",
    "relu": "relu",
}
PADDING_UNSEEN = frozenset(
    {
        *("albert", "bert", "camembert", "data2vec-text", "deberta", "deberta-v2", "distilbert", "electra", "ernie"),
        *("eurobert", "gte", "longformer", "megatron-bert", "modernbert", "mpnet", "nomic_bert", "roberta"),
        *("xlm-roberta",),
    }
)
"""``model_type`` of models that read to both sides, and whose scores masked padding does not touch."""

# Other kinds stretch their frequencies with the length of the input, which a table of positions cannot say.
_ROTARY_KINDS = ("default", "linear", "llama3", "yarn")


@dataclass(frozen=True)
class Architecture:
    """What a forward needs to know beside the tensors.

    Attributes:
        n_layers: number of layers.
        width: D, entries of a state.
        n_heads: attention heads.
        n_kv_heads: heads of keys and values; fewer than ``n_heads`` where several share one.
        head_dim: entries of a head.
        mlp_width: entries between the two halves of the feed-forward.
        causal: whether a token sees only what stands before it.
        norm: layer norm, or RMS norm.
        norm_first: whether norms stand before attention and feed-forward (GPT-2, Llama) or after (BERT, RoBERTa).
        norm_eps: added to the variance.
        rotary: whether positions turn queries and keys (Llama); else they are added to the embeddings.
        gated: whether the feed-forward multiplies two projections (Llama).
        activation: of the feed-forward.
        head_activation: of the masked head's transform; None for heads without one.
    """

    n_layers: int
    width: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    mlp_width: int
    causal: bool
    norm: Literal["layer", "rms"]
    norm_first: bool
    norm_eps: float
    rotary: bool
    gated: bool
    activation: Activation
    head_activation: Activation | None


def packed_family(config: Any) -> str | None:
    """Returns the family of a transformers configuration, or None where only transformers' own code is exact."""
    family = FAMILIES.get(config.model_type)
    fits = {"bert": _is_plain_bert, "gpt2": _is_plain_gpt2, "llama": _is_plain_llama}
    return family if family and fits[family](config) else None


def _is_plain_bert(config: Any) -> bool:
    absolute = getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
    return absolute and not config.is_decoder and config.hidden_act in ACTIVATIONS


def _is_plain_gpt2(config: Any) -> bool:
    plain_scale = config.scale_attn_weights and not config.scale_attn_by_inverse_layer_idx
    return plain_scale and config.activation_function in ACTIVATIONS and not config.add_cross_attention


def _is_plain_llama(config: Any) -> bool:
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    rope = getattr(config, "rope_parameters", None) or {}
    return window is None and rope.get("rope_type", "default") in _ROTARY_KINDS and config.hidden_act in ACTIVATIONS


def padding_of(config: Any, head: HeadKind) -> Padding:
    """Returns how texts of several lengths may share a forward without a change of any score.

    A causal model reads an answer before it comes to the padding, and needs no mask. Others have to be kept from it,
    and many of them mix tokens in ways that no mask reaches (Fourier transforms, convolutions, pooled or hashed
    attention), so that is left to those that are known to heed it.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as BOTH_SIDES

    if head == "causal" and config.model_type not in BOTH_SIDES and not _reaches_ahead(config):
        return "behind"
    return "masked" if config.model_type in PADDING_UNSEEN else "none"


def _reaches_ahead(config: Any) -> bool:
    """Returns whether what stands behind a token may change its state though the model is causal by name."""
    text = config.get_text_config()
    rope = getattr(text, "rope_parameters", None) or {}
    kinds = {each.get("rope_type") for each in (rope, *rope.values()) if isinstance(each, dict)}
    stretched = not kinds.isdisjoint(("dynamic", "longrope"))  # by the longest input of a forward
    picks_keys = hasattr(text, "index_topk")  # the best of all, before those ahead are masked
    return stretched or picks_keys or config.model_type in ("prophetnet", "xlnet")
