"""The scores a trial was given since the last place it can begin at: a resumed trial is given them again.

One step, evaluation or landscape of a large model may take minutes, and none of them can be begun in the middle. So a
saved trial begins at its last step's end, and hears at once what it had heard since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zostudy.cluster.score_buffer import ScoreBuffer

_CALL = "since.{}."


class ScoreCache:
    """Gives each call a score buffer, which a resumed trial's saved state has filled in part."""

    def __init__(self, heard: Callable[[], None]) -> None:
        """Has no scores yet.

        Args:
            heard: called after each answer of a replica.
        """
        self._heard = heard
        self._given: list[ScoreBuffer] = []
        self._earlier: deque[ScoreBuffer] = deque()

    def begin(self) -> None:
        """Forgets all: the trial has come to a place that it can begin at."""
        self._given.clear()
        self._earlier.clear()

    def next(self, shape: tuple[int, ...]) -> ScoreBuffer:
        """Returns what is known of the scores that the trial asks for next, of rows ``(q, b)``."""
        if self._earlier and self._earlier[0].known.shape == shape:
            scored = self._earlier.popleft()
        else:
            self._earlier.clear()  # they answer other questions
            scored = ScoreBuffer(shape, self._heard)
        self._given.append(scored)
        return scored

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of the scores as arrays by name."""
        state: dict[str, Any] = {}
        for place, scored in enumerate([*self._given, *self._earlier]):
            call = _CALL.format(place)
            state |= {call + "scores": scored.scores.copy(), call + "known": scored.known.copy()}
            state[call + "seconds"] = scored.seconds
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a ``state_dict``.

        Raises:
            KeyError: something is missing.
            ValueError: scores are of another shape or kind than what is known of them.
        """
        self.begin()
        while (call := _CALL.format(len(self._earlier))) + "known" in state:
            known, scores = np.asarray(state[call + "known"]), np.asarray(state[call + "scores"])
            if known.dtype != np.bool_ or scores.dtype != np.float32 or scores.shape[:-1] != known.shape:
                raise ValueError(f"saved scores must be those of {known.shape} rows, but have shape {scores.shape}")
            scored = ScoreBuffer(known.shape, self._heard)
            scored.scores, scored.known = scores.copy(), known.copy()
            scored.seconds = float(state[call + "seconds"])
            self._earlier.append(scored)
