"""The state that a stopped trial resumes from: the end of its last step, and the scores received since.

One step, evaluation or landscape of a large model may take minutes, and none of them can start in the middle. So a
resumed trial starts at the end of its last step, and is given the scores since then without asking a replica again.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from zostudy.cluster.micro_batches import ScoreBuffer
from zostudy.config.contents import lasting_name
from zostudy.digests import digest_of
from zostudy.methods import Method, Queries
from zostudy.methods.state import part_of, with_prefix
from zostudy.results.checkpoints import SavedState
from zostudy.search.recording import Recording
from zostudy.search.setup import TrialSetup

SECONDS_BETWEEN_SAVES = 15.0

Save = Callable[[SavedState], None]

_METHOD = "method."
_CALL = "since.{}."


class _AskedCall(NamedTuple):
    """The digest of what a call asks, and its scores."""

    asked: str
    buffer: ScoreBuffer


class ScoreCache:
    """Gives each call of a pool a score buffer. In a resumed trial the saved scores are in it already."""

    def __init__(self, on_answer: Callable[[], None]) -> None:
        """Starts without scores; ``on_answer`` is called after each answer of a replica."""
        self._on_answer = on_answer
        self._given: list[_AskedCall] = []
        self._saved: deque[_AskedCall] = deque()

    def clear(self) -> None:
        """Forgets all scores."""
        self._given.clear()
        self._saved.clear()

    def next(self, queries: Queries, seed: int) -> ScoreBuffer:
        """Returns the buffer of the next call, on queries in the subspace that a seed names."""
        asked = _digest(queries, seed)
        if self._saved and self._saved[0].asked == asked:
            call = self._saved.popleft()
        else:
            self._saved.clear()  # they belong to other calls
            call = _AskedCall(asked, ScoreBuffer(queries.rows.shape, self._on_answer))
        self._given.append(call)
        return call.buffer

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of the scores as arrays by name."""
        state: dict[str, Any] = {}
        for number, (asked, buffer) in enumerate([*self._given, *self._saved]):
            call = _CALL.format(number)
            state |= {call + "scores": buffer.scores.copy(), call + "known": buffer.known.copy()}
            state |= {call + "seconds": buffer.seconds, call + "asked": asked}
        return state

    def load_state_dict(self, state: SavedState) -> None:
        """Takes over a ``state_dict``.

        Raises:
            KeyError: something is missing.
            ValueError: scores are of another shape or type than was saved.
        """
        self.clear()
        while (call := _CALL.format(len(self._saved))) + "known" in state:
            known, scores = np.asarray(state[call + "known"]), np.asarray(state[call + "scores"])
            if known.dtype != np.bool_ or scores.dtype != np.float32 or scores.shape[:-1] != known.shape:
                raise ValueError(f"saved scores must be those of {known.shape} rows, but have shape {scores.shape}")
            buffer = ScoreBuffer(known.shape, self._on_answer)
            buffer.scores, buffer.known = scores.copy(), known.copy()
            buffer.seconds = float(state[call + "seconds"])
            self._saved.append(_AskedCall(str(state[call + "asked"]), buffer))


class ResumeState:
    """The state of a running trial, saved now and then. A trial that resumes from it ends as if never stopped.

    Attributes:
        scores: the scores since the last step ended.
    """

    def __init__(self, setup: TrialSetup, method: Method, recording: Recording, save: Save | None) -> None:
        """Starts at the trial's start; ``save`` stores a state, None where states are not stored."""
        self._setup, self._method, self._recording, self._save = setup, method, recording, save
        self._saved_at = time.monotonic()
        self._identity = _identity(setup)
        self.scores = ScoreCache(on_answer=self.save_if_due)
        self._at_step_end = self._snapshot()

    def mark(self) -> None:
        """Marks the current state as the one to resume from. Called between steps only."""
        self._at_step_end = self._snapshot()
        self.scores.clear()

    def save_if_due(self) -> None:
        """Saves the state if the last save is ``SECONDS_BETWEEN_SAVES`` ago."""
        if self._save is not None and time.monotonic() - self._saved_at >= SECONDS_BETWEEN_SAVES:
            self._saved_at = time.monotonic()
            self._save(self.state_dict())

    def state_dict(self) -> SavedState:
        """Returns the marked state and the scores since."""
        return self._recording.state_dict() | self._at_step_end | self.scores.state_dict()

    def load_state_dict(self, state: SavedState) -> None:
        """Brings method and recording to a saved state. The trial then goes on as if never stopped, bit for bit.

        Raises:
            Exception: the state is of another trial or configuration, or is damaged.
        """
        if not self.fits(state):
            raise ValueError("it was saved under other settings, packages or code of the method")
        self._method.load_state_dict(part_of(state, _METHOD))
        self._recording.load_state_dict(state)
        self._at_step_end = self._snapshot()
        self.scores.load_state_dict(state)

    def fits(self, state: SavedState) -> bool:
        """Returns whether a state was saved by this trial in this configuration."""
        return str(state.get("identity")) == self._identity

    def _snapshot(self) -> dict[str, Any]:
        method = with_prefix(_METHOD, self._method.state_dict())
        return {"identity": self._identity} | method | self._recording.counted()


def _identity(setup: TrialSetup) -> str:
    """Returns all that a saved state depends on: a study may be changed until one of its trials has ended.

    Packages and a method's code may change at any time. Their next step would then be another one.
    """
    spec, data, assignment = setup.spec, setup.data, setup.assignment
    trial = [assignment.name, assignment.method.algorithm, assignment.seed, assignment.noise_seed, setup.params()]
    sections = [
        spec.model.model_dump(mode="json") | {"name": lasting_name(spec.model.name)},
        spec.task.model_dump(mode="json") | {"file": spec.task.file and lasting_name(spec.task.file)},
        spec.imbalance.model_dump(mode="json", exclude={"ratios"}),
        spec.budget.model_dump(mode="json"),
    ]
    code = [sorted(data.versions.items()), data.code.get(assignment.method.algorithm)]
    return json.dumps([*trial, *sections, *code])


def _digest(queries: Queries, seed: int) -> str:
    latents, rows = queries.latents, queries.rows
    form = json.dumps([seed, queries.group, queries.access, latents.shape, rows.shape])
    return digest_of([form.encode(), latents.tobytes(), rows.tobytes()])
