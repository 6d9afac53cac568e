from __future__ import annotations

import pickle

import pytest

from zostudy.errors import ModelError, SpecError, TooLongError, ZostudyError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ZostudyError("must be a folder"), "must be a folder"),
        (ZostudyError("must be a folder", about="`results`"), "`results`: must be a folder"),
        (ModelError("must load", got="it does not", remedy="mend it"), "must load, but it does not; mend it"),
        (ModelError("must load", remedy="mend it", about="model"), "model: must load; mend it"),
        (ZostudyError("must be\na folder", got="got \x1b[2J"), "must be\\na folder, but got \\x1b[2J"),
    ],
)
def test_an_error_is_one_line_of_about_rule_got_and_remedy(error: ZostudyError, line: str) -> None:
    assert str(error) == line
    assert error.lines == (line,)


def test_a_joined_error_shows_every_problem_and_has_the_fields_of_the_first() -> None:
    problems = [SpecError("must be a number", about="a.yaml:3"), SpecError("must be text", about="a.yaml:4")]
    joined = SpecError.joined(problems)
    assert joined.lines == ("a.yaml:3: must be a number", "a.yaml:4: must be text")
    assert (joined.rule, joined.about) == ("must be a number", "a.yaml:3")
    assert SpecError.joined(problems[:1]).lines == problems[0].lines


def test_an_error_keeps_its_fields_on_the_way_from_another_process() -> None:
    joined = SpecError.joined([SpecError("one", got="two"), SpecError("three")])
    for error in (TooLongError("rule", got="got", remedy="remedy", about="about"), joined):
        travelled = pickle.loads(pickle.dumps(error))
        assert type(travelled) is type(error)
        assert travelled.lines == error.lines
        assert (travelled.rule, travelled.got) == (error.rule, error.got)
