from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

import pytest

from zostudy.cluster.driver_process import environment, own_paths, same_handlers

RAYS = ["/opt/scripts", "/home/user/work"]
"""The folders that Ray lets workers import from: the script's folder and the working directory."""


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (["/opt/scripts", "/usr/lib/python3"], ["/opt/scripts"]),  # a script or the console script
        (["/usr/lib/python3"], []),
        (["/usr/lib/python3", "/home/user/work"], ["/home/user/work"]),  # PYTHONPATH
        (["", "/usr/lib/python3"], RAYS),  # a notebook, or python -c
    ],
)
def test_workers_import_from_where_this_process_does(
    monkeypatch: pytest.MonkeyPatch, own: list[str], expected: list[str]
) -> None:
    monkeypatch.setattr(sys, "path", own)
    job = own_paths()
    job._py_driver_sys_path.extend(RAYS)
    assert [*job._get_proto_job_config().py_driver_sys_path] == expected


@pytest.mark.parametrize("unless_default", [False, True])
def test_handlers_of_signals_are_as_before(unless_default: bool) -> None:
    def users(*_: object) -> None: ...

    rays = signal.default_int_handler
    before = signal.signal(signal.SIGUSR1, users), signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    try:
        with same_handlers(signal.SIGUSR1, signal.SIGUSR2, unless_default=unless_default):
            for number in (signal.SIGUSR1, signal.SIGUSR2):
                signal.signal(number, rays)
        assert signal.getsignal(signal.SIGUSR1) is users
        assert signal.getsignal(signal.SIGUSR2) is (rays if unless_default else signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGUSR1, before[0])
        signal.signal(signal.SIGUSR2, before[1])


@pytest.mark.parametrize(("keep", "during"), [(False, "ours"), (True, "the user's")])
def test_variables_hold_for_a_while(monkeypatch: pytest.MonkeyPatch, keep: bool, during: str) -> None:
    monkeypatch.setenv("RAY_OF_THE_TESTS", "the user's")
    monkeypatch.delenv("TUNE_OF_THE_TESTS", raising=False)
    before = dict(os.environ)
    with environment(dict.fromkeys(("RAY_OF_THE_TESTS", "TUNE_OF_THE_TESTS"), "ours"), keep):
        assert (os.environ["RAY_OF_THE_TESTS"], os.environ["TUNE_OF_THE_TESTS"]) == (during, "ours")
    assert dict(os.environ) == before
    with environment({"RAY_OF_THE_TESTS": None, "TUNE_OF_THE_TESTS": None}):
        assert not {"RAY_OF_THE_TESTS", "TUNE_OF_THE_TESTS"} & os.environ.keys()
    assert dict(os.environ) == before
    with suppress(ValueError), environment({"RAY_OF_THE_TESTS": "ours"}):
        raise ValueError("early")
    assert dict(os.environ) == before
