"""The study that ``zostudy init`` writes: what is in it, and that it runs as it stands."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml
from jsonschema import Draft202012Validator

import zostudy
from zostudy.config.loading import load_study
from zostudy.config.study import StudySpec
from zostudy.errors import DataError, SpecError
from zostudy.inspection.drafting import commented_study
from zostudy.inspection.init_study import _write
from zostudy.inspection.inspecting import NUMBERED
from zostudy.search.prepare import prepare

WriteData: TypeAlias = Callable[..., Path]


def started(data: Path, **given: Any) -> StudySpec:
    return load_study(zostudy.init_study(data, data.parent / "study.yaml", model="mini-roberta", **given))


def test_imbalanced_data_is_taken_as_it_is(mail: Path) -> None:
    study = started(mail)
    assert study.name == study.task.name == "mail"
    assert (study.task.text, study.task.label, study.task.minority) == ("body", "kind", "spam")
    assert (study.imbalance.ratios, study.imbalance.minority_size) == (("natural",), "all")
    prepared = prepare(study)
    [draw] = {each.train_counts for each in prepared.data.draws.values()}
    found = zostudy.inspect(mail)
    in_dev = [each.dev[0] for each in prepared.classes.classes]
    assert [train + dev for train, dev in zip(draw, in_dev, strict=True)] == [each.candidates for each in found.classes]
    assert {cell.imbalance_ratio for cell in prepared.plan.cells} == {found.natural_ratio}
    assert prepared.unused == []


def test_nearly_equal_classes_are_taken_as_they_are_too(write_data: WriteData) -> None:
    rows = [(f"this is text {number}", "ab"[number % 2]) for number in range(1200)]
    study = started(write_data(("text", "label"), rows))
    assert (study.imbalance.ratios, study.imbalance.minority_size) == (("natural",), "all")
    prepare(study)


def test_very_few_rows_give_what_they_can(write_data: WriteData) -> None:
    rows = [(f"this is text {number}", "ab"[number % 2]) for number in range(24)]
    prepare(started(write_data(("text", "label"), rows)))


def test_more_than_two_classes_and_splits_of_their_own(write_data: WriteData) -> None:
    sizes = {"red": 60, "green": 30, "blue": 12}
    rows = [
        (f"{split} text {number} of {kind}", kind, split)
        for split in ("train", "validation", "test")
        for kind, size in sizes.items()
        for number in range(size if split == "train" else size // 3)
    ]
    study = started(write_data(("text", "label", "split"), rows))
    assert study.task.splits is not None
    assert study.task.splits.dev == "validation"
    assert study.task.minority == ("blue",)
    [counts] = {draw.train_counts for draw in prepare(study).data.draws.values()}
    assert counts == (12, 30, 60)


def test_what_is_given_is_taken(mail: Path) -> None:
    overrides = (
        "name=own",
        "task.label_words=[good, bad]",
        "task.minority=ham",
        "imbalance={ratios: [1, 2.5], minority_size: 2}",
        "methods=[{zosa: {sharpness_radius: 0.2}}]",
        "resources.cpus=2",
    )
    study = started(mail, template="{text} Mail: {mask}.", overrides=overrides)
    assert (study.name, study.task.template, study.task.label_words) == ("own", "{text} Mail: {mask}.", ("good", "bad"))
    assert (study.task.minority, study.imbalance.ratios) == ("ham", (1, 2.5))
    assert [method.options for method in study.methods] == [{"sharpness_radius": 0.2}]
    assert study.resources.cpus == 2


def test_texts_that_are_too_long_are_cut(write_data: WriteData) -> None:
    rows = [("so very long " * 200 + str(number), "ab"[number % 2]) for number in range(40)]
    assert started(write_data(("text", "label"), rows)).task.truncate is True


def test_each_key_stands_under_its_own_meaning(mail: Path) -> None:
    text = zostudy.init_study(mail, mail.parent / "study.yaml", model="mini-roberta").read_text()
    above = text.replace("\n# ", " ").replace("\n  # ", " ")
    data = yaml.safe_load(text)
    for name, value in data.items():
        field = StudySpec.model_fields[name]
        assert str(field.description) in above
        if isinstance(value, dict):
            section: Any = field.annotation
            for key in value:
                assert section.model_fields[key].description in above
    assert text.splitlines()[1].startswith("# 120 rows: 120 used. Classes in label order: ham (96), spam (24).")
    assert "file: mail.csv" in text
    assert max(map(len, text.splitlines()[1:])) <= 110


def test_the_first_line_names_the_installed_schema(mail: Path) -> None:
    text = zostudy.init_study(mail, mail.parent / "study.yaml", model="mini-roberta").read_text()
    uri = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    with urllib.request.urlopen(uri) as schema:
        Draft202012Validator(json.load(schema)).validate(yaml.safe_load(text))


def test_classes_named_by_numbers_want_words(write_data: WriteData) -> None:
    rows = [(f"Text number {number}", number % 4 == 0) for number in range(80)]
    path = write_data(("text", "label"), [(text, int(label)) for text, label in rows])
    study = zostudy.init_study(path, path.parent / "study.yaml", model="mini-roberta").read_text()
    assert "# Note: the classes are named by numbers, which mean nothing to a model: give task.label_words" in study
    assert zostudy.inspect(path).notes[-1] == NUMBERED
    named = write_data(("text", "label"), rows, "named.csv")  # True and False
    assert NUMBERED not in zostudy.inspect(named).notes


@pytest.mark.parametrize("word", ["a: b", "[x, y]", "# no", "yes", "01", "{z}", "line\nbreak", "'", "\u202e"])
def test_any_class_name_reads_back(word: str) -> None:
    study = {"name": "n", "task": {"minority": word, "label_words": [word, "other"]}, "methods": ["spsa"], "seed": 0}
    assert yaml.safe_load(commented_study(study, [word])) == study


def test_paths_are_relative_to_the_study_wherever_it_is_written(
    mail: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "studies").mkdir()
    monkeypatch.chdir(tmp_path)
    path = zostudy.init_study(mail.name, "studies/own.yaml", model="mini-roberta")
    assert yaml.safe_load(path.read_text())["task"]["file"] == "../mail.csv"
    assert load_study(path).task.file == os.path.abspath(mail)


def test_nothing_is_written_over(mail: Path) -> None:
    path = mail.parent / "study.yaml"
    path.write_text("mine")
    with pytest.raises(SpecError, match=r"study.yaml: must be a new file, but it exists; name another"):
        started(mail)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"overrides": ["imbalance.ratios=[0.5]"]},
            SpecError,
            "`overrides` imbalance.ratios=[0.5]: imbalance.ratios.0: must",
        ),
        ({"overrides": ["imbalance={ratios: [500], minority_size: 5}"]}, DataError, "imbalance ratio 500 with"),
        ({"overrides": ["task.minority=eggs"]}, DataError, "must be among the classes ham, spam"),
        ({"overrides": ["methods=[zoza]"]}, SpecError, "did you mean zosa"),
        ({"overrides": ["task.label_words=[one]"]}, SpecError, "task.label_words: must hold at least 2"),
        ({"template": "{text}"}, DataError, "a masked model fills in one {mask}"),
        ({"overrides": ["name=a b"]}, SpecError, "name: must be up to 100 characters of"),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_nothing_written(
    mail: Path, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as refused:
        started(mail, **given)
    assert message in str(refused.value)
    assert not (mail.parent / "study.yaml").exists()


def test_a_class_of_one_row_is_named(write_data: WriteData) -> None:
    rows = [(f"this is text {number}", "common", "train") for number in range(60)]
    rows += [("all alone", "rare", "train"), ("quite alone", "rare", "test"), ("one more", "common", "test")]
    path = write_data(("text", "label", "split"), rows)
    with pytest.raises(DataError, match="each class needs 2 rows or more for train and dev, but 'rare' has 1"):
        started(path)


def test_each_of_many_classes_with_long_names_gets_a_word_of_its_own(write_data: WriteData) -> None:
    rows = [(f"this is text {number}", f"topic {number % 20} with a long name") for number in range(800)]
    words = started(write_data(("text", "label"), rows)).task.label_words
    assert words is not None
    assert len(set(words)) == 20
    assert all(words)


@pytest.mark.slow
def test_a_batch_can_hold_every_class(write_data: WriteData) -> None:
    rows = [(f"this is text {number}", f"topic {number % 40}") for number in range(1600)]
    study = started(write_data(("text", "label"), rows))
    assert study.budget.batch_size == 40
    prepare(study)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_no_study(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"must be writable, but it is not \(No space left on device\)"):
        _write(tmp_path / "study.yaml", "name: study")
    assert not [*tmp_path.iterdir()]
