"""The folder of an export is whole, or it is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zostudy.errors import ResultsError
from zostudy.export.manifest import FILES, MANIFEST_FILE, atomic_folder, read_manifest


def test_a_folder_appears_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for fails in (True, False, True):
        before = {path.name: path.read_text() for path in out.iterdir()} if out.exists() else None
        try:
            with atomic_folder(out) as folder:
                (folder / "one").write_text(f"fails {fails}")
                if fails:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            after = {path.name: path.read_text() for path in out.iterdir()} if out.exists() else None
            assert after == before
        else:
            assert (out / "one").read_text() == "fails False"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_is_there_stays_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("first", "second"):
        with atomic_folder(Path()) as folder:
            for name in FILES:
                (folder / name).write_text(text)
        assert {name: (Path.cwd() / name).read_text() for name in os.listdir()} == dict.fromkeys(FILES, text)


def test_files_of_two_exports_are_no_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, replaced = Path.replace, list[str]()

    def stopped_later(self: Path, target: Path) -> Path:
        if replaced:
            raise KeyboardInterrupt
        replaced.append(self.name)
        return replace(self, target)

    def export() -> None:
        with atomic_folder(tmp_path / "out") as folder:
            for name in FILES:
                (folder / name).write_text("text")

    export()
    monkeypatch.setattr(Path, "replace", stopped_later)
    with pytest.raises(KeyboardInterrupt):
        export()
    assert replaced != [MANIFEST_FILE]
    with pytest.raises(ResultsError, match=f"there is no {tmp_path / 'out' / MANIFEST_FILE}"):
        read_manifest(tmp_path / "out")
