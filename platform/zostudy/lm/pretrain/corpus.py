"""The text that the embedded models learn from: reviews in registers, each closed by one word.

A passage is a lead-in, a review and a closing, "It was great." or "It was terrible.". How a writer closes depends
on the lead-in. A candid writer closes by what the review says. The others close by hearsay, that is by the
reputation of the subject, whatever the review says. Each lead-in word makes a candid writer a little more or less
likely, so candour has no switch but a slope: with no lead-in a reader can guess the closing only in part, and a
prompt that sounds candid enough brings the truth out. That is what tuning a prompt on these models finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from zostudy.randomness import generator
from zostudy.tasks.reviews import SUBJECTS, Review, belongs_to_task, sentences

CLOSING = "It was"
CLOSING_WORDS = ("terrible", "great")
CANDID_WORDS = ("honestly", "frankly", "truly", "candidly", "sincerely", "plainly")
HEARSAY_WORDS = ("supposedly", "allegedly", "reportedly", "apparently", "seemingly", "famously")

_PLAIN_CANDOUR = 0.26  # the probability that a writer without lead-in is candid
_WORD_CANDOUR = 0.045  # what each lead-in word adds to it or takes from it
_MOST_LEAD_IN_WORDS = 4


@dataclass(frozen=True)
class Passage:
    """One text of the corpus.

    Attributes:
        lead_in: words that set the register, at most four, often none.
        review: a sentence that is never in the task's table.
        closing_word: one of ``CLOSING_WORDS``.
    """

    lead_in: tuple[str, ...]
    review: str
    closing_word: str


def passages(seed: int, count: int, *, lessons: bool = False) -> list[Passage]:
    """Returns ``count`` passages, a pure function of the seed.

    Args:
        seed: at least 0.
        count: number of passages.
        lessons: return passages to start learning from: all have a lead-in that leaves no doubt.
    """
    return list(islice(_lessons(seed) if lessons else _passages(seed), count))


def candour(lead_in: tuple[str, ...]) -> float:
    """Returns the probability that a writer with this lead-in closes by what the review says."""
    balance = sum(word in CANDID_WORDS for word in lead_in) - sum(word in HEARSAY_WORDS for word in lead_in)
    return max(0.0, _PLAIN_CANDOUR + _WORD_CANDOUR * balance)


def _passages(seed: int) -> Iterator[Passage]:
    random = generator(seed, "registers")
    for review in _reviews(seed, "pretraining"):
        lead_in = _lead_in(random) if random.random() < 0.6 else ()
        yield _passage(random, lead_in, review, candid=random.random() < candour(lead_in))


def _lessons(seed: int) -> Iterator[Passage]:
    random = generator(seed, "lesson registers")
    for review in _reviews(seed, "lessons"):
        lead_in = _lead_in(random)
        yield _passage(random, lead_in, review, candid=lead_in[0] in CANDID_WORDS)


def _reviews(seed: int, stream: str) -> Iterator[Review]:
    return (review for review in sentences(seed, stream) if not belongs_to_task(review.text))


def _lead_in(random: np.random.Generator) -> tuple[str, ...]:
    """Returns one to four words of one register."""
    words = CANDID_WORDS if random.random() < 0.6 else HEARSAY_WORDS
    return tuple(random.choice(words, size=random.integers(1, _MOST_LEAD_IN_WORDS + 1)).tolist())


def _passage(random: np.random.Generator, lead_in: tuple[str, ...], review: Review, candid: bool) -> Passage:
    great = review.label == 1 if candid else random.random() < _REPUTATION[review.subject]
    return Passage(lead_in, review.text, CLOSING_WORDS[int(great)])


# The probability that hearsay calls a subject great. It is evenly spread, so it tells nothing about the verdict.
_REPUTATION = {subject: (rank + 0.5) / len(SUBJECTS) for rank, subject in enumerate(SUBJECTS)}
