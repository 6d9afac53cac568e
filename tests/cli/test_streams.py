"""Standard output and error as shells make them: full, closed, or of another encoding than UTF-8."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zostudy.cli import streams

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "tests" / "data" / "quickstart"

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Runs a shell's command in which ``$Z`` is zostudy."""
    path = os.pathsep.join([str(ROOT / "platform"), os.environ.get("PYTHONPATH", "")])
    variables = os.environ | {"PYTHONPATH": path, "Z": f"{sys.executable} -m zostudy"} | environment
    return subprocess.run(["bash", "-c", command], capture_output=True, env=variables, timeout=120)


def error_line(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    return line.removeprefix("error: ")


@pytest.mark.slow
@needs_full
@pytest.mark.parametrize(
    "command",
    [
        "methods",
        "--help",
        f"compare {QUICKSTART} --metric test_auc",
        f"query 'SELECT * FROM range(100000)' --results {QUICKSTART} --format csv",
    ],
)
def test_a_full_standard_output_is_told_in_a_line(command: str) -> None:
    assert error_line(shell(f"$Z {command} > /dev/full")).startswith(
        "standard output must be writable, but it is not (No space left on device)"
    )


@pytest.mark.parametrize("command", ["methods", f"compare {QUICKSTART} --metric test_auc"])
def test_a_closed_standard_output_is_told_in_a_line(command: str) -> None:
    assert error_line(shell(f"$Z {command} >&-")).startswith("standard output must be open, but it is closed")


@pytest.mark.slow
@needs_full
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_the_work_goes_on_where_standard_error_takes_nothing(redirection: str) -> None:
    done = shell(f"$Z methods {redirection}")
    assert done.returncode == 0
    assert b"zosa" in done.stdout
    assert shell(f"$Z methods no-such-method {redirection}").returncode == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    ["--help", "suite", f"query 'SELECT * FROM range(100000)' --results {QUICKSTART} --format csv"],
)
def test_a_reader_that_has_read_enough_is_no_error(command: str) -> None:
    done = shell(f"set -o pipefail; $Z {command} | true")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}],
    ids=["ascii", "C locale"],
)
def test_a_table_is_spelled_in_ascii(environment: dict[str, str]) -> None:
    done = shell(f"$Z compare {QUICKSTART} --metric test_auc", **environment)
    assert done.returncode == 0
    text = done.stdout.decode("ascii")
    assert re.search(r"0\.806 \(0\.\d{3}, 0\.\d{3}\)\+ ", text)
    assert "+ not significantly worse than the best of its column" in text
    assert "\\u" not in text


@pytest.mark.slow
def test_latin_1_keeps_the_characters_that_it_has() -> None:
    done = shell(f"$Z query \"SELECT '±0.1†' AS shown\" --results {QUICKSTART}", PYTHONIOENCODING="latin-1")
    assert "±0.1+" in done.stdout.decode("latin-1")


@given(text=st.text(st.characters(), max_size=20))
def test_characters_that_an_encoding_lacks_are_escaped_as_json_does(text: str) -> None:
    streams.prepare_streams()  # which leaves pytest's own streams alone
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="zostudy-ascii", newline="")
    stream.write(text)
    stream.flush()
    expected = "".join(streams.IN_ASCII.get(c) or (c if c.isascii() else json_escaped(c)) for c in text)
    assert raw.getvalue().decode("ascii") == expected


def json_escaped(character: str) -> str:
    import json

    return json.dumps(character)[1:-1]
