"""What an example costs, by count: so that units of work are cut the same on every machine."""

from __future__ import annotations

from zostudy.lm.architecture import Architecture

# About a tenth of a second of one processor core, or a few hundredths of an accelerator: long beside a call's own cost.
UNIT_FLOPS = {"cpu": 1.2e10, "gpu": 2.0e13}
# Below these many tokens a forward spends its time on fetching weights.
LEAST_TOKENS = {"cpu": 512, "gpu": 16384}
# Of a query's tokens in a unit, at least this many for each of its prompt's, which every unit computes again.
LEAST_TEXT_PER_PROMPT = 4


def flops_per_token(shape: Architecture) -> float:
    """Returns multiplications and additions of the matrix products of all layers, attention's own left out."""
    heads, kv_heads = shape.n_heads * shape.head_dim, shape.n_kv_heads * shape.head_dim
    attention = shape.width * (heads + 2 * kv_heads) + heads * shape.width
    return 2.0 * shape.n_layers * (attention + shape.width * shape.mlp_width * (3 if shape.gated else 2))


def unit_examples(
    shape: Architecture, text_tokens: float, prompt_tokens: int, shared: bool, on_gpu: bool, most: int
) -> int:
    """Returns how many examples one unit of work should hold.

    Args:
        shape: of the model.
        text_tokens: of a usual text.
        prompt_tokens: vectors of a prompt.
        shared: whether a prompt's texts share one copy of it.
        on_gpu: whether replicas run on an accelerator.
        most: examples.
    """
    kind = "gpu" if on_gpu else "cpu"
    tokens = text_tokens if shared else text_tokens + prompt_tokens
    by_cost = UNIT_FLOPS[kind] / (tokens * flops_per_token(shape))
    least = LEAST_TOKENS[kind] / tokens
    if shared:
        least = max(least, LEAST_TEXT_PER_PROMPT * prompt_tokens / text_tokens)
    return round(min(max(by_cost, least, 1.0), most))
