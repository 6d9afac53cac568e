from __future__ import annotations

import inspect
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
