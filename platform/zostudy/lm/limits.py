"""The longest input that a model takes."""

from __future__ import annotations

from typing import Any

from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.finding import load_config
from zostudy.lm.sources import ModelSource

LEAST_INPUT_TOKENS = 4
UNLIMITED = 1 << 20

# Their position embeddings begin behind the padding token's id: the first token stands at pad_token_id + 1.
_COUNTED_FROM_PADDING = {
    *("camembert", "data2vec-text", "esm", "ibert", "layoutlmv3", "lilt", "longformer", "luke", "markuplm"),
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
}
_POSITION_KEYS = ("max_position_embeddings", "max_seq_len", "context_length")


def max_input_tokens(spec: ModelSpec, source: ModelSource, tokenizer: Any) -> int:
    """Returns how many tokens an input may have beside the prompt.

    Raises:
        ModelError: the prompt leaves too little room, or the model's files hold a limit that is no number of tokens.
    """
    longest = min(_longest(source, tokenizer), spec.max_length or UNLIMITED)
    if longest - spec.prompt_tokens < LEAST_INPUT_TOKENS:
        raise ModelError(
            "the prompt must leave room for the text",
            got=f"model.prompt_tokens is {spec.prompt_tokens} and the model takes {longest} tokens",
            remedy="use fewer prompt tokens",
        )
    return longest - spec.prompt_tokens


def check_max_length(spec: ModelSpec, source: ModelSource, tokenizer: Any) -> None:
    """Checks that the model takes inputs as long as the study allows.

    Raises:
        ModelError: it does not.
    """
    longest = _longest(source, tokenizer)
    if spec.max_length is not None and spec.max_length > longest:
        raise ModelError(
            f"model.max_length must be at most the {longest} tokens that {spec.name} takes",
            got=f"is {spec.max_length}",
            remedy="lower it, or leave it out",
        )


def _longest(source: ModelSource, tokenizer: Any) -> int:
    """Returns the tokens that an input may have, prompt included, by the model's and the tokenizer's configuration."""
    return min(_positions(source), _tokenizer_limit(source, tokenizer))


def _positions(source: ModelSource) -> int:
    config = load_config(source).get_text_config()
    key = next((key for key in _POSITION_KEYS if getattr(config, key, None) not in (None, -1)), None)
    if key is None:  # relative positions
        return UNLIMITED
    positions = _number(source, "config.json", key, getattr(config, key))
    if config.model_type == "mpnet":
        return positions - 2  # its padding token is 1, whatever the configuration says
    if config.model_type not in _COUNTED_FROM_PADDING:
        return positions
    padding = config.pad_token_id
    if not isinstance(padding, int) or not 0 <= padding < positions:
        raise ModelError(
            f"a {config.model_type} model counts positions from its pad_token_id, so that must be a token's id",
            got=f"it is {padding!r} in the config.json of {source.location}",
            remedy="set it to the id of the tokenizer's pad token",
        )
    return positions - padding - 1


def _tokenizer_limit(source: ModelSource, tokenizer: Any) -> int:
    limit = tokenizer.model_max_length
    if limit is None or (isinstance(limit, float) and limit > UNLIMITED):
        return UNLIMITED
    return _number(source, "tokenizer_config.json", "model_max_length", limit)


def _number(source: ModelSource, file: str, key: str, value: Any) -> int:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not whole or value < 1:
        raise ModelError(
            f"{key} must be a whole number of tokens, 1 at least",
            got=f"is {value!r} in the {file} of {source.location}",
            remedy="correct it there, or take the key out",
        )
    return int(value)
