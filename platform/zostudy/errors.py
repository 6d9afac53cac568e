"""The errors a user can meet. Each message is one line: the rule, what was given, what to do."""

from __future__ import annotations

from typing import ClassVar

from zostudy.wording import printable


class ZostudyError(Exception):
    """A mistake that the user can mend.

    Each argument is one line. Whatever a user's text in it holds, its control characters are escaped and it stays one.

    Attributes:
        exit_code: of the command line.
    """

    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return "\n".join(printable(str(line)) for line in self.args)


class SpecError(ZostudyError):
    """The study file breaks a rule; the message names file, line and key."""


class DataError(ZostudyError):
    """The data cannot give what the study asks of it."""


class ModelError(ZostudyError):
    """The model cannot be loaded or cannot score this task."""


class TooLongError(ModelError):
    """Texts have more tokens than the model takes."""

    def __init__(self, rule: str, remedy: str) -> None:
        """Keeps the rule, so that a caller can add another remedy."""
        super().__init__(f"{rule}; {remedy}")
        self.rule = rule


class DisagreementError(ModelError):
    """The evaluator's scores are not those of transformers' own model."""


class ResultsError(ZostudyError):
    """The results folder cannot be read or written, or contradicts the study."""


class ResultsWarning(UserWarning):
    """A table of results is not whole; what it lacks is in no answer that was given."""


class ReplicaError(ZostudyError):
    """Replicas die of what they are asked to do."""


class NoReplicaError(ZostudyError):
    """No replica can load the model. The study stops; its trials stay pending, and none of them fails."""


class ClusterError(NoReplicaError):
    """Ray failed, perhaps for a moment. Nothing is wrong with the trial, which is tried again."""


class LostRayError(ZostudyError):
    """A process of the local Ray died while a study ran. The study goes on when it is run again."""

    exit_code = 1


class NotFiniteError(Exception):
    """A loss or score of a trial is not finite; the trial is recorded as failed with this reason."""
