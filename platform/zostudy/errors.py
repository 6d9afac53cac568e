"""The errors that a user can mend. Each is one line: what must hold, what was found instead, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from zostudy.wording import one_line, printable

INTERRUPTED = 130
"""The exit code of a process that was asked to end."""


class ZostudyError(Exception):
    """A mistake that the user can mend. As text it is one line: ``about: rule, but got; remedy``.

    A parameter of the public API stands in backticks, such as `` `baseline` ``. The command line shows its flag.

    Attributes:
        rule: what must hold, such as "must be a folder".
        got: what was found instead, as a clause, such as "it is a file".
        remedy: what to do, as a command, such as "name another folder".
        about: the thing that the rule is about: a parameter, a file, or the line and key of a study file.
        exit_code: of the command line.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, rule: str, *, got: str = "", remedy: str = "", about: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.got = got
        self.remedy = remedy
        self.about = about

    @property
    def lines(self) -> tuple[str, ...]:
        """Returns the error as it is shown: one line, with control characters escaped."""
        about = f"{self.about}: " if self.about else ""
        got = f", but {self.got}" if self.got else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return (printable(f"{about}{self.rule}{got}{remedy}"),)

    def __str__(self) -> str:
        return "\n".join(self.lines)


class SpecError(ZostudyError):
    """A study file breaks a rule. ``about`` names file, line and key.

    Attributes:
        problems: every mistake, in the order of the file. The fields of the error are those of the first.
    """

    def __init__(self, rule: str, *, got: str = "", remedy: str = "", about: str = "") -> None:
        super().__init__(rule, got=got, remedy=remedy, about=about)
        self.problems: tuple[SpecError, ...] = (self,)

    @classmethod
    def joined(cls, problems: Sequence[SpecError]) -> SpecError:
        """Returns one error that shows all the problems, of which there is at least one, a line each."""
        first = problems[0]
        joined = cls(first.rule, got=first.got, remedy=first.remedy, about=first.about)
        joined.problems = tuple(problems)
        return joined

    @property
    def lines(self) -> tuple[str, ...]:
        """Returns a line for each problem."""
        if len(self.problems) == 1:
            return super().lines
        return tuple(line for problem in self.problems for line in problem.lines)


class DataError(ZostudyError):
    """The data cannot give what the study asks of it."""


class ModelError(ZostudyError):
    """The model cannot be loaded or cannot score this task."""


class TooLongError(ModelError):
    """Texts have more tokens than the model takes."""


class DisagreementError(ModelError):
    """The evaluator's scores are not those of transformers' own model."""


class ResultsError(ZostudyError):
    """The results folder cannot be read or written, or contradicts the study."""


class ResultsWarning(UserWarning):
    """A table of results is incomplete. The rows that it lacks are in no answer that was given."""


class ReplicaError(ZostudyError):
    """Replicas die each time that they compute the same micro-batch."""


class NoReplicaError(ZostudyError):
    """No replica can load the model. The study stops; its trials stay pending, and none of them fails."""


class ClusterError(NoReplicaError):
    """Ray failed, perhaps for a moment. Nothing is wrong with the trial, which is tried again."""


class LostRayError(ZostudyError):
    """A process of the local Ray died while a study ran. The study goes on when it is run again."""

    exit_code = 1


class NotFiniteError(Exception):
    """A loss or score of a trial is not finite; the trial is recorded as failed with this reason."""


def one_line_of(error: BaseException) -> str:
    """Returns the message of an error on one line, clipped; of an error of another library its type, too."""
    text = one_line(error, 500)
    return text if isinstance(error, ZostudyError) else f"{type(error).__name__}: {text}"


def first_line_of(error: BaseException) -> str:
    """Returns the first line of an error's message, or its type if it has none."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
