from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from typing import Any

import pytest
from ray._private import utils

from zostudy.cluster.driver_process import environment, own_paths, own_sigterm, same_handlers

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


def test_handlers_of_signals_are_as_before() -> None:
    def users(*_: object) -> None: ...

    before = signal.signal(signal.SIGUSR1, users), signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    try:
        with same_handlers(signal.SIGUSR1, signal.SIGUSR2):
            for number in (signal.SIGUSR1, signal.SIGUSR2):
                signal.signal(number, signal.default_int_handler)
        assert signal.getsignal(signal.SIGUSR1) is users
        assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGUSR1, before[0])
        signal.signal(signal.SIGUSR2, before[1])


@pytest.mark.parametrize(("own", "kept"), [(signal.default_int_handler, True), (signal.SIG_DFL, False)])
def test_ray_takes_sigterm_only_where_nobody_has_it(own: Any, kept: bool) -> None:
    def rays(*_: object) -> None: ...

    before = signal.signal(signal.SIGTERM, own)
    try:
        with own_sigterm():
            utils.set_sigterm_handler(rays)
            assert signal.getsignal(signal.SIGTERM) is (own if kept else rays)
        utils.set_sigterm_handler(rays)
        assert signal.getsignal(signal.SIGTERM) is rays
    finally:
        signal.signal(signal.SIGTERM, before)


def test_sigterm_is_python_s_again_though_ray_takes_it_below_python() -> None:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with own_sigterm():
            ctypes.CDLL(None).signal(signal.SIGTERM, int(signal.SIG_IGN))
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_no_alarm_ends_a_process_whose_start_of_ray_was_interrupted() -> None:
    with suppress(KeyboardInterrupt), own_sigterm():
        signal.alarm(60)  # as Ray's handler does
        raise KeyboardInterrupt
    assert signal.alarm(0) == 0


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
