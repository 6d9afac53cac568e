"""Errors as lines: flags of the verb, and faults of the machine with their cause; a bug stays a bug."""

from __future__ import annotations

import errno
import os
import resource
from typing import Any

import pytest

from zostudy.cli.app import app
from zostudy.cli.messages import flagged, machine_fault, set_verb


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/x"), "/data/x (No space left on device); free space"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "ulimit -n"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/y"), "/data/y (Permission denied); choose a path"),
        (MemoryError(), "close other programs"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "close other programs"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "libtorch_cpu.so"),
    ],
)
def test_a_fault_of_the_machine_is_told_with_its_remedy(error: Any, expected: str) -> None:
    line = machine_fault(error)
    assert line is not None
    assert expected in line
    assert "\n" not in line


def test_a_limit_on_address_space_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (3 * 2**29, resource.RLIM_INFINITY))
    line = machine_fault(MemoryError())
    assert line is not None
    assert "ulimit -v allows 1.5 GiB; raise the limit: ulimit -v unlimited" in line


@pytest.mark.parametrize("error", [ImportError("cannot import name 'x'"), FileNotFoundError(errno.ENOENT, "no", "x")])
def test_a_bug_is_none(error: Any) -> None:
    assert machine_fault(error) is None


@pytest.mark.parametrize(
    ("verb", "message", "shown"),
    [
        ("run", "`results`: must be a folder", "--results: must be a folder"),
        ("run", "`dry_run` or `set`", "--dry-run or --set"),
        ("run", "`overrides` seed=x", "--set seed=x"),
        ("compare", "`study` is no flag here", "study is no flag here"),
        ("no-such-verb", "`results` stays a word", "results stays a word"),
        ("run", "a file called `A B`", "a file called `A B`"),
    ],
)
def test_a_parameter_is_shown_as_the_flag_of_the_verb(verb: str, message: str, shown: str) -> None:
    set_verb(app, verb)
    assert flagged(message) == shown
