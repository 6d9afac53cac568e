from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.limits import UNLIMITED, check_max_length, max_input_tokens
from zostudy.lm.sources import ModelSource

Room = Callable[..., int]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    def ask(limit: Any = None, max_length: int | None = None, **config: Any) -> int:
        (tmp_path / "config.json").write_text(json.dumps(config))
        spec = ModelSpec(name=str(tmp_path), prompt_tokens=11, max_length=max_length)
        source, tokenizer = ModelSource(str(tmp_path), None, "masked"), SimpleNamespace(model_max_length=limit)
        check_max_length(spec, source, tokenizer)
        return max_input_tokens(spec, source, tokenizer)

    return ask


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512}, 512),
        ({"model_type": "gpt2", "n_positions": 256}, 256),
        ({"model_type": "gpt2", "max_position_embeddings": 256}, 256),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "xlm-roberta-xl", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "longformer", "max_position_embeddings": 514, "pad_token_id": 0}, 513),
        ({"model_type": "mpnet", "max_position_embeddings": 514}, 512),
        ({"model_type": "bloom"}, UNLIMITED),
        ({"model_type": "mpt", "max_seq_len": 128}, 128),
    ],
)
def test_room_is_what_the_positions_leave(room: Room, config: dict[str, Any], positions: int) -> None:
    assert room(**config) == positions - 11


@pytest.mark.parametrize("limit", [None, int(1e30), 1e30, float("inf"), 512, 512.0])
def test_a_tokenizer_without_a_limit_leaves_the_model_its_own(room: Room, limit: Any) -> None:
    assert room(limit, model_type="bert", max_position_embeddings=512) == 501


@pytest.mark.parametrize("limit", ["512", "long", -1, 0, 12.5, True, float("nan"), float("-inf"), [512]])
def test_a_limit_that_is_no_number_of_tokens_is_refused(room: Room, limit: Any) -> None:
    with pytest.raises(ModelError, match=r"model_max_length must be .*; correct it there, or take the key out"):
        room(limit, model_type="bert", max_position_embeddings=512)


@pytest.mark.parametrize("pad", [None, -1, 514, 10**9])
def test_positions_counted_from_padding_need_its_id(room: Room, pad: Any) -> None:
    with pytest.raises(ModelError, match=r"counts positions from its pad_token_id, .*; set it to the id"):
        room(model_type="roberta", max_position_embeddings=514, pad_token_id=pad)


def test_positions_that_are_none_are_refused(room: Room) -> None:
    with pytest.raises(ModelError, match="max_position_embeddings must be a whole number of tokens"):
        room(model_type="bert", max_position_embeddings=0)


def test_a_study_cannot_ask_for_more_than_the_model_takes(room: Room) -> None:
    assert room(model_type="bert", max_position_embeddings=128, max_length=128) == 117
    with pytest.raises(ModelError, match=r"at most the 128 tokens that .* takes, but is 129; lower"):
        room(model_type="bert", max_position_embeddings=128, max_length=129)
    with pytest.raises(ModelError, match="at most the 100 tokens"):
        room(100, model_type="bert", max_position_embeddings=128, max_length=128)
