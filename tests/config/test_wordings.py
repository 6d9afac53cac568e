"""The wordings of a task in a study file: which are used, what each says, and how mistakes in them are told."""
# ruff: noqa: E501 (a message stays one line here too)

from __future__ import annotations

from collections.abc import Callable

import pytest

from zostudy.config.loading import load_study, parse_study
from zostudy.config.space import method_space
from zostudy.config.study import StudySpec
from zostudy.config.wordings import used_wordings
from zostudy.errors import SpecError
from zostudy.yaml_text import dump_yaml

TASK = """task:
  name: reviews
  template: "{text} It was {mask}."
  label_words: [terrible, great]
  wordings:
    plain: {template: "{text} All in all {mask}."}
    short: {label_words: [bad, good]}
"""
SEARCH = "search: {trials: 3, space: {task.wording: {choice: [short, default]}}}"


def load(write_study: Callable[..., str], **sections: str) -> StudySpec:
    return load_study(write_study(**{"task": TASK, "search": SEARCH} | sections))


def test_a_wording_leaves_to_the_task_what_it_does_not_say(write_study: Callable[..., str]) -> None:
    task = load(write_study).task
    plain, short = task.worded("plain"), task.worded("short")
    assert (plain.template, plain.label_words) == ("{text} All in all {mask}.", ("terrible", "great"))
    assert (short.template, short.label_words) == ("{text} It was {mask}.", ("bad", "good"))
    assert task.worded("default") is task


def test_only_wordings_that_a_trial_may_have_are_used_and_the_studys_own_comes_first(
    write_study: Callable[..., str],
) -> None:
    assert used_wordings(load(write_study)) == ("default", "short")
    assert used_wordings(load(write_study, task=f"{TASK}  wording: plain")) == ("plain", "short", "default")
    assert used_wordings(load(write_study, search="search: {trials: 0}")) == ("default",)


def test_every_method_is_searched_over_the_wordings_and_its_default_space(write_study: Callable[..., str]) -> None:
    study = load(write_study, methods="methods: [climb, zosa, untuned]")
    alone = load(write_study, methods="methods: [climb, zosa, untuned]", search="search: {trials: 3}")
    for method, other in zip(study.methods, alone.methods, strict=True):
        assert list(method_space(study, method)) == ["task.wording", *method_space(alone, other)]
    assert "reach" in method_space(study, study.methods[1])


def test_wordings_beside_an_option_of_ones_own_are_all_that_is_searched(write_study: Callable[..., str]) -> None:
    space = "{task.wording: {choice: [short, default]}, zosa.reach: {choice: [1, 3]}}"
    study = load(write_study, methods="methods: [climb, zosa]", search=f"search: {{trials: 3, space: {space}}}")
    assert [list(method_space(study, method)) for method in study.methods] == [
        ["task.wording"],
        ["task.wording", "reach"],
    ]


def test_the_resolved_study_loads_equal(write_study: Callable[..., str]) -> None:
    study = load(write_study)
    assert parse_study(dump_yaml(study.resolved()), "study.yaml") == study


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"search": "search: {trials: 1, space: {task.wording: {choice: [shrot]}}}"},
            '12: search.space.task.wording.choice.0: must name a wording of task.wordings, but got "shrot"; did you mean short?',
        ),
        (
            {"search": "search: {trials: 1, space: {task.wording: {choice: [3]}}}"},
            "12: search.space.task.wording.choice.0: must name a wording of task.wordings, but got 3; there are default, plain, short",
        ),
        (
            {"search": "search: {trials: 1, space: {task.wording: {low: 1, high: 2}}}"},
            '12: search.space.task.wording: must be a choice of wordings, but got "a range"; write {choice: [default, plain, short]}',
        ),
        (
            {"task": f"{TASK}  wording: plan"},
            '10: task.wording: must name a wording of task.wordings, but got "plan"; did you mean plain?',
        ),
        (
            {"task": f"{TASK}    default: {{label_words: [bad, good]}}"},
            '10: task.wordings.default: must have another name: this one is task.template and task.label_words, but got "default"; choose another name',
        ),
        (
            {"task": f'{TASK}    "a b": {{label_words: [bad, good]}}'},
            '10: task.wordings.a b: must have a name of up to 30 characters of A-Z a-z 0-9 . _ - that begins with a letter or digit, but got "a b"; choose a shorter, plainer name',
        ),
        (
            {"task": f"{TASK}    empty: {{}}"},
            "10: task.wordings.empty: must give a template, label words, or both, but got {}; add one of them",
        ),
    ],
)
def test_a_mistake_is_one_line(write_study: Callable[..., str], sections: dict[str, str], said: str) -> None:
    with pytest.raises(SpecError) as raised:
        load(write_study, **sections)
    assert str(raised.value) == f"study.yaml:{said}"
