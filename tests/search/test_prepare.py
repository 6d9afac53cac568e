"""Preparing a study: what the resources of a replica mean for its model."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zostudy.config.study import StudySpec
from zostudy.errors import ModelError
from zostudy.lm.sources import ModelSource
from zostudy.methods import get_method, method_names
from zostudy.search import prepare as module
from zostudy.search.outline import outline
from zostudy.search.prepare import prepare
from zostudy.search.setup import code_digest


@pytest.fixture
def on_gpus(make_spec: Callable[..., StudySpec]) -> StudySpec:
    return make_spec(resources={"gpus": 2}, imbalance={"ratios": (1,), "minority_size": 10}, confirm={"seeds": 1})


def test_several_gpus_spread_the_model_by_transformers_own_code(on_gpus: StudySpec) -> None:
    prepared = prepare(on_gpus)
    assert prepared.source.spread
    assert isinstance(prepared.verified.model, ModelSource)
    assert prepared.verified.agreement.evaluator == "padded"


def test_each_method_has_a_digest_of_its_code(make_spec: Callable[..., StudySpec]) -> None:
    code = outline(make_spec()).data.code
    assert code == {name: code_digest(get_method(name)) for name in ("spsa", "zosa", "untuned")}
    assert len({code_digest(get_method(name)) for name in method_names()}) == len(method_names())


def test_several_gpus_without_accelerate_are_refused(monkeypatch: pytest.MonkeyPatch, on_gpus: StudySpec) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "accelerate" else object())
    with pytest.raises(ModelError) as caught:
        prepare(on_gpus)
    assert str(caught.value) == (
        "a model is spread over the GPUs of a replica by accelerate, but it is not installed; "
        "run: pip install accelerate, or set resources.gpus to 1"
    )


def test_a_temperature_is_refused_where_the_head_has_none(make_spec: Callable[..., StudySpec]) -> None:
    with pytest.raises(ModelError) as caught:
        prepare(make_spec(model={"name": "mini-roberta", "temperature": 5.0}))
    assert str(caught.value) == (
        "model.temperature: has no effect on the masked head of mini-roberta, but got 5; "
        "leave it out, or set model.head: encoder"
    )
