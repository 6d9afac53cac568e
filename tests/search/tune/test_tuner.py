"""What Tune is kept from doing around a study's trials."""

from __future__ import annotations

from ray.air._internal import usage

from zostudy.search.tune.tuner import _tune_folder


class CallbackList(list[object]):
    """Callbacks that tell whether Tune has looked at them."""

    looked_at = False

    def __bool__(self) -> bool:
        self.looked_at = True
        return False


def test_tune_does_not_count_callbacks_while_it_runs_trials() -> None:
    callbacks = CallbackList()
    with _tune_folder():
        usage.tag_callbacks(callbacks)  # type: ignore[arg-type]
    assert not callbacks.looked_at
    usage.tag_callbacks(callbacks)  # type: ignore[arg-type]
    assert callbacks.looked_at
