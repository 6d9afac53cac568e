"""The embedded task: generated English reviews, each with one verdict and nothing that contradicts it.

A review is a single sentence: a verdict on its subject, direct or negated, sometimes in contrast to a circumstance,
sometimes with neutral filler around it. The label is the verdict's polarity. The circumstance of a contrast always has
the opposite polarity and is never the subject of a verdict, so counting pleasant words does not give the label.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zostudy.randomness import generator
from zostudy.tasks.table import TextTable

CLASS_NAMES = ("negative", "positive")
TRAIN_ROWS, TEST_ROWS = 8000, 1000


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SUBJECTS = _words(
    "film soup hotel book concert museum garden train dinner jacket camera lecture "
    "bakery guide game sofa ferry salad phone market tour play coffee song"
)

# No extremes: "not perfect" and "not horrible" would leave the verdict open, "not good" and "not bad" do not.
_ADJECTIVES = (
    _words("bad dull poor weak boring annoying unpleasant disappointing tedious useless dreary sloppy"),
    _words("good nice lovely charming pleasant delightful impressive memorable enjoyable useful splendid fine"),
)
_CIRCUMSTANCES = _words("weather parking queue price traffic website")
_INTENSIFIERS = _words("very really quite rather so remarkably")

_DIRECT = (
    "the {subject} was {intensifier}{adjective}",
    "the {subject} turned out {intensifier}{adjective}",
    "i found the {subject} {intensifier}{adjective}",
    "we all thought the {subject} was {intensifier}{adjective}",
)
_NEGATED = (
    "the {subject} was not {adjective}",
    "the {subject} was never {adjective}",
    "the {subject} was hardly {adjective}",
    "the {subject} was far from {adjective}",
    "the {subject} was not at all {adjective}",
    "the {subject} was anything but {adjective}",
    "i did not find the {subject} {adjective}",
    "nobody could call the {subject} {adjective}",
)
_CONTRASTS = (
    "although the {circumstance} was {adjective}, {verdict}",
    "the {circumstance} was {intensifier}{adjective}, but {verdict}",
    "despite the {adjective} {circumstance}, {verdict}",
    "{verdict}, even though the {circumstance} was {intensifier}{adjective}",
)
_OPENINGS = (
    "on monday we came early, and {rest}",
    "my cousin came along, and {rest}",
    "we paid in cash, and {rest}",
    "it was our second visit, and {rest}",
    "we were four people, and {rest}",
    "last week {rest}",
    "in the end {rest}",
    "this time {rest}",
)
_ENDINGS = (
    "{rest}, and we left at noon",
    "{rest}, and my cousin agreed",
    "{rest}, as i told my sister",
    "{rest}, and then we went home",
    "{rest} on that day",
    "{rest} from the first minute",
    "{rest} when we were there",
    "{rest} this summer",
)
_TASK_SHARE = 2  # one sentence in two belongs to the task, the others to the embedded models' pretraining


@dataclass(frozen=True)
class Review:
    """One generated sentence.

    Attributes:
        text: the sentence.
        subject: what it is about, one of ``SUBJECTS``.
        label: its verdict, 0 negative or 1 positive.
    """

    text: str
    subject: str
    label: int


def reviews(seed: int = 0) -> TextTable:
    """Returns the table of generated reviews, all sentences distinct and each split balanced.

    ``seed`` is the only source of randomness, at least 0.
    """
    total = TRAIN_ROWS + TEST_ROWS
    written: dict[str, int] = {}
    stream = sentences(seed, "reviews")
    while len(written) < total:
        review = next(stream)
        wanted_label = len(written) % 2
        if review.label == wanted_label and belongs_to_task(review.text) and review.text not in written:
            written[review.text] = review.label
    rows = np.arange(total, dtype=np.int64)
    return TextTable(
        texts=tuple(written),
        second_texts=None,
        labels=np.fromiter(written.values(), dtype=np.int32, count=total),
        class_names=CLASS_NAMES,
        splits={"train": rows[:TRAIN_ROWS], "test": rows[TRAIN_ROWS:]},
    )


def belongs_to_task(text: str) -> bool:
    """Returns whether a sentence may be in the task's table, under any seed; the others are for pretraining."""
    return zlib.crc32(text.encode()) % _TASK_SHARE == 0


def sentences(seed: int, stream: str) -> Iterator[Review]:
    """Yields reviews without end, labels at random, repeats possible.

    Args:
        seed: at least 0.
        stream: names this use of the seed, so that two uses write different sentences.
    """
    dice = _dice(seed, stream)
    while True:
        yield _review(dice)


def _review(dice: Iterator[float]) -> Review:
    label = int(next(dice) < 0.5)
    subject = _pick(dice, SUBJECTS)
    text = _verdict(dice, subject, label)
    if next(dice) < 0.25:
        text = _fill(dice, _pick(dice, _CONTRASTS), label=1 - label, verdict=text)
    if next(dice) < 0.3:
        text = _pick(dice, _OPENINGS).format(rest=text)
    if next(dice) < 0.3:
        text = _pick(dice, _ENDINGS).format(rest=text)
    return Review(text=text[0].upper() + text[1:] + ".", subject=subject, label=label)


def _verdict(dice: Iterator[float], subject: str, label: int) -> str:
    if next(dice) < 0.25:
        return _fill(dice, _pick(dice, _NEGATED), label=1 - label, subject=subject)
    return _fill(dice, _pick(dice, _DIRECT), label=label, subject=subject)


def _fill(dice: Iterator[float], pattern: str, label: int, **parts: str) -> str:
    return pattern.format(
        adjective=_pick(dice, _ADJECTIVES[label]),
        circumstance=_pick(dice, _CIRCUMSTANCES),
        intensifier=_pick(dice, _INTENSIFIERS) + " " if next(dice) < 0.5 else "",
        **parts,
    )


def _pick(dice: Iterator[float], options: Sequence[str]) -> str:
    return options[int(next(dice) * len(options))]


def _dice(seed: int, stream: str) -> Iterator[float]:
    """Yields uniform numbers in [0, 1), drawn in blocks for speed."""
    random = generator(seed, stream)
    while True:
        yield from random.random(4096).tolist()
