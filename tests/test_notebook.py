"""The example notebook runs as it is shown, in a kernel of its own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
FILE = ROOT / "studies" / "first_look.ipynb"


def read() -> Any:
    untyped: Any = nbformat
    return untyped.read(FILE, as_version=4)


def outputs(notebook: Any) -> list[list[str]]:
    """Returns the kinds of results that each code cell shows, without what is printed on the way."""
    kinds = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown = [output for output in cell.outputs if output.output_type == "execute_result"]
            kinds.append(sorted(kind for output in shown for kind in output.data))
    return kinds


def test_the_notebook_is_kept_with_small_results_and_no_trace_of_a_machine() -> None:
    notebook = read()
    nbformat.validate(notebook)
    assert FILE.stat().st_size < 50_000
    assert [bool(kinds) for kinds in outputs(notebook)] == [False] + [True] * (len(outputs(notebook)) - 1)
    text = FILE.read_text(encoding="utf-8")
    assert not [trace for trace in ("/tmp", "/home", "/work", "Traceback", '"error"') if trace in text]


@pytest.mark.ray
def test_the_notebook_runs_and_shows_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    path = os.pathsep.join([str(ROOT / "platform"), os.environ.get("PYTHONPATH", "")])
    kept = read()
    with tempfile.TemporaryDirectory() as temporary:  # not pytest's, whose paths are too long for Ray's sockets
        for name, value in {"PYTHONPATH": path, "TMPDIR": temporary, "PYTHONWARNINGS": "ignore"}.items():
            monkeypatch.setenv(name, value)
        run = NotebookClient(read(), timeout=600, kernel_name="python3").execute()
        (folder,) = (entry for entry in Path(temporary).iterdir() if (entry / "results").is_dir())
        assert sorted(entry.name for entry in folder.iterdir()) == ["my-prompt", "results"]
    assert outputs(run) == outputs(kept)
