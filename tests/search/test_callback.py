from __future__ import annotations

import inspect
from threading import Thread
from typing import Any

import pytest

from zostudy.search.callback import Callback, CallbackList

HOOKS = [name for name in vars(Callback) if name.startswith("on_")]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_list_passes_each_call_to_all_in_their_order(hook: str) -> None:
    heard: list[tuple[str, tuple[Any, ...]]] = []

    def recorder(name: str) -> Callback:
        callback = Callback()
        setattr(callback, hook, lambda *given: heard.append((name, given)))
        return callback

    given = tuple(object() for _ in inspect.signature(getattr(Callback(), hook)).parameters)
    getattr(CallbackList([recorder("first"), Callback(), recorder("second")]), hook)(*given)
    assert heard == [("first", given), ("second", given)]


def test_hooks_run_one_at_a_time_whatever_thread_calls_them() -> None:
    told: list[str] = []

    class Watch(Callback):
        def on_phase(self, what: str) -> None:
            other.start()
            other.join(0.1)
            told.append(what)

        def on_note(self, line: str) -> None:
            told.append(line)

    callbacks = CallbackList([Watch()])
    other = Thread(target=callbacks.on_note, args=["note"])
    callbacks.on_phase("phase")
    other.join()
    assert told == ["phase", "note"]


def test_an_error_in_another_thread_ends_the_study_at_its_next_hook() -> None:
    told: list[str] = []

    class Watch(Callback):
        def on_note(self, line: str) -> None:
            told.append(line)
            raise LookupError(line)

    callbacks = CallbackList([Watch()])
    for line in ("first", "second"):
        other = Thread(target=callbacks.on_note, args=[line])
        other.start()
        other.join()
    with pytest.raises(LookupError, match="first"):
        callbacks.on_phase("starting Ray")
    assert told == ["first"]
