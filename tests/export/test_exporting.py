from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file

from zostudy.config.known import HeadKind
from zostudy.config.study import StudySpec
from zostudy.config.task import TaskSpec
from zostudy.errors import DataError, ModelError, ResultsError
from zostudy.export.exporting import export_trial
from zostudy.export.manifest import FILES, read_manifest
from zostudy.export.task import find_task
from zostudy.export.trials import load_study_results
from zostudy.results.classes import StudyClass, StudyClasses, write_classes
from zostudy.results.comparison.statistics import bounded_interval
from zostudy.results.storage import Storage
from zostudy.tasks.loading import load_task

QUICKSTART = Path(__file__).resolve().parents[1] / "data" / "quickstart"


def test_an_export_holds_the_prompt_alone_and_behind_its_lead(exported_study: Callable[[str], Any]) -> None:
    folder = exported_study("mini-llama").folder
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    prompt = load_file(folder / "prompt_embeds.safetensors")["prompt_embeds"]
    adapter = load_file(folder / "adapter_model.safetensors")["prompt_embeddings"]
    assert prompt.shape == (4, 64)
    assert str(prompt.dtype) == "float32"
    assert adapter.shape == (5, 64)
    assert (adapter[1:] == prompt).all()


def test_the_card_says_what_where_and_how_good(exported_study: Callable[[str], Any]) -> None:
    exported = exported_study("mini-roberta")
    card = (exported.folder / "README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(card.split("---")[1])
    assert header["library_name"] == "peft"
    trials = exported.trial.study.results.trials
    seeds = trials[(trials["cell"] == exported.trial.row["cell"]) & (trials["stage"] == "confirm")]
    assert len(seeds) == 2
    own = exported.trial.row
    [line] = [line for line in card.splitlines() if line.startswith("| auc |")]
    assert line.endswith(
        f"| {own['dev_auc']:.3f} | {own['test_auc']:.3f} | {_interval(seeds, 'dev_auc')} | "
        f"{_interval(seeds, 'test_auc')} |"
    )
    for text in (
        f"| study | {exported.trial.study.spec.name} |",
        f"| trial | {exported.trial.name} |",
        "    {text} It was {mask}\n",
        "| down | bad |",
        "not calibrated",
        "torch 2.",
        (exported.results / "study.yaml").read_text().strip(),
    ):
        assert text in card, text


def test_an_export_decides_as_its_trial_did_and_the_card_shows_both_decisions(
    exported_study: Callable[[str], Any],
) -> None:
    exported = exported_study("mini-roberta")
    card, row = (exported.folder / "README.md").read_text(encoding="utf-8"), exported.trial.row
    assert read_manifest(exported.folder).decision.threshold == row["dev_threshold"]
    name = "test_balanced_accuracy"
    spread = _interval(exported.trial.confirm_seeds, f"{name}_at_dev_threshold")
    assert f"| balanced accuracy at dev threshold | - | {row[f'{name}_at_dev_threshold']:.3f} | - | {spread} |" in card
    assert f"| test, threshold | {row[f'{name}_at_dev_threshold']:.3f} |" in card
    assert f"| test, highest score | {row[name]:.3f} |" in card
    assert "mean score differences on the 24 dev examples" in card


def test_the_card_repeats_the_verdicts_on_its_cell(exported_study: Callable[[str], Any], tmp_path: Path) -> None:
    study = exported_study("mini-roberta").trial.study
    export_trial(study.trial("spsa-r2"), tmp_path / "spsa")
    card = (tmp_path / "spsa" / "README.md").read_text(encoding="utf-8")
    section = card.split("## Verdicts\n\n")[1].split("\n\n## ")[0].splitlines()
    few = "2 in common with untuned, of 3 that a test needs. To change: raise confirm.seeds."
    assert f"- Too few seeds to tell: {few}" in section
    export_trial(study.trial("untuned-r2"), tmp_path / "untuned")
    assert few not in (tmp_path / "untuned" / "README.md").read_text(encoding="utf-8")


def test_a_card_of_more_classes_has_no_threshold(exported_study: Callable[[str], Any]) -> None:
    exported = exported_study("pairs")
    card = (exported.folder / "README.md").read_text(encoding="utf-8")
    assert np.isnan(exported.trial.row["dev_threshold"])
    assert "A threshold is chosen for two classes only; this task has 3." in card
    assert "| mcc |" in card
    assert "at dev threshold |" not in card


@pytest.mark.slow
def test_with_enough_dev_rows_the_card_says_that_its_threshold_was_searched(
    exported_study: Callable[[str], Any],
    make_study: Callable[..., StudySpec],
    run_study: Callable[[StudySpec, Path], Path],
    tmp_path: Path,
) -> None:
    spec = make_study("mini-roberta", exported_study("mini-roberta").texts)
    many = spec.imbalance.model_copy(update={"dev_minority_size": 20})
    results = run_study(spec.model_copy(update={"imbalance": many}), tmp_path / "results")
    export_trial(load_study_results(results).trial("best"), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "The threshold has the best balanced accuracy on the 60 dev examples." in card


def test_the_card_says_that_its_code_does_not_cut_as_the_study_did(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    exported = exported_study("mini-roberta")
    study = exported.trial.study
    model = study.spec.model.model_copy(update={"max_length": 24})
    task = study.spec.task.model_copy(update={"truncate": True})
    cutting = replace(study, spec=study.spec.model_copy(update={"model": model, "task": task}))
    export_trial(replace(exported.trial, study=cutting), tmp_path / "out")
    told = "The study cut long texts, so that an input has at most 20 tokens beside the prompt;"
    assert told in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "cut long texts" not in (exported.folder / "README.md").read_text(encoding="utf-8")


def test_the_card_of_a_reference_says_that_it_had_gradients(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    exported = exported_study("mini-roberta")
    reference = replace(exported.trial, row=exported.trial.row | {"needs": "gradients"})
    export_trial(reference, tmp_path / "out")
    of_reference, of_method = (
        (folder / "README.md").read_text(encoding="utf-8") for folder in (tmp_path / "out", exported.folder)
    )
    assert "tuned along true gradients for a frozen" in of_reference
    assert "tuned without gradients for a frozen" in of_method


def test_a_trial_of_before_there_were_thresholds_is_exported_with_one(tmp_path: Path) -> None:
    trial = load_study_results(QUICKSTART).trial("best")
    manifest, _ = export_trial(trial, tmp_path / "out")
    assert np.isnan(trial.row["dev_threshold"])
    assert manifest.decision.threshold is not None
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "| test, threshold | " in card
    assert "nan" not in card.partition("## Use")[0]
    assert "| mcc |" not in card


@pytest.mark.parametrize("case", ["mini-roberta", "mini-gpt2"])
def test_the_card_names_an_embedded_model_and_no_folder_of_this_machine(
    exported_study: Callable[[str], Any], case: str
) -> None:
    card = (exported_study(case).folder / "README.md").read_text(encoding="utf-8")
    code = card.partition("```yaml")[0]  # the study's file comes last, to the letter
    assert code.count(f'base = str(files("zostudy").joinpath("lm/embedded/{case}"))') == (
        2 if case == "mini-gpt2" else 1
    )
    assert str(Path(_location(case)).parents[1]) not in code
    assert f"| model | {case} |" in card


def test_the_card_names_the_settings_that_took_part(exported_study: Callable[[str], Any]) -> None:
    card = (exported_study("mini-roberta").folder / "README.md").read_text(encoding="utf-8")
    [line] = [line for line in card.splitlines() if line.startswith("| settings |")]
    assert "reach 2.0" in line
    assert "imbalance.class_weights none" in line
    assert not any(name in line for name in ("auc_version", "imbalance.margin", "hinge_margin", "focal_gamma"))


def test_best_is_the_confirm_trial_with_the_best_dev_auc(exported_study: Callable[[str], Any]) -> None:
    results = exported_study("mini-gpt2").trial.study
    trials = results.results.trials
    confirmed = trials[trials["stage"] == "confirm"].sort_values("dev_auc", ascending=False, kind="stable")
    assert results.trial("best").name == confirmed["trial"].iloc[0]


def test_an_export_is_replaced_whole_and_nothing_else_is(exported_study: Callable[[str], Any], tmp_path: Path) -> None:
    exported = exported_study("mini-gpt2")
    out = tmp_path / "deep" / "out"
    export_trial(exported.trial, out)
    first = (out / "README.md").stat().st_ino
    export_trial(exported.trial, out)
    assert (out / "README.md").stat().st_ino != first
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ResultsError, match=r"holds notes\.txt; name another folder"):
        export_trial(exported.trial, out)
    assert (out / "notes.txt").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ResultsError, match="holds file"):
        export_trial(exported.trial, tmp_path / "file")
    with pytest.raises(ResultsError, match="must be a folder that can be written"):
        export_trial(exported.trial, tmp_path / "file" / "out")


def test_a_trial_of_the_search_is_refused_with_those_of_the_confirm_stage(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    study = exported_study("mini-gpt2").trial.study
    [name] = [name for name in study.results.trials["trial"] if "search" in name]
    with pytest.raises(ResultsError, match=r"its cell has spsa-r2-confirm-000, spsa-r2-confirm-001; best names"):
        export_trial(study.trial(name), tmp_path / "out")
    assert not [*tmp_path.iterdir()]


def test_an_unknown_trial_is_answered_with_a_close_one(exported_study: Callable[[str], Any]) -> None:
    study = exported_study("mini-gpt2").trial.study
    with pytest.raises(ResultsError, match=r"no 'spsa-r2-confirm-01'; did you mean spsa-r2-confirm-001\?"):
        study.trial("spsa-r2-confirm-01")


def test_a_trial_without_a_prompt_is_refused_with_its_reason(exported_study: Callable[[str], Any]) -> None:
    study = exported_study("mini-gpt2").trial.study
    name = study.results.trials["trial"].iloc[0]
    trials = study.results.trials.copy()
    trials.loc[trials["trial"] == name, ["status", "error"]] = ["failed", "the loss is nan"]
    trials["latent"] = [None, *trials["latent"].iloc[1:]]
    study = replace(study, results=replace(study.results, trials=trials))
    with pytest.raises(ResultsError, match=rf"{name} is failed \(the loss is nan\)"):
        study.trial(name)


def test_a_folder_of_studies_is_no_study(exported_study: Callable[[str], Any]) -> None:
    with pytest.raises(ResultsError, match=r"a study's own folder, but .* holds no study\.yaml"):
        load_study_results(exported_study("mini-gpt2").results.parent)


def test_label_words_stand_for_the_classes_where_the_data_is_gone(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    exported = exported_study("mini-gpt2")
    results, texts = _moved(exported, tmp_path)
    manifest, note = export_trial(load_study_results(results).trial("best"), tmp_path / "there")
    texts.unlink()
    assert note is None
    assert manifest.task.class_names == ("down", "up")
    manifest, note = export_trial(load_study_results(results).trial("best"), tmp_path / "gone")
    assert note is not None
    assert manifest.task.class_names == ("bad", "great")
    assert f"Note: {note}." in (tmp_path / "gone" / "README.md").read_text()
    for name in ("prompt_embeds.safetensors", "adapter_model.safetensors"):
        assert (tmp_path / "gone" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_classes_keep_the_names_that_they_had_when_the_study_ran(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    results, texts = _moved(exported_study("mini-gpt2"), tmp_path)
    renamed = texts.read_text().replace(",down,", ",worse,")
    assert renamed != texts.read_text()
    texts.write_text(renamed)
    manifest, note = export_trial(load_study_results(results).trial("best"), tmp_path / "older")
    assert manifest.task.class_names == ("bad", "great")
    assert note is not None
    assert "texts, labels and splits must be those of the study, but they have changed since" in note
    classes = tuple(StudyClass(name, word, False, (1,), (1,), 1) for name, word in (("down", "bad"), ("up", "great")))
    write_classes(Storage.at(results), StudyClasses("label word", (1.0,), classes))
    manifest, note = export_trial(load_study_results(results).trial("best"), tmp_path / "today")
    assert manifest.task.class_names == ("down", "up")
    assert note is None


def test_a_trial_of_a_zostudy_that_recorded_no_data_is_exported(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    trial = exported_study("mini-gpt2").trial
    versions = {name: number for name, number in trial.versions.items() if name != "data"}
    older = replace(trial, row={**trial.row, "versions": json.dumps(versions)})
    manifest, note = export_trial(older, tmp_path / "older")
    assert manifest.task.class_names == ("down", "up")
    assert note is None


def test_names_that_only_the_data_holds_are_asked_for_where_it_is_gone(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"names of the classes, but it cannot be used \(.*gone\.csv.*\); put it back"):
        find_task(TaskSpec(file=str(tmp_path / "gone.csv"), template="{text} {mask}"), "masked")


@pytest.mark.parametrize("head", ["masked", "causal", "encoder"])
@pytest.mark.parametrize("pair", [False, True])
def test_a_well_known_tasks_words_are_those_of_its_data(head: HeadKind, pair: bool, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text(
        "text,other,label,split\n"
        + "".join(f"t,o,{label},{split}\n" for label in (0, 1) for split in ("train", "test"))
    )
    spec = TaskSpec(name="mrpc" if pair else "sst2", file=str(file), second_text="other" if pair else None)
    task = load_task(spec)
    file.unlink()
    exported, _ = find_task(spec, head)
    assert exported.wording == task.wording(head)
    assert exported.class_names == task.table.class_names
    assert (exported.text, exported.second_text) == ("text", "other" if pair else None)


def test_a_hub_tasks_columns_are_known(tmp_path: Path) -> None:
    assert find_task(TaskSpec(name="sst2"), "masked")[0].text == "sentence"
    pair, _ = find_task(TaskSpec(name="mrpc"), "masked")
    assert (pair.text, pair.second_text) == ("sentence1", "sentence2")


def test_code_that_comes_with_a_model_is_not_run_because_the_study_did(
    exported_study: Callable[[str], Any], tmp_path: Path
) -> None:
    exported = exported_study("mini-gpt2")
    study = exported.trial.study
    model = tmp_path / "model"
    shutil.copytree(Path(_location("mini-gpt2")), model)
    config = json.loads((model / "config.json").read_text())
    (model / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (model / "config.json").write_text(
        json.dumps(config | {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig"}})
    )
    own = study.spec.model.model_copy(update={"name": str(model), "trust_remote_code": True})
    trusting = replace(study, spec=study.spec.model_copy(update={"model": own}))
    with pytest.raises(ModelError, match=r"brings Python code of its own.*`trust_remote_code`"):
        export_trial(trusting.trial("best"), tmp_path / "out")
    assert not (tmp_path / "ran").exists()


def test_a_manifest_that_is_none_is_one_line(exported_study: Callable[[str], Any], tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="make it with: zostudy export DIR TRIAL --to"):
        read_manifest(tmp_path)
    with pytest.raises(ResultsError, match=r"make it with: zostudy export .* best --to EXPORT, and name EXPORT$"):
        read_manifest(QUICKSTART)
    manifest = json.loads((exported_study("mini-gpt2").folder / "zostudy.json").read_text())
    (tmp_path / "zostudy.json").write_text(json.dumps(manifest | {"format": 2}))
    with pytest.raises(ResultsError, match=r"\(format: Input should be 1\); export the trial again"):
        read_manifest(tmp_path)


def _moved(exported: Any, home: Path) -> tuple[Path, Path]:
    """Returns a copy of the results whose study names a copy of the data, and that copy."""
    texts, results = home / "texts.csv", home / "results"
    shutil.copy(exported.texts, texts)
    shutil.copytree(exported.results, results)
    study = results / "study.yaml"
    study.write_text(study.read_text().replace(str(exported.texts), str(texts)))
    return results, texts


def _interval(seeds: pd.DataFrame, column: str) -> str:
    mean, low, high = bounded_interval(seeds[column])
    return f"{mean:.3f} ({low:.3f}, {high:.3f})"


def _location(name: str) -> str:
    from zostudy.config.model import ModelSpec
    from zostudy.lm.finding import find_model

    return find_model(ModelSpec(name=name)).location
