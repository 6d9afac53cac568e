from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from safetensors.torch import load_file, save_file

from zostudy.cluster import replica
from zostudy.config.model import ModelSpec
from zostudy.config.study import StudySpec
from zostudy.errors import ModelError
from zostudy.lm.agreement import Agreement
from zostudy.lm.finding import find_model
from zostudy.lm.frozen import Model
from zostudy.lm.sources import ModelSource
from zostudy.lm.weights import Weights
from zostudy.search.loaded_model import LoadedModel
from zostudy.search.prepare import prepare

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


@pytest.mark.slow
def test_a_replica_that_reads_the_model_itself_takes_no_other_weights(
    make_spec: Callable[..., StudySpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(find_model(ModelSpec(name="mini-roberta")).location, folder)
    study = prepare(make_spec(model={"name": str(folder)}))
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": {"object_store_memory": 1e9}}])
    monkeypatch.setattr(ray, "put", lambda content: content)
    monkeypatch.setattr(replica, "_device", lambda: "cpu")
    factory = LoadedModel(study, study.source, "float32", 64, AGREEMENT).scorer_factory()
    assert factory.make()
    assert {"zostudy", "torch"} < factory.versions.keys()
    weights = folder / "model.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(weights).items()}, weights)
    with pytest.raises(ModelError, match="every replica must read the weights that the study was prepared") as refused:
        factory.make()
    assert "\n" not in str(refused.value)
