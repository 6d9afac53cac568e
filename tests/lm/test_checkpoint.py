"""Which files are read as weights: safetensors inside the folder, as they or their index list them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.checkpoint import find_file, weight_files
from zostudy.lm.finding import find_model
from zostudy.lm.pooling import find_pooling
from zostudy.lm.sources import ModelSource
from zostudy.lm.weights import load_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of mini-gpt2, its weights in two shards."""
    folder = tmp_path / "model"
    shutil.copytree(find_model(ModelSpec(name="mini-gpt2")).location, folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").rename(tmp_path / "whole.safetensors")
    shards = {"a.safetensors": sorted(tensors)[:9], "b.safetensors": sorted(tensors)[9:]}
    for shard, names in shards.items():
        save_file({name: tensors[name] for name in names}, folder / shard)
    write_index(folder, {name: shard for shard, names in shards.items() for name in names})
    return folder


def write_index(folder: Path, weight_map: Any) -> None:
    content = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(content))


def replace(folder: Path, shard: str, by: str) -> None:
    path = folder / "model.safetensors.index.json"
    path.write_text(path.read_text().replace(f'"{shard}"', json.dumps(by)))


def refused(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        find_model(ModelSpec(name=str(folder)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_shards_hold_what_one_file_held_and_no_other_file_is_read(folder: Path) -> None:
    (folder / "shard-00001-model-00001-of-00001.safetensors").write_bytes(b"another layout that transformers knows")
    (folder / "generation_config.json").write_text("broken")
    sharded = load_model(find_model(ModelSpec(name=str(folder))), torch.float32).state_dict()
    whole = load_model(find_model(ModelSpec(name="mini-gpt2")), torch.float32).state_dict()
    assert sharded.keys() == whole.keys()
    assert all(torch.equal(sharded[name], whole[name]) for name in whole)


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("weights.bin", "'weights.bin', which is no safetensors file and would be unpickled; save the model again"),
        ("../whole.safetensors", "'../whole.safetensors', which is not inside the model's folder"),
        ("missing.safetensors", "'missing.safetensors', which is missing"),
        ("", "'', which is no safetensors file"),
    ],
)
def test_an_index_lists_safetensors_inside_the_folder_only(folder: Path, listed: str, words: str) -> None:
    torch.save(load_file(folder / "b.safetensors"), folder / "weights.bin")
    replace(folder, "b.safetensors", listed)
    assert words in refused(folder)


def test_an_absolute_path_is_refused(folder: Path, tmp_path: Path) -> None:
    replace(folder, "b.safetensors", str(tmp_path / "whole.safetensors"))
    assert "which is not inside the model's folder" in refused(folder)


@pytest.mark.parametrize("weight_map", [None, {}, [], {"a": 1}, {"a": None}, "a.safetensors"])
def test_an_index_that_maps_nothing_is_refused(folder: Path, weight_map: Any) -> None:
    write_index(folder, weight_map)
    assert "must map each tensor to its file" in refused(folder)


@pytest.mark.parametrize("content", ["", "[]", "{", "\0", '{"weight_map": '])
def test_a_broken_index_is_refused(folder: Path, content: str) -> None:
    (folder / "model.safetensors.index.json").write_text(content)
    refused(folder)


def test_a_tensor_in_two_files_is_refused(folder: Path) -> None:
    tensors = load_file(folder / "b.safetensors")
    twice = sorted(load_file(folder / "a.safetensors"))[0]
    save_file(tensors | {twice: torch.zeros(2)}, folder / "b.safetensors")
    with pytest.raises(ModelError, match=f"each tensor must be in one file, but {twice} is in .*b.safetensors"):
        load_model(find_model(ModelSpec(name=str(folder))), torch.float32)


def test_a_link_out_of_the_folder_is_refused_and_the_cache_of_the_hub_is_taken(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "whole.safetensors"
    (folder / "model.safetensors").symlink_to(target)
    assert f"is a link to {target}; copy the file into the folder" in refused(folder)
    blobs, snapshot = (tmp_path / "models--owner--model" / part for part in ("blobs", "snapshots/0123"))
    blobs.mkdir(parents=True)
    shutil.copytree(folder, snapshot, ignore=lambda _, names: [name for name in names if "safetensors" in name])
    target.rename(blobs / "0a1b")
    (snapshot / "model.safetensors").symlink_to(Path("../../blobs/0a1b"))
    assert weight_files(find_model(ModelSpec(name=str(snapshot)))) == (snapshot / "model.safetensors",)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(tmp_path / "gone")
    assert len(weight_files(find_model(ModelSpec(name=str(folder))))) == 2


def test_a_model_of_the_hub_is_read_from_its_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--owner--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123")
    snapshot = repository / "snapshots" / "0123"
    shutil.copytree(folder, snapshot)
    source = find_model(ModelSpec(name="owner/model"))
    assert source == ModelSource("owner/model", None, "causal")
    load_model(source, torch.float32)
    replace(snapshot, "b.safetensors", "weights.bin")
    with pytest.raises(ModelError, match=r"lists 'weights\.bin', which is no safetensors file"):
        load_model(source, torch.float32)


def test_a_file_that_the_cache_does_not_know_may_still_be_on_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--owner--model"
    for folder in ("refs", "snapshots/0123", ".no_exist/0123"):
        (repository / folder).mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123")
    (repository / "snapshots" / "0123" / "there.json").write_text("{}")
    (repository / ".no_exist" / "0123" / "not_there.json").touch()
    source = ModelSource("owner/model", None, "encoder")
    there = find_file(source, "there.json")
    assert there is not None
    assert there.read_text() == "{}"
    assert find_file(source, "not_there.json") is None
    with pytest.raises(FileNotFoundError, match=r"its cache lacks unknown\.json$"):
        find_file(source, "unknown.json")
    with pytest.raises(ModelError, match=r"nor to be had from the hub \(the hub is out of reach, and its cache lacks"):
        find_pooling(source, lead=1)
    (repository / ".no_exist" / "0123" / "modules.json").touch()
    assert find_pooling(source, lead=1) == "mean"
