from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.finding import find_model
from zostudy.lm.model_digests import SAMPLE_BYTES, check_unchanged, model_digests, weights_digest
from zostudy.lm.sources import ModelSource


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(find_model(ModelSpec(name="mini-roberta")).location, tmp_path / "model")
    return tmp_path / "model"


def of(folder: Path, runs_code: bool = False) -> dict[str, str]:
    return model_digests(ModelSource(str(folder), None, "masked", runs_code))


def changed(folder: Path, before: dict[str, str], runs_code: bool = False) -> set[str]:
    after = of(folder, runs_code)
    assert after.keys() == before.keys()
    return {content for content in before if after[content] != before[content]}


def test_they_are_of_the_contents_alone(folder: Path, tmp_path: Path) -> None:
    before = of(folder)
    assert {name: len(digest) for name, digest in before.items()} == {"weights": 16, "settings": 16, "model": 16}
    (folder / "README.md").write_text("a card")
    os.utime(folder / "model.safetensors", (time.time(), 0))
    assert of(folder) == before
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert of(tmp_path / "elsewhere") == before


def test_any_byte_of_the_weights_is_seen(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole, before = path.read_bytes(), of(folder)
    start = 8 + int.from_bytes(whole[:8], "little")
    for position in np.random.default_rng(0).integers(start, len(whole), 20).tolist():
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert "weights" in changed(folder, before)
    path.write_bytes(whole)
    assert not changed(folder, before)


def test_weights_are_the_same_in_one_file_or_many_and_differ_by_name_shape_and_dtype(folder: Path) -> None:
    path, before = folder / "model.safetensors", of(folder)
    tensors = load_file(path)
    path.unlink()
    names = sorted(tensors)
    for shard, part in (("a", names[::2]), ("b", names[1::2])):
        save_file({name: tensors[name] for name in part}, folder / f"{shard}.safetensors")
    index = {name: ("a.safetensors", "b.safetensors")[position % 2] for position, name in enumerate(names)}
    (folder / "model.safetensors.index.json").write_text(f'{{"weight_map": {str(index).replace(chr(39), chr(34))}}}')
    assert changed(folder, before) == {"settings", "model"}
    source = ModelSource(str(folder), None, "masked")
    seen = {weights_digest(source)}
    tensor = tensors.pop(names[0])
    for other in ({"other": tensor}, {names[0]: tensor[None]}, {names[0]: tensor.view(torch.int32)}):
        save_file(tensors | other, path)
        seen.add(weights_digest(source))
    assert len(seen) == 4


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "tokenizer.json",
        "modules.json",
        "1_Pooling/config.json",
        "vocab.txt",
        "bpe.codes",
        "spiece.model",
    ],
)
def test_every_file_that_says_how_weights_are_used_is_covered(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    with (folder / name).open("a") as file:
        file.write(" " * (SAMPLE_BYTES * 20))
    before = of(folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) - SAMPLE_BYTES // 2 * 3] ^= 1
    (folder / name).write_bytes(content)
    assert "settings" in changed(folder, before)


def test_code_is_covered_where_it_is_run(folder: Path) -> None:
    (folder / "parts" / "deep").mkdir(parents=True)
    unasked, trusted = of(folder), of(folder, runs_code=True)
    (folder / "parts" / "deep" / "own.py").write_text("x = 1")
    assert not changed(folder, unasked)
    assert changed(folder, trusted, runs_code=True) == {"settings"}


@pytest.mark.parametrize("sample_bytes", [SAMPLE_BYTES, 2**8])
def test_what_earlier_results_recorded_still_tells_models_apart(
    folder: Path, sample_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zostudy.lm.model_digests.SAMPLE_BYTES", sample_bytes)
    recorded = {"model": of(folder)["model"], "zostudy": "0"}
    source = ModelSource(str(folder), None, "masked")
    check_unchanged(source, recorded)
    check_unchanged(source, {})
    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file({name: values + 1e-3 for name, values in weights.items()}, path, {"format": "pt"})
    with pytest.raises(ModelError, match=f"but the model of .* had the digest {recorded['model']} then, and .* put"):
        check_unchanged(source, recorded)


def test_the_digest_of_samples_is_what_it_always_was(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    save_file({"a": torch.arange(4.0)}, tmp_path / "model.safetensors")
    assert of(tmp_path)["model"] == "8faa42e22e426d34"


def test_a_change_since_the_trial_is_told(folder: Path) -> None:
    source = ModelSource(str(folder), None, "masked")
    recorded = model_digests(source)
    check_unchanged(source, recorded)
    (folder / "config.json").write_text((folder / "config.json").read_text() + "\n")
    with pytest.raises(ModelError, match=r"but the settings of .*; put that model back"):
        check_unchanged(source, recorded)


def test_of_the_hub_it_is_the_commit_the_weights_the_configuration_and_the_tokens(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    source = ModelSource("owner/model", None, "masked")
    with pytest.raises(ModelError, match="nor to be had from the hub"):
        model_digests(source)
    repository, commit = tmp_path / "models--owner--model", "0123456789abcdef" + "0" * 24
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    shutil.copytree(folder, repository / "snapshots" / commit)
    recorded = model_digests(source)
    assert recorded.keys() == {"model", "settings", "weights"}
    assert (recorded["model"], recorded["weights"]) == ("0123456789abcdef", of(folder)["weights"])

    def commit_anew(number: str, name: str, spoil: Callable[[str], str]) -> None:
        snapshot = repository / "snapshots" / (number * 40)
        shutil.copytree(folder, snapshot)
        (snapshot / name).write_text(spoil((snapshot / name).read_text()))
        (repository / "refs" / "main").write_text(snapshot.name)

    commit_anew("1", "README.md", lambda card: card + "more")
    check_unchanged(source, recorded)
    assert model_digests(source)["model"] == "1" * 16
    for number, name, spoil in (
        ("2", "config.json", lambda config: config.replace("{", "{ ", 1)),
        (
            "3",
            "tokenizer.json",
            lambda tokens: tokens.replace('"add_prefix_space": false', '"add_prefix_space": true', 1),
        ),
    ):
        commit_anew(number, name, spoil)
        with pytest.raises(ModelError, match=r"but the settings of owner/model had the digest .*; put that model back"):
            check_unchanged(source, recorded)
        check_unchanged(source, {name: recorded[name] for name in ("model", "weights")})
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: None)
    check_unchanged(source, recorded)
