"""Where prompts start, and prompts without a subspace: what a study file may say of them."""
# ruff: noqa: E501 (a message stays one line here too)

from __future__ import annotations

from collections.abc import Callable

import pytest

from zostudy.config.loading import load_study
from zostudy.errors import SpecError

NONE = "model: {name: mini-roberta, subspace: none}"
RULE = "must be without subspace_dim where model.subspace is none: d is prompt_tokens times the embeddings' width"


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"model": "model: {name: mini-roberta, start: text}"},
            '2: model.start: must have model.start_text where it is text, but got "text"; give the words in model.start_text',
        ),
        (
            {"model": "model: {name: mini-roberta, start_text: Is it spam}"},
            '2: model.start_text: must be given with model.start: text alone, but got "Is it spam"; set model.start: text, or leave the words out',
        ),
        (
            {"model": "model: {name: mini-roberta, start_draws: 16}"},
            "2: model.start_draws: must be given with model.start: best-of-k alone, but got 16; set model.start: best-of-k, or leave it out",
        ),
        (
            {"model": NONE, "methods": "methods: [{climb: {subspace_dim: 3}}]"},
            f"4: methods.climb.subspace_dim: {RULE}, but got 3; leave it out",
        ),
        (
            {"model": NONE, "search": "search: {trials: 1, space: {subspace_dim: {choice: [3]}}}"},
            f'5: search.space.subspace_dim: {RULE}, but got "subspace_dim"; leave it out',
        ),
        (
            {"model": NONE, "methods": "methods: [cma-es]"},
            '4: methods.cma-es: must not take memory or time that grows with d^2 where model.subspace is none, but got "cma-es"; write {cma-es: {covariance: separable}}',
        ),
        (
            {
                "model": "model: {name: mini-roberta, prompt_tokens: 0, start: best-of-k}",
                "methods": "methods: [no-prompt]",
                "search": "search: {trials: 0}",
            },
            '2: model.start: must be vocabulary where model.prompt_tokens is 0, but got "best-of-k"; leave it out, or raise prompt_tokens',
        ),
        (
            {
                "model": "model: {name: mini-roberta, prompt_tokens: 0, subspace: none}",
                "methods": "methods: [no-prompt]",
                "search": "search: {trials: 0}",
            },
            '2: model.subspace: must be random where model.prompt_tokens is 0, but got "none"; leave it out, or raise prompt_tokens',
        ),
    ],
)
def test_a_mistake_is_one_line(write_study: Callable[..., str], sections: dict[str, str], said: str) -> None:
    with pytest.raises(SpecError) as raised:
        load_study(write_study(**sections))
    assert str(raised.value) == f"study.yaml:{said}"


@pytest.mark.parametrize(
    "sections",
    [
        {"model": "model: {name: mini-roberta, start: text, start_text: Is it spam}"},
        {"model": "model: {name: mini-roberta, start: best-of-k, start_draws: 3}"},
        {"model": NONE, "methods": "methods: [climb, zosa, {cma-es: {covariance: separable}}]"},
        {"methods": "methods: [cma-es, {climb: {subspace_dim: 3}}]"},
    ],
)
def test_what_fits_together_loads(write_study: Callable[..., str], sections: dict[str, str]) -> None:
    assert load_study(write_study(**sections)).methods


@pytest.mark.parametrize(("model", "searched"), [("model: {name: mini-roberta}", True), (NONE, False)])
def test_the_default_space_leaves_out_the_dimension_of_a_whole_prompt(
    write_study: Callable[..., str], model: str, searched: bool
) -> None:
    study = load_study(write_study(model=model, methods="methods: [spsa]", search="search: {trials: 3}"))
    assert ("spsa.subspace_dim" in study.search.space) == searched
    assert "spsa.reach" in study.search.space
