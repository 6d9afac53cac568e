"""The definition of the suite: its version, its parts and their data, budgets, ratios and seeds.

A part is a study file in ``studies/suite``, which holds all but the methods, the budget and the name. Whatever changes
a committed row makes a new version: a study file, the data, a budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zostudy.config.field_types import AskedRatio
from zostudy.config.known import STUDIES_FOLDER
from zostudy.config.loading import parse_study
from zostudy.ratios import NATURAL, ratio_text
from zostudy.wording import comma_list

VERSION = 1
BUDGETS = (300, 1200)
RATIOS: tuple[AskedRatio, ...] = (1.0, 10.0, 50.0, NATURAL)
"""Of all parts; each study file names those that its data allows."""
SEEDS = 5


@dataclass(frozen=True)
class Part:
    """One model on one task.

    Attributes:
        name: of its study file.
        task: of its data file, without the extension.
        digest: of the task's texts, labels and splits, as ``versions`` of the table ``trials`` holds it.
        minutes: that a method takes at both budgets together, about, on two usual cores.
        is_offline: whether model and texts come with zostudy.
    """

    name: str
    task: str
    digest: str
    minutes: int
    is_offline: bool = False

    @property
    def study_file(self) -> Path:
        """The study file."""
        return STUDIES_FOLDER / "suite" / f"{self.name}.yaml"


_REVIEWS = "8dbab2b9f55f8bcc"

PARTS = (
    Part("mini-llama", "reviews", _REVIEWS, 2, is_offline=True),
    Part("mini-gpt2", "reviews", _REVIEWS, 2, is_offline=True),
    Part("mini-roberta", "reviews", _REVIEWS, 2, is_offline=True),
    Part("minilm-sst2", "sst2", "ecb708877043d05c", 60),
    Part("minilm-mpqa", "mpqa", "331a49611fcbb076", 40),
    Part("minilm-subj", "subj", "cf6d7dc8a0bb636d", 70),
    Part("minilm-trec", "trec", "c575cf3a88133cc6", 35),
    Part("minilm-sms", "sms_spam", "67a3ec840ea8d40a", 60),
)
OFFLINE = tuple(part for part in PARTS if part.is_offline)


@dataclass(frozen=True)
class Slice:
    """The part of the suite that is run: all of it, its offline half, or less.

    Attributes:
        parts: of the suite, in its order.
        budgets: in queries.
        ratio: the only imbalance ratio; None: all.
        seeds: how many of the first confirm seeds; None: all.
    """

    parts: tuple[Part, ...] = PARTS
    budgets: tuple[int, ...] = BUDGETS
    ratio: AskedRatio | None = None
    seeds: int | None = None

    @property
    def is_whole(self) -> bool:
        """True if it is the whole suite or its whole offline half."""
        return self == Slice() or self == Slice(OFFLINE)

    def study_name(self, part: Part, budget: int) -> str:
        """Returns the name of a part's study, such as ``suite-1-mini-llama-300``; one ratio or fewer seeds are told."""
        ratio = "" if self.ratio is None else f"-ratio-{ratio_text(self.ratio)}"
        seeds = "" if self.seeds is None else f"-seeds-{self.seeds}"
        return f"suite-{VERSION}-{part.name}-{budget}{ratio}{seeds}"

    def __str__(self) -> str:
        """Names the suite and, of a slice, all that it holds."""
        suite = f"suite version {VERSION}"
        if self.is_whole:
            return suite if self == Slice() else f"{suite}, offline half"
        held = [comma_list(part.name for part in self.parts), f"budget {' and '.join(map(str, self.budgets))}"]
        held += [] if self.ratio is None else [f"ratio {ratio_text(self.ratio)}"]
        held += [] if self.seeds is None else [f"{self.seeds} of {SEEDS} seeds"]
        return f"a slice of {suite}: {'; '.join(held)}"


def part_records(of: Slice) -> list[dict[str, Any]]:
    """Returns what each part is, one flat mapping a part with equal keys."""
    return [_record(part) for part in of.parts]


def _record(part: Part) -> dict[str, Any]:
    # As a stored study, whose texts need not be here.
    spec = parse_study(part.study_file.read_text(encoding="utf-8"), str(part.study_file))
    return {
        "part": part.name,
        "model": spec.model.name,
        "task": spec.task.name,
        "data": "with zostudy" if part.is_offline else f"{part.task}, {part.digest}",
        "ratios": ", ".join(map(ratio_text, spec.imbalance.ratios)),
        "minority": spec.imbalance.minority_size,
        "minutes a method": part.minutes,
    }
