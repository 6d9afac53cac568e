"""Exports of prompts in a searched wording, from every start, and without a subspace: the prompts that were tuned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from transformers import AutoTokenizer

from zostudy.config.study import StudySpec
from zostudy.export.exporting import export_trial
from zostudy.export.labelling import read_texts
from zostudy.export.manifest import read_manifest
from zostudy.export.nearest import nearest_tokens
from zostudy.export.scoring import score_texts
from zostudy.export.trials import StoredTrial, load_study_results
from zostudy.lm.finding import find_model
from zostudy.lm.start import draw_seed
from zostudy.randomness import generator

PLAIN = "{text} All in all it is {mask}"
WORDED = {
    "task": {"wordings": {"plain": {"template": PLAIN, "label_words": ("great", "bad")}}},
    "search": {"trials": 1, "space": {"task.wording": {"choice": ("plain",)}}},
}
BEST_OF_K = {"model": {"start": "best-of-k", "start_draws": 3}, "budget": {"queries": 24}}
TEXT = {"model": {"start": "text", "start_text": "is it good or is it bad ?"}}
NO_SUBSPACE = {"model": {"subspace": "none"}, "drop": "subspace_dim"}
CASES: dict[str, dict[str, Any]] = {"worded": WORDED, "best-of-k": BEST_OF_K, "text": TEXT, "no subspace": NO_SUBSPACE}


@pytest.fixture(scope="module")
def stored(
    tmp_path_factory: pytest.TempPathFactory,
    exported_study: Any,
    make_study: Callable[..., StudySpec],
    run_study: Callable[[StudySpec, Path], Path],
) -> Callable[[str], tuple[StoredTrial, Path]]:
    """Gives SPSA's best trial of a case and its export; each study runs once."""
    texts = exported_study("mini-llama").texts
    made: dict[str, tuple[StoredTrial, Path]] = {}

    def get(case: str) -> tuple[StoredTrial, Path]:
        if case not in made:
            data = make_study("mini-llama", texts).model_dump(exclude_none=True)
            changes = dict(CASES[case])
            if changes.pop("drop", None):
                data["methods"][0]["options"].pop("subspace_dim")
            for section, values in changes.items():
                data[section] = data[section] | values
            home = tmp_path_factory.mktemp("prompts")
            results = run_study(StudySpec.model_validate(data), home / "results")
            trial = load_study_results(results).trial("spsa-r2")
            export_trial(trial, home / "export")
            made[case] = trial, home / "export"
        return made[case]

    return get


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_an_exported_prompt_predicts_what_the_trial_scored(stored: Any, exported_study: Any, case: str) -> None:
    trial, folder = stored(case)
    assert trial.row["queries"] > 0
    manifest = read_manifest(folder)
    _, texts = read_texts(exported_study("mini-llama").texts, manifest, None, None)
    scored = trial.scores("test")
    scores = score_texts(folder, manifest, texts, lambda done: None)[scored.rows]
    np.testing.assert_allclose(scores, scored.scores, rtol=0, atol=1e-4)


def test_a_searched_wording_reaches_export_card_and_columns(stored: Any) -> None:
    trial, folder = stored("worded")
    assert (trial.wording, trial.row["wording"]) == ("plain", "plain")
    task = read_manifest(folder).task
    assert (task.template, task.label_words) == (PLAIN, ("great", "bad"))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"    {PLAIN}\n" in card
    assert "task.wording plain" in card


def test_the_start_of_the_best_draw_is_made_again(stored: Any) -> None:
    trial, folder = stored("best-of-k")
    draw = int(trial.row["start_draw"])
    assert trial.row["start_queries"] == 3 * 16 // 8
    seed = draw_seed(int(trial.row["seed"]), draw)
    tokenizer = AutoTokenizer.from_pretrained(find_model(trial.study.spec.model).location)
    usable = np.array(sorted(set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids)), dtype=np.int32)
    expected = generator(seed, "start tokens").choice(usable, size=4).tolist()
    assert [vector.start.id for vector in nearest_tokens(trial, 1)] == expected
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "the best of 3 draws of random tokens by dev, which took 6 of the queries" in card


def test_the_start_of_a_text_is_the_text(stored: Any) -> None:
    trial, folder = stored("text")
    tokenizer = AutoTokenizer.from_pretrained(find_model(trial.study.spec.model).location)
    ids = tokenizer("is it good or is it bad ?", add_special_tokens=False)["input_ids"][:4]
    assert [vector.start.id for vector in nearest_tokens(trial, 1)] == ids
    assert "the text 'is it good or is it bad ?'" in (folder / "README.md").read_text(encoding="utf-8")


def test_without_a_subspace_the_offset_of_each_entry_is_stored(stored: Any) -> None:
    trial, folder = stored("no subspace")
    source = find_model(trial.study.spec.model)
    table = load_file(f"{source.location}/model.safetensors")["model.embed_tokens.weight"].astype(np.float64)
    assert trial.row["subspace_dim"] == trial.params["subspace_dim"] == len(trial.latent) == 4 * table.shape[1]
    starts = [vector.start.id for vector in nearest_tokens(trial, 1)]
    expected = table[starts] + table.std(ddof=1) * trial.latent.reshape(4, -1)
    found = load_file(folder / "prompt_embeds.safetensors")["prompt_embeds"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
