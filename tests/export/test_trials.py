from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import yaml
from safetensors.torch import load_file

from zostudy.config.search import ConfirmSpec, SearchSpec
from zostudy.config.study import StudySpec
from zostudy.errors import ResultsError
from zostudy.export.exporting import export_trial
from zostudy.export.manifest import read_manifest
from zostudy.export.nearest import nearest_tokens
from zostudy.export.prompt import embeddings_digest
from zostudy.export.scoring import score_texts
from zostudy.export.task import InputTexts
from zostudy.export.trials import load_study_results
from zostudy.lm.finding import find_model
from zostudy.results.ledger import Ledger
from zostudy.results.schema import NOISE_FLOOR
from zostudy.tasks.files import read_rows


def test_a_study_is_read_from_a_uri_too(exported_study: Callable[[str], Any]) -> None:
    exported = exported_study("mini-gpt2")
    trial = load_study_results(f"file://{exported.results}").trial("best")
    assert trial.row["trial"] == exported.trial.name
    np.testing.assert_array_equal(trial.latent, exported.trial.latent)
    np.testing.assert_array_equal(trial.scores("dev").scores, exported.trial.scores("dev").scores)


def test_a_cells_name_is_its_best_confirm_trial(exported_study: Callable[[str], Any]) -> None:
    study = exported_study("mini-gpt2").trial.study
    trials = study.results.trials
    for cell in ("spsa-r2", "untuned-r2"):
        confirm = trials[(trials["cell"] == cell) & (trials["stage"] == "confirm")]
        best = study.trial(cell)
        assert best.row["dev_auc"] == confirm["dev_auc"].max()
        assert best.name in confirm["trial"].tolist()
        assert best.summary == (
            f"{best.name}, {cell.removesuffix('-r2')} at imbalance ratio 2, dev AUC {best.row['dev_auc']:.3f}"
        )
    searching = dataclasses.replace(study, results=study.results.only(trials[trials["stage"] == "search"]))
    with pytest.raises(ResultsError, match="but cell spsa-r2 has none yet; wait for one"):
        searching.trial("spsa-r2")


def test_the_best_is_that_of_the_hardest_ratio_unless_another_is_named(exported_study: Callable[[str], Any]) -> None:
    study = exported_study("mini-gpt2").trial.study
    trials = study.results.trials
    harder = trials.assign(imbalance_ratio=10.0, dev_auc=trials["dev_auc"] / 2)
    for column in ("cell", "trial"):
        harder[column] = harder[column].str.replace("-r2", "-r10", regex=False)
    results = dataclasses.replace(study.results, trials=pd.concat([harder, trials], ignore_index=True))
    both = dataclasses.replace(study, results=results)
    assert both.best_names == ["best-r2", "best-r10"]
    easy = study.trial("best").name
    assert both.trial("best-r2").name == easy
    assert both.trial("best").name == both.trial("best-r10").name == easy.replace("-r2", "-r10")
    with pytest.raises(ResultsError, match=r"there is no 'best-r1'; did you mean best-r10"):
        both.trial("best-r1")
    unfinished = results.trials.query("not (imbalance_ratio == 10 and stage == 'confirm')")
    running = dataclasses.replace(study, results=dataclasses.replace(results, trials=unfinished))
    assert running.trial("best").name == easy


@pytest.mark.parametrize("name", ["best", "best-r2"])
def test_a_study_of_references_alone_has_no_best_trial(exported_study: Callable[[str], Any], name: str) -> None:
    study = exported_study("mini-gpt2").trial.study
    results = dataclasses.replace(study.results, trials=study.results.trials.assign(needs="gradients"))
    with pytest.raises(ResultsError, match="has none with a prompt that scores alone have tuned; name a trial"):
        dataclasses.replace(study, results=results).trial(name)


def test_a_confirm_trial_that_a_longer_search_has_bettered_is_not_the_best(
    exported_study: Callable[[str], Any],
) -> None:
    study = exported_study("mini-gpt2").trial.study
    trials = study.results.trials.copy()
    [first, *_] = trials.index[(trials["cell"] == "spsa-r2") & (trials["stage"] == "search")]
    better = trials.loc[[first]].assign(
        trial="spsa-r2-search-099", number=99, dev_auc=2.0, params='{"learning_rate": 9.0}'
    )
    extended = pd.concat([trials, better], ignore_index=True)
    study = dataclasses.replace(study, results=dataclasses.replace(study.results, trials=extended))
    with pytest.raises(ResultsError, match=r"but cell spsa-r2 has none of the settings that a longer search has found"):
        study.trial("spsa-r2")
    assert study.trial("untuned-r2").row["cell"] == "untuned-r2"


def test_a_cell_whose_seeds_all_failed_says_so(exported_study: Callable[[str], Any]) -> None:
    study = exported_study("mini-gpt2").trial.study
    trials = study.results.trials.copy()
    mine = (trials["cell"] == "spsa-r2") & (trials["stage"] == "confirm")
    trials.loc[mine, ["status", "error"]] = ["failed", "the loss is nan"]
    failed = dataclasses.replace(study, results=dataclasses.replace(study.results, trials=trials))
    why = r"has none, as all 2 failed \(the loss is nan\); name a cell or trial that did not"
    with pytest.raises(ResultsError, match=f"but cell spsa-r2 {why}"):
        failed.trial("spsa-r2")
    [searched] = trials.loc[(trials["cell"] == "spsa-r2") & (trials["stage"] == "search"), "trial"]
    with pytest.raises(ResultsError, match=f"its cell {why}"):
        failed.trial(searched).check_confirmed()
    assert failed.trial("best").row["cell"] == "untuned-r2"


def test_a_study_whose_methods_are_not_installed_here_is_taken_away(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    exported, results = exported_study("mini-gpt2"), tmp_path / "results"
    shutil.copytree(exported.results, results)
    study = yaml.safe_load((results / "study.yaml").read_text())
    study["methods"] = [{"spsa": {"method": "of-a-script", "rate": 1}}, "gone"]
    (results / "study.yaml").write_text(yaml.safe_dump(study))
    trial = load_study_results(results).trial(exported.trial.name)
    export_trial(trial, tmp_path / "out")
    prompts = [(folder / "prompt_embeds.safetensors").read_bytes() for folder in (exported.folder, tmp_path / "out")]
    assert prompts[0] == prompts[1]
    assert nearest_tokens(trial, 1) == nearest_tokens(exported.trial, 1)


def test_the_file_of_another_study_is_not_taken_for_the_own_one(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    results = tmp_path / "results"
    shutil.copytree(exported_study("mini-gpt2").results, results)
    shutil.copy(exported_study("mini-roberta").results / "study.yaml", results)
    fault = (
        f"{results / 'study.yaml'} is of mini-roberta, and the trials are of mini-gpt2; put the study's own file back"
    )
    with pytest.raises(ResultsError, match=re.escape(fault)):
        load_study_results(results)


def test_a_study_that_stored_no_scores_has_nothing_to_export(exported_study: Callable[[str], Any]) -> None:
    study, name = exported_study("mini-gpt2").trial.study, exported_study("mini-gpt2").trial.name
    trials = study.results.trials.assign(scores_rows=0)
    results = dataclasses.replace(study.results, trials=trials)
    vars(results)["scores"] = study.results.scores.iloc[:0]
    bare = dataclasses.replace(study, results=results).trial(name)
    with pytest.raises(ResultsError, match=r"was run with confirm\.scores: false; run the study with"):
        bare.scores("dev")


def test_scores_that_are_gone_are_one_line_and_history_is_not_missed(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    exported, results = exported_study("mini-gpt2"), tmp_path / "results"
    shutil.copytree(exported.results, results)
    shutil.rmtree(results / "history")
    export_trial(load_study_results(results).trial("best"), tmp_path / "out")
    shutil.rmtree(results / "scores")
    with pytest.raises(
        ResultsError,
        match=r"results must be whole, but .*scores/.* is missing",
    ) as caught:
        export_trial(load_study_results(results).trial("best"), tmp_path / "again")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_dtype_is_the_measured_one(exported_study: Callable[[str], Any], tmp_path: Path, dtype: str) -> None:
    results = tmp_path / "results"
    shutil.copytree(exported_study("mini-gpt2").results, results)
    assert load_study_results(results).dtype == "float32"
    row = {field.name: "text" if field.type == pa.string() else 1 for field in NOISE_FLOOR}
    rows = [row | {"dtype": each, "chosen": each == dtype} for each in ("float32", "bfloat16")]
    Ledger(results).record_noise_floor(rows)
    assert load_study_results(results).dtype == dtype


@pytest.mark.slow
def test_a_study_in_bfloat16_is_taken_away_and_goes_on_in_bfloat16(
    make_study: Callable[..., StudySpec],
    run_study: Callable[[StudySpec, Path], Path],
    exported_study: Callable[[str], Any],
    tmp_path: Path,
) -> None:
    texts = exported_study("mini-gpt2").texts
    spec = make_study("mini-gpt2", texts)
    model = spec.model.model_copy(update={"dtype": "bfloat16"})
    only = {"search": SearchSpec(), "confirm": ConfirmSpec(seeds=1), "methods": spec.methods[1:]}
    study = load_study_results(run_study(spec.model_copy(update={"model": model, **only}), tmp_path / "results"))
    trial = study.trial("best")
    export_trial(trial, tmp_path / "out")
    table = load_file(f"{find_model(spec.model).location}/model.safetensors")["transformer.wte.weight"]
    prompt = load_file(tmp_path / "out" / "prompt_embeds.safetensors")["prompt_embeds"]
    assert _holds(table.bfloat16().float(), prompt)
    assert not _holds(table, prompt)
    manifest, stored = read_manifest(tmp_path / "out"), trial.scores("test")
    assert manifest.model.dtype == "bfloat16"
    bodies = tuple(read_rows(texts).table["body"].take(stored.rows).to_pylist())
    in_bfloat16 = score_texts(tmp_path / "out", manifest, InputTexts(bodies, None), lambda done: None)
    float32 = manifest.model_copy(update={"model": manifest.model.model_copy(update={"dtype": "float32"})})
    float32 = float32.model_copy(update={"embeddings": embeddings_digest(table)})
    in_float32 = score_texts(tmp_path / "out", float32, InputTexts(bodies, None), lambda done: None)
    away = [np.abs(scores - stored.scores).mean() for scores in (in_bfloat16, in_float32)]
    assert away[0] < away[1] / 2  # what is left is the rounding of another batch


def _holds(table: torch.Tensor, vectors: torch.Tensor) -> bool:
    return bool((vectors[:, None] == table).all(dim=-1).any(dim=-1).all())


def test_a_reference_or_a_trial_without_a_prompt_is_never_the_best(exported_study: Callable[[str], Any]) -> None:
    """Both are given a dev AUC that no other trial has; a reference's prompt can still be asked for by name."""
    study = exported_study("mini-gpt2").trial.study
    trials = study.results.trials.copy()
    [opened, *_] = trials.index[(trials["cell"] == "spsa-r2") & (trials["stage"] == "confirm")]
    [bare, *_] = trials.index[trials["cell"] == "untuned-r2"]
    trials.loc[opened, ["needs", "dev_auc"]] = ["gradients", 2.0]
    trials.loc[bare, "dev_auc"] = 3.0
    trials.at[bare, "latent"] = np.zeros(0, dtype=np.float32)
    changed = dataclasses.replace(study, results=dataclasses.replace(study.results, trials=trials))
    best = changed.trial("best").name
    assert best not in trials.loc[[opened, bare], "trial"].tolist()
    assert changed.trial(trials.loc[opened, "trial"]).row["dev_auc"] == 2.0
    with pytest.raises(ResultsError, match="a trial must have a prompt, but untuned puts none in front of the text"):
        changed.trial(trials.loc[bare, "trial"])


def test_a_study_without_prompt_tokens_has_nothing_to_export(exported_study: Callable[[str], Any]) -> None:
    study = exported_study("mini-gpt2").trial.study
    model = study.spec.model.model_copy(update={"prompt_tokens": 0})
    bare = dataclasses.replace(study, spec=study.spec.model_copy(update={"model": model}))
    with pytest.raises(ResultsError, match="a trial must have a prompt"):
        bare.trial("best")
