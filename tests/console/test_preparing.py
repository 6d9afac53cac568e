from __future__ import annotations

import pytest

from zostudy.config.model import ModelSpec
from zostudy.config.study import MethodSpec, StudySpec
from zostudy.config.task import TaskSpec
from zostudy.console.log import show_log
from zostudy.console.preparing import prepare_with_notes


@pytest.fixture(autouse=True)
def log_on_stderr() -> None:
    """Shows the log as the command line does."""
    show_log()


@pytest.mark.slow
@pytest.mark.parametrize("trusted", [False, True])
def test_running_a_models_own_code_is_warned_of_before_it_is_read(
    capsys: pytest.CaptureFixture[str], trusted: bool
) -> None:
    model = ModelSpec(name="mini-roberta", trust_remote_code=trusted)
    spec = StudySpec(
        name="tiny", model=model, task=TaskSpec(name="reviews"), methods=(MethodSpec(label="spsa", algorithm="spsa"),)
    )
    prepare_with_notes(spec)
    *warnings, reading = capsys.readouterr().err.splitlines()
    assert reading == "tiny: reading reviews, checking mini-roberta"
    assert [line.startswith("warning: model.trust_remote_code is true: Python code") for line in warnings] == (
        [True] if trusted else []
    )
