"""The architecture of a transformer that the packed evaluator runs: three families, which differ in a few choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

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

# About a tenth of a second of one processor core, or a few hundredths of an accelerator: long beside a call's own cost.
UNIT_FLOPS = {"cpu": 1.2e10, "gpu": 2.0e13}
# Below these many tokens a forward spends its time on fetching weights.
LEAST_TOKENS = {"cpu": 512, "gpu": 16384}
# Each unit computes its prompts again, so it holds at least this many text tokens for each prompt token.
LEAST_TEXT_PER_PROMPT = 4


@dataclass(frozen=True)
class Architecture:
    """The choices of an architecture that a forward depends on, beside the tensors.

    Attributes:
        n_layers: number of layers.
        width: D, entries of a state.
        n_heads: attention heads.
        n_kv_heads: heads of keys and values; fewer than ``n_heads`` where several share one.
        head_dim: entries of a head.
        mlp_width: entries between the two halves of the feed-forward.
        causal: whether a token sees only the tokens before it.
        norm_first: whether norms stand before attention and feed-forward (GPT-2, Llama) or after (BERT, RoBERTa).
        norm_eps: added to the variance.
        rotary: whether positions rotate queries and keys (Llama); else they are added to the embeddings.
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
    norm_first: bool
    norm_eps: float
    rotary: bool
    gated: bool
    activation: Activation
    head_activation: Activation | None

    @property
    def flops_per_token(self) -> float:
        """Multiplications and additions of the matrix products of all layers, without attention's own."""
        heads, kv_heads = self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim
        attention = self.width * (heads + 2 * kv_heads) + heads * self.width
        return 2.0 * self.n_layers * (attention + self.width * self.mlp_width * (3 if self.gated else 2))


def estimated_flops_per_token(config: Any) -> float:
    """Returns about what the layers of any transformer multiply and add for a token, from its configuration alone.

    These are two operations for each of 12 D^2 weights a layer (Kaplan et al. 2020, section 2.1). A configuration that
    does not name layers or width counts as a model of 12 layers, 768 wide.
    """
    n_layers, width = getattr(config, "num_hidden_layers", 12), getattr(config, "hidden_size", 768)
    return 24.0 * n_layers * width**2


def is_quantised(config: Any) -> bool:
    """Returns whether a transformers configuration is of a model whose weights a quantiser has made codes of."""
    return getattr(config, "quantization_config", None) is not None


def packed_family(config: Any) -> str | None:
    """Returns the family of a transformers configuration, or None where only transformers' own code is exact."""
    family = None if is_quantised(config) else FAMILIES.get(config.model_type)
    is_plain = {"bert": _is_plain_bert, "gpt2": _is_plain_gpt2, "llama": _is_plain_llama}
    return family if family and is_plain[family](config) else None


def _is_plain_bert(config: Any) -> bool:
    absolute = getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
    return absolute and not config.is_decoder and config.hidden_act in ACTIVATIONS


def _is_plain_gpt2(config: Any) -> bool:
    plain_scale = config.scale_attn_weights and not config.scale_attn_by_inverse_layer_idx
    return plain_scale and config.activation_function in ACTIVATIONS and not config.add_cross_attention


def _is_plain_llama(config: Any) -> bool:
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    kind = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    # Other kinds stretch their frequencies with the length of the input, which a table of positions cannot express.
    rotary = kind in ("default", "linear", "llama3", "yarn")
    return window is None and rotary and config.hidden_act in ACTIVATIONS


def micro_batch_size(
    shape: Architecture, text_tokens: float, prompt_tokens: int, shared: bool, on_gpu: bool, most: int
) -> int:
    """Returns how many examples a unit of work should hold: by count, so that every machine cuts the same units.

    Args:
        shape: of the model.
        text_tokens: of a typical text.
        prompt_tokens: vectors of a prompt.
        shared: whether a prompt's texts share one copy of it.
        on_gpu: whether replicas run on an accelerator.
        most: examples.
    """
    kind = "gpu" if on_gpu else "cpu"
    tokens = text_tokens if shared else text_tokens + prompt_tokens
    by_cost = UNIT_FLOPS[kind] / (tokens * shape.flops_per_token)
    least = LEAST_TOKENS[kind] / tokens
    if shared:
        least = max(least, LEAST_TEXT_PER_PROMPT * prompt_tokens / text_tokens)
    return round(min(max(by_cost, least, 1.0), most))
