from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from zostudy.cli.formats import Format, show
from zostudy.results.table_formats import Table

RECORDS = [
    {"name": "zosa", "mean": 0.123456789, "half_width": None, "options": "a, b\n|c|"},
    {"name": "bpt-fzg", "mean": 1.0, "half_width": 0.5, "options": "é"},
]
TABLE = Table(
    columns=("method", "1", "10"),
    rows=(("zosa", "0.812 ±0.013", "0.7"), ("bpt-fzg", "-", "0.812 ±0.013")),
    title="test_auc",
    notes=("One seed.",),
    best=frozenset({(0, 1), (1, 2)}),
)


def test_a_pipe_never_cuts_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    word = "x" * 300
    show([{"name": word, "meaning": word}])
    assert capsys.readouterr().out.splitlines()[1] == f"{word}  {word}"


def test_json_gives_the_records_back(capsys: pytest.CaptureFixture[str]) -> None:
    show(RECORDS, Format.JSON, [TABLE])
    assert json.loads(capsys.readouterr().out) == RECORDS


def test_csv_gives_the_records_back(capsys: pytest.CaptureFixture[str]) -> None:
    show(RECORDS, Format.CSV, [TABLE])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [row["options"] for row in rows] == ["a, b\n|c|", "é"]
    assert [float(row["mean"]) for row in rows] == [0.123456789, 1.0]
    assert rows[0]["half_width"] == ""


@pytest.mark.parametrize("format", Format)
def test_no_records_are_no_error(format: Format, capsys: pytest.CaptureFixture[str]) -> None:
    show([], format)
    assert capsys.readouterr().out.strip() in ("", "[]")


def test_a_terminal_gets_bold_and_no_markup_of_the_users() -> None:
    code = (
        "from zostudy.cli.formats import *; from zostudy.results.table_formats import *; "
        "show([], Format.TABLE, [Table(('[red]a',), (('[bold]b',), ('best',)), best=frozenset({(1, 0)}))])"
    )
    shown = _in_a_terminal(code)
    assert "[red]a" in shown
    assert "[bold]b" in shown
    assert "\x1b[1mbest" in shown


@pytest.mark.parametrize("columns", [80, 50, 20])
def test_no_number_is_broken_in_a_terminal_of_any_width(columns: int) -> None:
    numbers = ["0.812", "±0.013†", "9,120-9,600", "285-300"]
    row = ("bpt-fzg", *["0.812 ±0.013†"] * 3, "285-300", "9,120-9,600")
    code = (
        "from zostudy.cli.formats import *; from zostudy.results.table_formats import *; "
        f"show([], Format.TABLE, [Table(('method', '1', '10', '50', 'queries', 'examples'), ({row},), title='t')] * 2)"
    )
    shown = _in_a_terminal(code, columns)
    assert [shown.count(number) for number in numbers] == [6, 6, 2, 2]
    for heading in ("queries", "examples"):
        assert shown.count(heading) == 2
    if columns == 80:
        assert len(shown.splitlines()) == 9  # title, headings, rule and row, twice and apart


def test_columns_that_do_not_fit_beside_one_another_stand_below_one_another() -> None:
    names = ("study", "state", "started", "took", "dev_auc")
    rows = (("made", "complete", "2026-11-29 05:06", "0:49", "0.977"), ("other", "running", "-", "-", "-"))
    code = (
        "from zostudy.cli.formats import *; from zostudy.results.table_formats import *; "
        f"show([], Format.TABLE, [Table({names}, {rows}, 'Studies.', ('Two.',), 5, best=frozenset({{(0, 4)}}))])"
    )
    wide, narrow = (re.sub(r"\x1b\[[\d;]*m|\r", "", _in_a_terminal(code, columns)) for columns in (80, 30))
    assert wide.splitlines()[1].split() == list(names)
    assert [line.rstrip().split(maxsplit=1) for line in narrow.splitlines()] == [
        ["Studies."],
        *([name, cell] for name, cell in zip(names, rows[0], strict=True)),
        [],
        *([name, cell] for name, cell in zip(names, rows[1], strict=True)),
        ["Two."],
    ]


def _in_a_terminal(code: str, columns: int = 80) -> str:
    ours, theirs = pty.openpty()
    environment = {
        "PYTHONPATH": str(Path(__file__).parents[2] / "platform"),
        "TERM": "xterm-256color",
        "COLUMNS": str(columns),
    }
    subprocess.run([sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environment, check=True)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux raises it at the end of what a terminal was given
        while part := os.read(ours, 1 << 16):  # perhaps not all at once
            shown += part
    os.close(ours)
    return shown.decode()
