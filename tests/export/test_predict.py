from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from zostudy.errors import DataError, ModelError, ResultsError, TooLongError
from zostudy.export.labelling import read_texts, with_predictions
from zostudy.export.manifest import Manifest, read_manifest
from zostudy.export.scoring import ROWS_AT_ONCE, score_texts

CASES = ["mini-roberta", "mini-gpt2", "mini-llama", "pairs"]


def predicted(folder: Path, file: Path, **options: Any) -> pd.DataFrame:
    manifest = read_manifest(folder)
    rows, texts = read_texts(file, manifest, None, None)
    scores = score_texts(folder, manifest, texts, lambda done: None, **options)
    table: pd.DataFrame = with_predictions(rows, scores, manifest).table.to_pandas()
    return table


@pytest.mark.parametrize("case", CASES)
def test_scores_and_labels_are_those_of_the_study(exported_study: Callable[[str], Any], case: str) -> None:
    exported = exported_study(case)
    stored, names = exported.trial.scores("test"), read_manifest(exported.folder).task.class_names
    rows = predicted(exported.folder, exported.texts).iloc[stored.rows]
    assert [names.index(label) for label in rows["label"]] == stored.labels.tolist()
    scores = rows[[f"score_{name}" for name in names]].to_numpy()
    np.testing.assert_allclose(scores, stored.scores, rtol=0, atol=1e-4)
    exponentials = np.exp(stored.scores.astype(np.float64))
    shares = rows[[f"probability_{name}" for name in names]].to_numpy()
    np.testing.assert_allclose(shares, exponentials / exponentials.sum(axis=1, keepdims=True), atol=1e-4)
    threshold = read_manifest(exported.folder).decision.threshold
    expected = stored.scores.argmax(axis=1) if threshold is None else np.diff(stored.scores)[:, 0] > threshold
    assert (threshold is None) == (case == "pairs")
    assert rows["predicted_label"].tolist() == [names[int(k)] for k in expected]
    assert rows["argmax_label"].tolist() == [names[k] for k in stored.scores.argmax(axis=1)]


def test_progress_is_told_in_parts(exported_study: Callable[[str], Any], tmp_path: Path) -> None:
    exported = exported_study("mini-gpt2")
    seen: list[int] = []
    manifest = read_manifest(exported.folder)
    _, texts = read_texts(exported.texts, manifest, None, None)
    n_texts = len(texts.texts)
    many = dataclasses.replace(texts, texts=(texts.texts * 3)[: 2 * ROWS_AT_ONCE + 1])
    scores = score_texts(exported.folder, manifest, many, seen.append)
    assert seen == [0, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE, 2 * ROWS_AT_ONCE + 1]
    np.testing.assert_allclose(scores[:n_texts], scores[n_texts : 2 * n_texts], atol=1e-5)


def test_another_model_is_refused(exported_study: Callable[[str], Any]) -> None:
    exported = exported_study("mini-gpt2")
    with pytest.raises(ModelError, match=r"must be the tokens|has other weights; name that model with `model`"):
        predicted(exported.folder, exported.texts, model="mini-llama")


def test_a_model_of_other_weights_is_refused_and_a_copy_elsewhere_is_taken(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    from safetensors.numpy import load_file, save_file

    from zostudy.lm.finding import find_model

    exported = exported_study("mini-gpt2")
    folder = tmp_path / "copy"
    shutil.copytree(find_model(read_manifest(exported.folder).model).location, folder)
    same = predicted(exported.folder, exported.texts, model=str(folder))
    pd.testing.assert_frame_equal(same, predicted(exported.folder, exported.texts))
    for name, message in (("wte.weight", "other weights"), ("0.attn.c_attn.weight", "other weights")):
        changed = tmp_path / name
        shutil.copytree(folder, changed)
        tensors = load_file(folder / "model.safetensors")
        tensors[next(tensor for tensor in tensors if tensor.endswith(name))][0, 0] += 1
        save_file(tensors, changed / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelError, match=f"has {message}; name that model with `model`"):
            predicted(exported.folder, exported.texts, model=str(changed))


def test_a_model_of_other_settings_or_tokens_is_refused_and_one_saved_anew_is_taken(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    from zostudy.lm.finding import find_model

    exported, folder = exported_study("mini-gpt2"), tmp_path / "copy"
    shutil.copytree(find_model(read_manifest(exported.folder).model).location, folder)
    config = json.loads((folder / "config.json").read_text())
    harmless = {"transformers_version": "4.0", "_name_or_path": "elsewhere", "dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(config | harmless, indent=1))
    same = predicted(exported.folder, exported.texts, model=str(folder))
    pd.testing.assert_frame_equal(same, predicted(exported.folder, exported.texts))
    (folder / "config.json").write_text(json.dumps(config | {"n_head": 2 * config["n_head"]}))
    with pytest.raises(ModelError, match=r"has n_head \d+ in its config.json, which was \d+; name that model with"):
        predicted(exported.folder, exported.texts, model=str(folder))
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Lowercase"}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelError, match="has a tokenizer that cuts texts otherwise; name that model with"):
        predicted(exported.folder, exported.texts, model=str(folder))


def test_an_earlier_export_knows_the_embeddings_alone(exported_study: Callable[[str], Any], tmp_path: Path) -> None:
    exported, folder = exported_study("mini-gpt2"), tmp_path / "export"
    shutil.copytree(exported.folder, folder)
    manifest = json.loads((folder / "zostudy.json").read_text())
    assert manifest.pop("identity")
    (folder / "zostudy.json").write_text(json.dumps(manifest))
    assert len(predicted(folder, exported.texts)) > 0
    (folder / "zostudy.json").write_text(json.dumps(manifest | {"embeddings": "0" * 64}))
    with pytest.raises(ModelError, match="has other embeddings; name that model with `model`"):
        predicted(folder, exported.texts)


def test_long_texts_are_refused_unless_they_may_be_cut(exported_study: Callable[[str], Any], tmp_path: Path) -> None:
    exported, file = exported_study("mini-gpt2"), tmp_path / "long.csv"
    pd.DataFrame({"body": ["short", "word " * 500]}).to_csv(file, index=False)
    with pytest.raises(TooLongError, match=r"1 of 2 have more \(row 2 has .*\); give `truncate` to cut them"):
        predicted(exported.folder, file)
    assert len(predicted(exported.folder, file, truncate=True)) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"text": ["a"]},
            "must have the column 'body', as in the study, but its columns are text; name the text column by `text`",
        ),
        ({"body": ["a", ""]}, "empty texts in column 'body': row 2"),
        ({"body": []}, "must hold rows"),
        ({"body": ["a"], "score_up": [1]}, "has 'score_up' already"),
    ],
)
def test_mistakes_in_the_file_are_one_line(
    exported_study: Callable[[str], Any], tmp_path: Path, rows: dict[str, Any], message: str
) -> None:
    file = tmp_path / "file.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    with pytest.raises(DataError, match=message) as error:
        read_texts(file, read_manifest(exported_study("mini-gpt2").folder), None, None)
    assert "\n" not in str(error.value)


def test_columns_may_be_named_otherwise(exported_study: Callable[[str], Any], tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    pd.DataFrame({"one": ["a"], "two": ["b"]}).to_csv(file, index=False)
    manifest: Manifest = read_manifest(exported_study("pairs").folder)
    _, texts = read_texts(file, manifest, "one", "two")
    assert (texts.texts, texts.second_texts) == (("a",), ("b",))
    with pytest.raises(DataError, match="must have the column 'other'"):
        read_texts(file, manifest, "one", None)
    with pytest.raises(DataError, match="has no second text; leave out `second_text`"):
        read_texts(file, read_manifest(exported_study("mini-gpt2").folder), "one", "two")


def test_a_device_of_another_name_is_no_fault_of_the_model(exported_study: Callable[[str], Any]) -> None:
    exported = exported_study("mini-gpt2")
    with pytest.raises(ModelError, match="`device` must be cpu or cuda, but got 'tpu'; name one of these"):
        predicted(exported.folder, exported.texts, device="tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_one_line(exported_study: Callable[[str], Any]) -> None:
    exported = exported_study("mini-gpt2")
    with pytest.raises(ModelError, match="needs a GPU that torch can use, but torch finds none; use `device` cpu"):
        predicted(exported.folder, exported.texts, device="cuda")


def test_a_damaged_export_is_one_line(exported_study: Callable[[str], Any], tmp_path: Path) -> None:
    exported, folder = exported_study("mini-gpt2"), tmp_path / "export"
    shutil.copytree(exported.folder, folder)
    (folder / "prompt_embeds.safetensors").write_bytes(b"torn")
    with pytest.raises(ResultsError, match=r"must hold its vectors, but .* cannot be read"):
        predicted(folder, exported.texts)
    shutil.copy(exported.folder / "prompt_embeds.safetensors", folder)
    manifest = json.loads((folder / "zostudy.json").read_text())
    manifest["model"]["prompt_tokens"] = 5
    (folder / "zostudy.json").write_text(json.dumps(manifest))
    with pytest.raises(ResultsError, match=r"must be \[5, D\], but .* holds \[4, 64\]"):
        predicted(folder, exported.texts)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda vectors: vectors * float("nan"), "must be finite numbers in float32, but .* holds others"),
        (lambda vectors: vectors.double(), "must be finite numbers in float32, but .* holds others"),
        (lambda vectors: vectors[:, 1:], r"must be \[4, 64\], but .* holds \[4, 63\]"),
        (lambda vectors: vectors[None], r"must be \[4, D\], but .* holds \[1, 4, 64\]"),
    ],
)
def test_vectors_that_no_export_holds_are_refused(
    exported_study: Callable[[str], Any], tmp_path: Path, spoil: Callable[[torch.Tensor], torch.Tensor], message: str
) -> None:
    from safetensors.torch import load_file, save_file

    exported, folder = exported_study("mini-gpt2"), tmp_path / "export"
    shutil.copytree(exported.folder, folder)
    vectors = load_file(folder / "prompt_embeds.safetensors")["prompt_embeds"]
    save_file({"prompt_embeds": spoil(vectors).contiguous()}, folder / "prompt_embeds.safetensors")
    with pytest.raises(ResultsError, match=f"an exported prompt {message}; export the trial again"):
        predicted(folder, exported.texts)


@pytest.mark.parametrize(
    ("task", "threshold", "message"),
    [
        ({"class_names": ["down"]}, None, "two classes or more of different names"),
        ({"class_names": ["up", "up"]}, 0.5, "two classes or more of different names"),
        ({"label_words": ["bad"]}, 0.5, "a label word for each"),
        ({"class_names": ["a", "b", "c"], "label_words": ["a", "b", "c"]}, 0.5, "for two classes only"),
        ({}, float("nan"), "a threshold that is finite"),
    ],
)
def test_a_manifest_that_decides_nothing_is_one_line(
    exported_study: Callable[[str], Any], tmp_path: Path, task: dict[str, Any], threshold: float | None, message: str
) -> None:
    manifest = json.loads((exported_study("mini-gpt2").folder / "zostudy.json").read_text())
    manifest["task"] |= task
    manifest["decision"] = {"threshold": threshold}
    (tmp_path / "zostudy.json").write_text(json.dumps(manifest))
    with pytest.raises(
        ResultsError, match=rf"is not a manifest \(the file: must have .*{message}.*export the trial again"
    ):
        read_manifest(tmp_path)


def test_scores_are_the_same_on_any_number_of_threads(exported_study: Callable[[str], Any]) -> None:
    exported = exported_study("mini-gpt2")
    manifest = read_manifest(exported.folder)
    _, texts = read_texts(exported.texts, manifest, None, None)
    many = dataclasses.replace(texts, texts=(texts.texts * 5)[: 3 * ROWS_AT_ONCE + 1])
    before = torch.get_num_threads()
    found = []
    try:
        for n_threads in (1, 3):
            torch.set_num_threads(n_threads)
            found.append(score_texts(exported.folder, manifest, many, lambda done: None))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
