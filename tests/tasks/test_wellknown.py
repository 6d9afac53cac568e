from __future__ import annotations

from typing import Any

import pytest

from zostudy.config.known import EMBEDDED_TASK, TASKS_WITH_DATA, WELL_KNOWN_TASKS, HeadKind
from zostudy.tasks.templates import HEADS
from zostudy.tasks.wellknown import WELL_KNOWN

PAIRS = {"mrpc", "qqp", "rte", "qnli", "wnli", "mnli", "snli"}
HIDDEN_TEST_LABELS = {"sst2", "cola", "mrpc", "qqp", "rte", "qnli", "wnli", "mnli"}


@pytest.mark.parametrize("name", WELL_KNOWN)
@pytest.mark.parametrize("head", HEADS)
def test_every_head_is_asked_in_words_that_fit_it(name: str, head: HeadKind) -> None:
    task = WELL_KNOWN[name]
    wording = task.wordings[head]
    wording.template.check(head)
    assert wording.template.count("second_text") == (name in PAIRS)
    assert len(wording.label_words) == len(set(wording.label_words)) == len(task.class_names) >= 2
    assert all(word == word.strip() != "" for word in wording.label_words)
    if head != "encoder":
        assert not any(" " in word for word in wording.label_words)
    if head == "causal":
        before, _ = wording.template.render("a text", "another")
        assert before.endswith(" "), "its label words need their leading space"


@pytest.mark.parametrize("name", [name for name, task in WELL_KNOWN.items() if task.hub])
def test_every_origin_has_the_columns_and_splits_of_its_kind(name: str) -> None:
    origin = WELL_KNOWN[name].hub
    assert origin is not None
    assert origin.id.count("/") == 1, "canonical ids have an owner"
    assert (origin.second_text is not None) == (name in PAIRS)
    assert origin.splits.test.startswith("validation") == (name in HIDDEN_TEST_LABELS)
    assert (origin.config is not None) == (origin.id == "nyu-mll/glue")


@pytest.mark.parametrize(
    ("task", "name", "label"),
    [
        ("sst2", "positive", 1),
        ("sst2", "Positive", 1),
        ("mr", "neg", 0),
        ("ag_news", "technology", 3),
        ("trec", "ENTY", 2),
        ("qqp", "different", 0),
        ("sst2", "pos", None),
        ("sst2", "1", None),
    ],
)
def test_classes_are_known_by_all_their_names(task: Any, name: str, label: int) -> None:
    assert WELL_KNOWN[task].label_of(name) == label


def test_other_names_lead_to_classes() -> None:
    for task in WELL_KNOWN.values():
        assert set(task.other_names.values()) <= set(task.class_names)


def test_the_study_file_names_the_same_tasks() -> None:
    assert tuple(WELL_KNOWN) == WELL_KNOWN_TASKS
    assert tuple(name for name, task in WELL_KNOWN.items() if task.hub or name == EMBEDDED_TASK) == TASKS_WITH_DATA
