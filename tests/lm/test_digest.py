from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from zostudy.lm.digest import SAMPLE_BYTES, model_digest
from zostudy.lm.sources import ModelSource, find_model
from zostudy.spec.study import ModelSpec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(find_model(ModelSpec(name="mini-roberta")).location, tmp_path / "model")
    return tmp_path / "model"


def of(folder: Path) -> str | None:
    return model_digest(ModelSource(str(folder), None, "masked"))


def test_it_is_of_the_contents_alone(folder: Path, tmp_path: Path) -> None:
    before = of(folder)
    assert before is not None
    assert len(before) == 16
    (folder / "README.md").write_text("a card")
    os.utime(folder / "model.safetensors", (time.time(), 0))
    assert of(folder) == before
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert of(tmp_path / "elsewhere") == before


@pytest.mark.parametrize("sample_bytes", [SAMPLE_BYTES, 2**8])
def test_weights_and_settings_that_change_are_seen(
    folder: Path, sample_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zostudy.lm.digest.SAMPLE_BYTES", sample_bytes)
    seen = {of(folder)}
    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file({name: values + np.float32(1e-3) for name, values in weights.items()}, path, {"format": "pt"})
    seen.add(of(folder))
    (folder / "config.json").write_text((folder / "config.json").read_text() + "\n")
    seen.add(of(folder))
    path.write_bytes(path.read_bytes() + b"\0")
    seen.add(of(folder))
    assert len(seen) == 4


def test_of_the_hub_it_is_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    source = ModelSource("owner/model", None, "masked")
    assert model_digest(source) is None
    repository, commit = tmp_path / "models--owner--model", "0123456789abcdef" + "0" * 24
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    (repository / "snapshots" / commit).mkdir(parents=True)
    (repository / "snapshots" / commit / "config.json").write_text("{}")
    assert model_digest(source) == "0123456789abcdef"
