"""Whatever is wrong with a results folder, every verb that reads it says so in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

QUICKSTART = Path(__file__).resolve().parents[1] / "data" / "quickstart"
TRIALS = "trials/merged.parquet"

READERS: dict[str, Callable[[Path, Path], list[object]]] = {
    "compare": lambda folder, out: ["compare", folder],
    "query": lambda folder, out: ["query", "SELECT count(*) FROM trials", "--results", folder],
    "report": lambda folder, out: ["report", folder, "--to", out / "report.html"],
    "export": lambda folder, out: ["export", folder, "best", "--to", out / "adapter"],
    "tokens": lambda folder, out: ["tokens", folder, "best"],
}


def make_empty(folder: Path) -> None:
    folder.mkdir()


def make_file(folder: Path) -> None:
    folder.write_text("mine")


def make_newer(folder: Path) -> None:
    shutil.copytree(QUICKSTART, folder)
    table = pq.read_table(folder / TRIALS)
    newer = {**table.schema.metadata, b"zostudy_schema": b"99"}
    pq.write_table(table.replace_schema_metadata(newer), folder / TRIALS)


def make_foreign(folder: Path) -> None:
    shutil.copytree(QUICKSTART, folder)
    pq.write_table(pa.table({"mine": [1]}), folder / "trials" / "other.parquet")


def make_torn(folder: Path) -> None:
    shutil.copytree(QUICKSTART, folder)
    path = folder / TRIALS
    path.write_bytes(path.read_bytes()[:-100])


# (what is there, words of the message)
FOLDERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (lambda folder: None, "made"),
    "empty": (make_empty, "made hold"),
    "a file": (make_file, "made"),
    "of a newer schema": (make_newer, f"made/{TRIALS} has 99; read it with a newer zostudy"),
    "with a foreign file": (make_foreign, "made/trials/other.parquet is something else; move it away"),
    "with a torn file": (make_torn, f"made/{TRIALS} cannot be read"),
}


@pytest.mark.slow
@pytest.mark.parametrize("state", FOLDERS)
@pytest.mark.parametrize("verb", READERS)
def test_a_folder_that_cannot_be_read_is_one_clear_line(call: Any, tmp_path: Path, verb: str, state: str) -> None:
    folder, out = tmp_path / "made", tmp_path / "out"
    make, words = FOLDERS[state]
    make(folder)
    called = call(*READERS[verb](folder, out))
    assert called.code == 2, called.err
    assert called.out == ""
    assert called.err.startswith("error: ")
    assert called.err.count("\n") == 1
    assert words in called.err
    assert not out.exists()


# What study.yaml becomes, and the verbs that cannot do without it.
EVERY = set(READERS)
STUDY_FILES: dict[str, tuple[Callable[[bytes], bytes], set[str]]] = {
    "not UTF-8": (lambda text: text + b"# \xff\n", EVERY),
    "no YAML": (lambda text: text + b"a: [\n", EVERY),
    "that holds itself": (lambda text: text + b"a: &a [*a]\n", EVERY),
    "of a billion laughs": (lambda text: text + laughs(), EVERY),
    "with a character that is none": (lambda text: text + b'a: "\\U00110000"\n', EVERY),
    "with half a character": (lambda text: text + b'a: "\\ud800"\n', EVERY),
    "with an integer that is none": (lambda text: text + b"a: !!int ''\n", EVERY),
    "with a time that is none": (lambda text: text + b"a: !!timestamp x\n", EVERY),
    "with bytes for a key": (lambda text: text + b"? [!!binary aGk=]\n: 1\n", EVERY),
    "nested too deep": (lambda text: text + b"a: " + b"[" * 500 + b"]" * 500 + b"\n", EVERY),
    "with methods null": (lambda text: with_methods(text, None), {"query", "export", "tokens"}),
    "with methods a number": (lambda text: with_methods(text, 3), {"query", "export", "tokens"}),
    "with methods of numbers": (lambda text: with_methods(text, [3]), {"query", "export", "tokens"}),
    "a list": (lambda text: b"[1]\n", EVERY),
    "with a search that is none": (lambda text: with_key(text, "search", 3), {"report", "export", "tokens"}),
    "with a budget of words": (
        lambda text: with_key(text, "budget", {"queries": "many"}),
        {"query", "export", "tokens"},
    ),
}


def laughs() -> bytes:
    lines = ["a0: &a0 ha", *(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(9))]
    return "\n".join(lines).encode()


def with_key(text: bytes, key: str, value: object) -> bytes:
    return yaml.safe_dump(yaml.safe_load(text) | {key: value}).encode()


def with_methods(text: bytes, methods: object) -> bytes:
    return with_key(text, "methods", methods)


@pytest.mark.slow
@pytest.mark.usefixtures("comparison_alone")
@pytest.mark.parametrize("state", STUDY_FILES)
@pytest.mark.parametrize("verb", READERS)
def test_a_study_file_that_is_none_is_one_line_of_the_verbs_that_need_it(
    call: Any, tmp_path: Path, verb: str, state: str
) -> None:
    change, refusing = STUDY_FILES[state]
    folder, out = tmp_path / "made", tmp_path / "out"
    shutil.copytree(QUICKSTART, folder)
    (folder / TRIALS).rename(folder / "trials" / "ended.parquet")  # as of an unfinished study, whose file is read
    study = folder / "study.yaml"
    study.write_bytes(change(study.read_bytes()))
    arguments = READERS[verb](folder, out)
    called = call(*[str(each).replace("FROM trials", "FROM studies") for each in arguments])
    assert called.code == (2 if verb in refusing else 0), called.err
    if verb in refusing:
        assert called.err.startswith("error: ")
        assert called.err.count("\n") == 1
        assert "study.yaml" in called.err
        assert not out.exists()


@pytest.mark.usefixtures("comparison_alone")
@pytest.mark.parametrize("verb", READERS)
def test_a_crashed_study_is_read_as_far_as_it_came_with_a_note(call: Any, tmp_path: Path, verb: str) -> None:
    folder, out = tmp_path / "crashed", tmp_path / "out"
    shutil.copytree(QUICKSTART, folder)
    for merged in folder.glob("*/merged.parquet"):  # as long as a study runs, its trials have files of their own
        merged.rename(merged.with_name("ended.parquet"))
    trials = pq.read_table(folder / "trials" / "ended.parquet")
    ended = pc.or_(pc.equal(trials["stage"], "search"), pc.match_substring(trials["cell"], "spsa"))
    pq.write_table(trials.filter(ended), folder / "trials" / "ended.parquet")
    (folder / "history" / "zosa-r1-confirm-000.parquet.unfinished").write_bytes(b"torn")
    called = call(*READERS[verb](folder, out))
    assert called.code == 0, called.err
    note = "crashed is unfinished: 9 of its 27 confirm trials are there; unless it is running, run it again to resume"
    told = called.out + called.err if verb != "report" else (out / "report.html").read_text(encoding="utf-8")
    assert told.count(note) == 1


def test_a_study_that_has_ended_has_no_note(call: Any) -> None:
    assert call("compare", QUICKSTART).err == ""
