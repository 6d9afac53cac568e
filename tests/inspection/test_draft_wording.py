from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zostudy.inspection.draft_wording import distinct_words, plain_name

WORDS = st.sampled_from("abcdef")


@pytest.mark.parametrize(
    ("names", "nearest", "expected"),
    [
        (["ham", "spam"], [["ham", "spam"], ["spam"]], ("ham", "spam")),
        (["hams", "spam"], [["spam", "pork"], ["spam", "junk"]], ("pork", "spam")),
        (["x", "y"], [["a"], ["a", "b"]], ("a", "b")),
        (["x", "y"], [["a", "b"], ["a"]], ("a", "b")),
        (["x", "y"], [["a"], []], ("a", "")),
        (["a", "a"], [["a", "b"], ["a"]], ("a", "b")),
        (["Yes", "y"], [["Yes"], ["yes", "no"]], ("Yes", "no")),
    ],
)
def test_each_class_gets_its_own_name_or_the_nearest_word_left(
    names: list[str], nearest: list[list[str]], expected: tuple[str, ...]
) -> None:
    assert distinct_words(names, nearest) == expected


@given(nearest=st.lists(st.lists(WORDS, max_size=4, unique=True), min_size=2, max_size=5))
def test_no_word_stands_for_two_classes(nearest: list[list[str]]) -> None:
    found = [word for word in distinct_words(["a", "b", "x", "y", "z"][: len(nearest)], nearest) if word]
    assert len(set(found)) == len(found)
    there = {word for words in nearest for word in words}
    assert len(found) == min(len(there), len(nearest))


@pytest.mark.parametrize(
    ("name", "plain"),
    [("not_entailment", "not entailment"), ("Sci/Tech", "Sci Tech"), ("spam", "spam"), ("--", "--"), ("1", "1")],
)
def test_a_class_is_named_in_plain_words(name: str, plain: str) -> None:
    assert plain_name(name) == plain
