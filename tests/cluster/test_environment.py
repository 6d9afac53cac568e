from __future__ import annotations

import os
from contextlib import suppress

import pytest

from zostudy.cluster.environment import environment


@pytest.mark.parametrize(("keep", "during"), [(False, "ours"), (True, "the user's")])
def test_variables_hold_for_a_while(monkeypatch: pytest.MonkeyPatch, keep: bool, during: str) -> None:
    monkeypatch.setenv("RAY_OF_THE_TESTS", "the user's")
    monkeypatch.delenv("TUNE_OF_THE_TESTS", raising=False)
    before = dict(os.environ)
    with environment(dict.fromkeys(("RAY_OF_THE_TESTS", "TUNE_OF_THE_TESTS"), "ours"), keep):
        assert (os.environ["RAY_OF_THE_TESTS"], os.environ["TUNE_OF_THE_TESTS"]) == (during, "ours")
    assert dict(os.environ) == before
    with suppress(ValueError), environment({"RAY_OF_THE_TESTS": "ours"}):
        raise ValueError("early")
    assert dict(os.environ) == before
