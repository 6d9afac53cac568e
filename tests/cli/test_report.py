from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from zostudy.cli.report import report_command
from zostudy.errors import ResultsError

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"


def test_a_report_of_several_studies_is_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("quickstart", "sst2-minilm"):
        shutil.copytree(REFERENCE / name, tmp_path / "results" / name)
    report_command([tmp_path / "results"], to=tmp_path / "both.html")
    assert capsys.readouterr().out.strip() == str(tmp_path / "both.html")
    text = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert "<h2>quickstart</h2>" in text
    assert "<h2>sst2-minilm</h2>" in text
    assert 'http-equiv="refresh"' not in text


def test_several_folders_need_a_place() -> None:
    with pytest.raises(ResultsError, match="give one with --to FILE"):
        report_command([REFERENCE / "quickstart", REFERENCE / "sst2-minilm"])


def test_an_empty_folder_gets_one_line_and_no_report(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="must hold a study") as raised:
        report_command([tmp_path])
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())
