from __future__ import annotations

import pytest

from zostudy.config.known import HeadKind
from zostudy.errors import DataError
from zostudy.tasks.templates import Template


def test_renders_around_the_mask() -> None:
    template = Template.parse("{text} ? {mask} , {second_text}")
    assert template.render("A man sleeps", "He rests") == ("A man sleeps ? ", " , He rests")


def test_without_a_mask_all_of_it_stands_before() -> None:
    assert Template.parse("{text}!").render("Fine") == ("Fine!", "")


def test_braces_in_template_and_text_are_literal() -> None:
    template = Template.parse("{{{text}}} was {mask}")
    assert template.render("a {mask} in {braces}") == ("{a {mask} in {braces}} was ", "")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("It was {mask}.", "{text} must occur once"),
        ("{text} {text} {mask}", "{text} must occur once"),
        ("{text} {second_text} {second_text}", "{second_text} at most once"),
        ("{text} was {word}", "no field 'word'"),
        ("{} was {mask}", "no field ''"),
        ("{text!r} was {mask}", "{text} takes no format"),
        ("{text:>10} was {mask}", "{text} takes no format"),
        ("{text was {mask}", "'{'"),
        ("{text} was } {mask}", "'}'"),
    ],
)
def test_refuses_what_is_no_template(source: str, reason: str) -> None:
    with pytest.raises(DataError) as refusal:
        Template.parse(source)
    assert reason in str(refusal.value)
    assert repr(source) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("head", "source"),
    [
        ("masked", "{text} It was {mask}."),
        ("masked", "{mask} News: {text}"),
        ("causal", "{text} It was {mask}"),
        ("encoder", "{text}"),
    ],
)
def test_accepts_what_fits_the_head(head: HeadKind, source: str) -> None:
    Template.parse(source).check(head)


@pytest.mark.parametrize(
    ("head", "source", "remedy"),
    [
        ("masked", "{text} It was good.", "write {mask} once"),
        ("masked", "{text} {mask} {mask}", "write {mask} once"),
        ("causal", "{text}", "write {mask} once"),
        ("causal", "{text} It was {mask}.", "let the template end at {mask}"),
        ("causal", "{mask} News: {text}", "let the template end at {mask}"),
        ("encoder", "{text} It was {mask}", "leave {mask} out"),
    ],
)
def test_refuses_what_does_not_fit_the_head(head: HeadKind, source: str, remedy: str) -> None:
    with pytest.raises(DataError) as refusal:
        Template.parse(source).check(head)
    assert remedy in str(refusal.value)
