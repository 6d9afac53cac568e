"""How large a study ``zostudy init`` drafts: what it counts, and that it ends in time where it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import zostudy
from zostudy.config.loading import load_study
from zostudy.inspection import sizing
from zostudy.inspection.facts import Inspection
from zostudy.inspection.sizing import CORE_FLOPS, CORES, MINUTES, SIZES, fit_size
from zostudy.search import estimate
from zostudy.search.prepare import prepare

WriteData: TypeAlias = Callable[..., Path]


@pytest.fixture
def data(write_data: WriteData) -> Path:
    """Three uneven classes and 2,000 rows of test, of which most sizes take a part."""
    counts = {"train": (600, 300, 60), "test": (1000, 800, 200)}
    return write_data(
        ("text", "label", "split"),
        [
            (f"this is {split} text {number} of {kind}", kind, split)
            for split, sizes in counts.items()
            for kind, size in zip(("red", "green", "blue"), sizes, strict=True)
            for number in range(size)
        ],
        "colours.csv",
    )


def with_flops(inspection: Inspection, flops: float) -> tuple[Any, Any]:
    assert inspection.model is not None
    return inspection, replace(inspection.model, flops_per_token=flops)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SIZES)))
def test_examples_are_counted_as_the_dry_run_counts_those_of_the_study_itself(
    data: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "SIZES", (SIZES[number],))
    inspection = zostudy.inspect(data, "mini-roberta")
    assert inspection.model is not None
    study = prepare(load_study(zostudy.init_study(data, data.parent / "study.yaml", model="mini-roberta")))
    counted = sum(estimate._tuning_examples(study).values()) + estimate._evaluation_examples(study)
    per_token = inspection.model.flops_per_token * (inspection.lengths[0].mean + sizing.PROMPT_TOKENS)
    expected = fit_size(inspection, inspection.model).minutes * 60 * CORES * CORE_FLOPS / per_token
    assert expected == pytest.approx(counted, rel=0.01)  # rounded rows of dev and test


def test_the_largest_size_that_ends_in_time_is_taken(data: Path) -> None:
    inspection = zostudy.inspect(data, "mini-roberta")
    found = [fit_size(*with_flops(inspection, 10.0**exponent)) for exponent in range(4, 11)]
    assert found[0].size == SIZES[0]
    assert found[-1].size == SIZES[-1]
    assert found[-1].minutes > MINUTES
    assert [SIZES.index(each.size) for each in found] == sorted(SIZES.index(each.size) for each in found)
    for each in found:
        if each.size != SIZES[-1]:
            assert each.minutes <= MINUTES
    assert len({each.size for each in found}) >= 3


def test_what_a_smaller_study_leaves_out_is_written_with_the_key_that_brings_it_back(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "SIZES", (SIZES[0], SIZES[-1]))
    monkeypatch.setattr(sizing, "MINUTES", 0)
    monkeypatch.setattr(sizing, "LONGEST_MEAN", 6)
    path = zostudy.init_study(data, data.parent / "study.yaml", model="mini-roberta")
    opening = " ".join(line.removeprefix("# ") for line in path.read_text().splitlines()[1:9])
    study = load_study(path)
    assert (study.task.test_rows, study.task.truncate) == (SIZES[-1].test_rows, True)
    assert study.model.max_length == 6 + study.model.prompt_tokens
    for words in (
        "zosa (methods)",
        "2 seeds (confirm.seeds: 5)",
        "larger batches (budget.batch_size: 32)",
        "1,700 rows of test (task.test_rows: null)",
        "texts behind 6 tokens (model.max_length: null)",
        "the loss landscape (confirm.landscape: true)",
    ):
        assert words in opening
    assert "To come nearer to" in opening
    undone = [
        "confirm={seeds: 5, landscape: true}",
        "budget.batch_size=32",
        "task.test_rows=null",
        "model.max_length=null",
        "methods=[no-prompt, untuned, random-search, bpt-fzg, zosa]",
    ]
    restored = load_study(path, undone)
    assert (restored.task.test_rows, restored.model.max_length, restored.confirm.seeds) == (None, None, 5)


def test_dev_holds_ten_of_the_rarest_class_where_the_data_has_them(data: Path, mail: Path) -> None:
    inspection = zostudy.inspect(data, "mini-roberta")
    smallest = fit_size(*with_flops(inspection, 1e10))
    assert smallest.size.dev_rows * 60 / 960 < smallest.dev_minority_size == 10
    few = zostudy.inspect(mail, "mini-roberta")
    assert fit_size(*with_flops(few, 1e10)).dev_minority_size == few.available.train[1] // 4 < 10
