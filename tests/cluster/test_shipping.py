from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest

from zostudy.cluster import shipping
from zostudy.cluster.shipping import Shipment, make_shipment
from zostudy.config.changes import StudyChanges, study_changes
from zostudy.config.loading import load_study
from zostudy.errors import SpecError
from zostudy.yaml_text import dump_yaml

STUDY = {"name": "shipped", "model": {"name": "mini-roberta"}, "task": {"name": "reviews"}, "methods": ["spsa"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study's folder with data and a model folder beside it."""
    (tmp_path / "home" / "model" / ".git").mkdir(parents=True)
    home = tmp_path / "home"
    (home / "texts.csv").write_text("text,label\ngood,1\nbad,0\n")
    for name in ("config.json", "model.safetensors", "pytorch_model.bin", ".git/config"):
        (home / "model" / name).write_text(name)
    return home


def ship(folder: Path, *overrides: str, **sections: Any) -> Shipment:
    path = folder / "study.yaml"
    path.write_text(dump_yaml(STUDY | sections))
    return make_shipment(path, overrides, load_study(path, overrides))


def test_a_study_without_files_of_its_own_travels_alone(folder: Path) -> None:
    shipment = ship(folder)
    assert shipment.inputs == ()
    assert shipment.study == load_study(folder / "study.yaml").resolved()


def test_a_shipped_study_travels_by_its_name() -> None:
    assert make_shipment(Path("quickstart"), (), load_study("quickstart")).name == "quickstart"


def test_relative_paths_travel_and_lead_to_equal_contents(folder: Path, tmp_path: Path) -> None:
    shipment = ship(folder, task={"file": "texts.csv"}, model={"name": "./model", "prompt_tokens": 7})
    packed = tmp_path / "packed"
    packed.mkdir()
    cargo = Path(shipment.pack(packed)["working_dir"])
    there = load_study(cargo / "study.yaml")
    assert there.task.file is not None
    assert Path(there.task.file).read_bytes() == (folder / "texts.csv").read_bytes()
    assert Path(there.model.name).is_relative_to(cargo)
    assert sorted(path.name for path in Path(there.model.name).rglob("*")) == ["config.json", "model.safetensors"]

    here = load_study(folder / "study.yaml").resolved()
    again = there.resolved()
    assert again["model"].pop("name").endswith("/model")
    assert again["task"].pop("file").endswith("/texts.csv")
    assert here["model"].pop("name") == str(folder / "model")
    assert here["task"].pop("file") == str(folder / "texts.csv")
    assert again == here


def test_absolute_paths_stay_as_they_are(folder: Path) -> None:
    texts, model = str(folder / "texts.csv"), str(folder / "model")
    shipment = ship(folder, task={"file": texts}, model={"name": model})
    assert shipment.inputs == ()
    assert (shipment.study["task"]["file"], shipment.study["model"]["name"]) == (texts, model)


def test_a_path_that_an_override_gives_travels_from_the_working_directory(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipment = ship(folder, "task.file=home/texts.csv")
    assert [(part.given, part.source) for part in shipment.inputs] == [("home/texts.csv", folder / "texts.csv")]


def test_a_shipment_is_told_by_its_contents_and_not_by_where_they_lie(folder: Path, tmp_path: Path) -> None:
    before = ship(folder, task={"file": "texts.csv"}, model={"name": "./model"})
    moved = folder.rename(tmp_path / "elsewhere")
    after = ship(moved, task={"file": "texts.csv"}, model={"name": "./model"})
    assert (after.study, after.digest) == (before.study, before.digest)
    (moved / "model" / "config.json").write_text("other")
    assert ship(moved, task={"file": "texts.csv"}, model={"name": "./model"}).digest != before.digest
    assert ship(moved, "seed=1", task={"file": "texts.csv"}, model={"name": "./model"}).digest != before.digest


def test_a_study_goes_on_here_and_there_while_its_inputs_hold_the_same(folder: Path, tmp_path: Path) -> None:
    shipment = ship(folder, task={"file": "texts.csv"}, model={"name": "./model"})
    packed = tmp_path / "packed"
    packed.mkdir()
    there = load_study(Path(shipment.pack(packed)["working_dir"]) / "study.yaml").resolved()
    here = load_study(folder / "study.yaml").resolved()
    assert there["task"]["file"] != here["task"]["file"]
    assert study_changes(there, here) == study_changes(here, there) == StudyChanges((), ())
    (folder / "model" / "config.json").write_text("other")
    (line,) = study_changes(there, here).contradictions
    assert line.startswith("model.name: ")


def test_what_is_too_large_is_refused_in_a_line_with_its_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / "texts.csv").open("r+b") as file:
        file.truncate(3 * 2**20)
    monkeypatch.setattr(shipping, "MOST_BYTES", 2**21)
    with pytest.raises(SpecError) as refused:
        ship(folder, task={"file": "texts.csv"}, model={"name": "./model"})
    assert str(refused.value) == (
        "at most 2.0 MiB travel with a study, but task.file texts.csv has 3.0 MiB and model.name ./model has 0.0 MiB; "
        "put large inputs on shared storage, and give their absolute paths, the same on every node"
    )
    assert ship(folder, task={"file": str(folder / "texts.csv")}).inputs == ()


def test_the_package_travels_with_its_weights_and_its_version(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    package, _ = map(Path, ship(folder).pack(packed)["py_modules"])
    assert (package / "lm" / "embedded" / "mini-roberta" / "model.safetensors").is_file()
    (found,) = importlib.metadata.distributions(name="zostudy", path=[str(packed)])
    assert found.version == importlib.metadata.version("zostudy")
