from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import ray

from zostudy.lm.agreement import Agreement
from zostudy.lm.frozen import Model
from zostudy.lm.sources import ModelSource
from zostudy.lm.weights import Weights
from zostudy.search.loaded_model import LoadedModel

AGREEMENT = Agreement("made", "float32", "padded", texts=6, prompts=2, largest_score=1.0, difference=0.0, bound=0.1)


def loaded(model: Model) -> LoadedModel:
    absent: Any = None
    return LoadedModel(absent, model, "float32", 64, AGREEMENT)


def test_a_model_without_a_packed_forward_is_said_to_be_slower() -> None:
    def said(spread: bool) -> str | None:
        return loaded(ModelSource("folder", None, "causal", spread=spread)).hosting_note()

    slower = "evaluator: transformers' own code, padded and slower; "
    assert said(spread=False) == slower + "this model has no packed forward"
    assert said(spread=True) == slower + "the packed one runs on one GPU"


@pytest.mark.parametrize(("store", "said"), [(1e9, False), (10.0, True)])
def test_weights_that_do_not_fit_the_store_are_said_to_be_copied(
    monkeypatch: pytest.MonkeyPatch, store: float, said: bool
) -> None:
    node = {"Alive": True, "Resources": {"object_store_memory": store}}
    monkeypatch.setattr(ray, "nodes", lambda: [node])
    weights = Weights(None, "float32", {"embeddings": np.zeros((9, 9), np.float32)}, 1.0)  # type: ignore[arg-type]
    assert (loaded(weights).hosting_note() is not None) == said
