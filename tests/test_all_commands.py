"""results/README.md has a command for each committed study, and the command makes exactly that study."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.reading_findings import REFERENCE, ROOT

from zostudy.config.loading import load_study, parse_study
from zostudy.config.study import StudySpec
from zostudy.results.storage import Storage
from zostudy.suite.definition import OFFLINE, Slice
from zostudy.suite.studies import suite_studies

RESULTS = (ROOT / "results" / "README.md").read_text(encoding="utf-8").replace("\\\n", "")
SECTION = RESULTS.split("### All commands\n")[1].split("\n## ")[0]
COMMANDS = re.findall(r"^zostudy run (studies/\w+\.yaml)(.*)$", RESULTS, flags=re.MULTILINE)


def made(file: str, rest: str, folder: Path) -> StudySpec:
    """Returns the study that a command runs, in a folder where each file of texts is there."""
    settings = [word for word in shlex.split(rest) if word != "--set"]
    for path in (folder / value for key, _, value in (each.partition("=") for each in settings) if key == "task.file"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return load_study(ROOT / file, settings)


def committed(folder: Path) -> StudySpec:
    return parse_study((folder / "study.yaml").read_text(encoding="utf-8"), folder.name)


def without_folder(study: StudySpec) -> StudySpec:
    """Returns the study with the name of its file of texts alone."""
    file = Path(study.task.file).name if study.task.file else None
    return study.model_copy(update={"task": study.task.model_copy(update={"file": file})})


@pytest.mark.parametrize(("file", "rest"), COMMANDS)
def test_a_command_makes_a_committed_study(
    file: str, rest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = made(file, rest, tmp_path)
    assert without_folder(study) == without_folder(committed(REFERENCE / study.name))


def test_each_committed_study_has_a_command() -> None:
    shown = re.findall(r"^zostudy run studies/(\w+)\.yaml(?: --set name=(\S+))?", SECTION, flags=re.MULTILINE)
    names = [name or file.replace("_", "-") for file, name in shown]
    assert sorted([*names, "sst2-minilm"]) == sorted(path.parent.name for path in REFERENCE.glob("*/study.yaml"))
    assert "`sst2-minilm` cannot be made anew: an earlier version ran it." in SECTION


def test_the_command_of_the_suite_makes_its_committed_studies(tmp_path: Path) -> None:
    (methods,) = re.findall(r"^zostudy suite run --offline --methods (\S+)$", SECTION, flags=re.MULTILINE)
    studies = suite_studies(Slice(OFFLINE), methods.split(","), None, Storage.at(tmp_path))
    assert {study.spec.name for study in studies} == {path.name for path in (REFERENCE / "suite").iterdir()}
    for study in studies:
        assert study.spec == committed(REFERENCE / "suite" / study.spec.name)


def test_the_digest_of_the_texts_stands_where_it_is_said() -> None:
    files = sorted(REFERENCE.glob("real-text-*/study.yaml"))
    assert all(re.search(r", data [0-9a-f]{16},", file.read_text(encoding="utf-8").splitlines()[0]) for file in files)
    assert "The first line of a committed `study.yaml` has the digest" in " ".join(SECTION.split())
