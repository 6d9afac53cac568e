"""How long an input the model takes."""

from __future__ import annotations

from typing import Any

from zostudy.errors import ModelError
from zostudy.lm.sources import ModelSource, load_config
from zostudy.spec.study import ModelSpec

SHORTEST_ROOM = 4


def model_room(spec: ModelSpec, source: ModelSource, tokenizer: Any) -> int:
    """Returns how many tokens an input may have beside the prompt.

    Raises:
        ModelError: the prompt alone fills the model.
    """
    config = load_config(source)
    positions: int = getattr(config, "max_position_embeddings", 1 << 20)
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):
        positions -= int(config.pad_token_id) + 1
    longest = min(positions, int(tokenizer.model_max_length), spec.max_length or positions)
    if longest - spec.prompt_tokens < SHORTEST_ROOM:
        raise ModelError(
            f"the prompt must leave room for the text, but model.prompt_tokens is {spec.prompt_tokens} "
            f"and the model takes {longest} tokens; use fewer prompt tokens"
        )
    return longest - spec.prompt_tokens
