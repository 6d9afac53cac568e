"""The generated reviews: pure in their seed, distinct, balanced, and with labels that a reader would give."""

from __future__ import annotations

import re
from itertools import islice

import numpy as np
import pytest

from zostudy.tasks.reviews import belongs_to_task, reviews, sentences
from zostudy.tasks.table import TextTable

GOOD = {"good", "nice", "lovely", "charming", "pleasant", "delightful", "impressive", "memorable", "enjoyable"}
GOOD |= {"useful", "splendid", "fine"}
BAD = {"bad", "dull", "poor", "weak", "boring", "annoying", "unpleasant", "disappointing", "tedious", "useless"}
BAD |= {"dreary", "sloppy"}
NEGATION = re.compile(r"\b(not|never|hardly|far from|anything but|nobody)\b")


@pytest.fixture(scope="module")
def table() -> TextTable:
    return reviews()


def read_as_a_person_would(text: str) -> int:
    """The label of the clause that carries the verdict: the conceded clause is set aside, negation turns it."""
    text = text.lower().rstrip(".")
    text = re.sub(r"\balthough the \w+ was [\w ]+?, ", "", text)
    text = re.sub(r"\bdespite the \w+ \w+, ", "", text)
    text = re.sub(r", even though the \w+ was .*", "", text)
    text = re.sub(r"\bthe \w+ was [\w ]+, but ", "", text)
    opinions = [word for word in re.findall(r"\w+", text) if word in GOOD | BAD]
    assert len(opinions) == 1, text
    return int((opinions[0] in GOOD) != bool(NEGATION.search(text)))


def test_every_label_is_the_one_a_reader_gives(table: TextTable) -> None:
    assert [read_as_a_person_would(text) for text in table.texts] == table.labels.tolist()


def test_counting_pleasant_words_is_not_enough(table: TextTable) -> None:
    words = [set(re.findall(r"\w+", text.lower())) for text in table.texts]
    guesses = np.array([len(found & GOOD) > len(found & BAD) for found in words])
    assert 0.5 < np.mean(guesses == table.labels) < 0.75


def test_the_table_is_a_pure_function_of_its_seed(table: TextTable) -> None:
    again, other = reviews(), reviews(1)
    assert again.texts == table.texts
    np.testing.assert_array_equal(again.labels, table.labels)
    assert other.texts != table.texts


@pytest.mark.parametrize("seed", [0, 7])
def test_splits_are_disjoint_by_sentence_and_balanced(seed: int) -> None:
    table = reviews(seed)
    train, test = table.splits["train"], table.splits["test"]
    assert len(set(table.texts)) == len(table.texts) == len(train) + len(test)
    assert not set(train) & set(test)
    assert np.bincount(table.labels[train]).tolist() == [4000, 4000]
    assert np.bincount(table.labels[test]).tolist() == [500, 500]


def test_shapes_and_types(table: TextTable) -> None:
    assert table.labels.dtype == np.int32
    assert {rows.dtype for rows in table.splits.values()} == {np.dtype(np.int64)}
    assert table.second_texts is None
    assert table.class_names == ("negative", "positive")


def test_there_are_tens_of_thousands_of_sentences() -> None:
    drawn = {review.text for review in islice(sentences(0, "count"), 60_000)}
    assert len(drawn) > 40_000


def test_half_of_the_sentences_belong_to_the_task() -> None:
    drawn = [belongs_to_task(review.text) for review in islice(sentences(0, "count"), 4000)]
    assert 0.45 < np.mean(drawn) < 0.55
