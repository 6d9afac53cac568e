"""The suite is what its study files and its digests say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from zostudy.config import StudySpec
from zostudy.config.known import STUDIES_FOLDER
from zostudy.config.loading import parse_study
from zostudy.results.storage import Storage
from zostudy.suite.definition import BUDGETS, OFFLINE, PARTS, RATIOS, SEEDS, Part, Slice
from zostudy.suite.studies import suite_studies
from zostudy.tasks.reviews import reviews

WHOLE = Slice()


def study(part: Part) -> StudySpec:
    return parse_study(part.study_file.read_text(encoding="utf-8"), part.name)


def test_each_study_file_is_a_part() -> None:
    assert sorted(part.study_file for part in PARTS) == sorted((STUDIES_FOLDER / "suite").glob("*.yaml"))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_part_leaves_only_methods_budget_and_name_open(part: Part) -> None:
    spec = study(part)
    assert spec.name == f"suite-1-{part.name}"
    assert set(spec.imbalance.ratios) <= set(RATIOS)
    assert (spec.confirm.seeds, spec.search.trials, spec.budget.queries) == (SEEDS, 0, BUDGETS[0])
    assert spec.model.dtype == "float32", "auto would follow the processor and the other methods"
    assert not any(method.options or method.imbalance for method in spec.methods)


def test_all_parts_share_seed_sizes_and_batches() -> None:
    assert len({(spec.seed, spec.imbalance.minority_size, spec.budget.batch_size) for spec in map(study, PARTS)}) == 1


def test_a_third_of_the_parts_needs_no_other_data() -> None:
    assert {study(part).task.name for part in OFFLINE} == {"reviews"}
    assert {part.digest for part in OFFLINE} == {reviews().digest}


def test_the_data_files_have_the_digests_of_the_suite(shared_dir: Path, tmp_path: Path) -> None:
    for task in {part.task for part in PARTS} - {"reviews"}:
        rows = pd.read_parquet(shared_dir / "data" / f"{task}.parquet")
        has_official_test = task in ("sst2", "trec")
        rows[["text", "label_name", *(["split"] if has_official_test else [])]].rename(
            columns={"label_name": "label"}
        ).to_csv(tmp_path / f"{task}.csv", index=False)
    found = suite_studies(WHOLE, ["untuned"], tmp_path, Storage.at(tmp_path))
    assert [study.part for study in found] == [part for part in PARTS for _ in BUDGETS]
    assert [study.spec.name for study in found[:2]] == ["suite-1-mini-llama-300", "suite-1-mini-llama-1200"]
    assert {study.spec.budget.queries for study in found} == {*BUDGETS}


def test_a_slice_is_named_after_what_it_leaves_out() -> None:
    part = PARTS[0]
    assert str(WHOLE) == "suite version 1"
    assert str(Slice(OFFLINE)) == "suite version 1, offline half"
    small = Slice((part,), (300,), 10.0, 2)
    assert str(small) == "a slice of suite version 1: mini-llama; budget 300; ratio 10; 2 of 5 seeds"
    assert small.study_name(part, 300) == "suite-1-mini-llama-300-ratio-10-seeds-2"
    assert Slice((part,), (300,)).study_name(part, 300) == WHOLE.study_name(part, 300)
