"""The suite is what its study files and its digests say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tests.reading_findings import REFERENCE

from zostudy.cli.guide import read_guides
from zostudy.config.known import STUDIES_FOLDER
from zostudy.config.loading import parse_study
from zostudy.config.study import StudySpec
from zostudy.ratios import ratio_text
from zostudy.results.storage import Storage
from zostudy.suite.definition import BUDGETS, OFFLINE, PARTS, RATIOS, SEEDS, Part, Slice
from zostudy.suite.leaderboard import committed_trials
from zostudy.suite.studies import suite_studies
from zostudy.tasks.reviews import reviews

WHOLE = Slice()
GUIDE = " ".join(read_guides()["suite"].split())


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


def test_the_guide_says_what_the_suite_holds() -> None:
    first = study(PARTS[0])
    size, seeds = first.imbalance.minority_size, {study(part).confirm.seeds for part in PARTS}
    assert {study(part).imbalance.dev_minority_size for part in PARTS} == {None}, "as many as for training"
    assert f"| rare class | {size} examples to train with, and {size} of dev |" in GUIDE
    assert f"| budgets | {BUDGETS[0]} and {BUDGETS[1]:,} queries of {first.budget.batch_size} examples |" in GUIDE
    assert seeds == {5}
    assert "| seeds | five, the same for all methods: data, start, subspace, batches |" in GUIDE
    assert "| dtype | float32, whatever the processor |" in GUIDE
    assert {part.name for part in OFFLINE} == {"mini-llama", "mini-gpt2", "mini-roberta"}
    assert "| offline half | mini-llama, mini-gpt2 and mini-roberta on the embedded reviews |" in GUIDE
    real = [part for part in PARTS if not part.is_offline]
    assert [(study(part).model.name, part.task) for part in real] == [
        ("minilm", task) for task in ("sst2", "mpqa", "subj", "trec", "sms_spam")
    ]
    assert "| other half | minilm on SST-2, MPQA, Subj, TREC (six classes) and SMS spam |" in GUIDE
    ratios = "| imbalance ratios | 1, 10 and 50, where the data allows it, and natural where the data is uneven |"
    assert [*map(ratio_text, RATIOS)] == ["1", "10", "50", "natural"]
    assert ratios in GUIDE


def test_the_guide_says_what_it_takes_and_what_stands_there() -> None:
    hours = sum(part.minutes for part in PARTS if not part.is_offline) / 60
    assert sum(part.minutes for part in OFFLINE) == 6
    assert 4 < hours < 5
    assert "A method takes about six minutes on the offline half, and four to five hours on the other" in GUIDE
    trials = committed_trials(WHOLE)
    assert {*trials["model"]} == {part.name for part in OFFLINE}
    assert trials["method"].nunique() == 8
    assert "so far those of eight methods on the offline half" in GUIDE
    chosen_by = pd.read_parquet(REFERENCE / "defaults" / "trials.parquet", columns=["task"])["task"]
    looked_at = {*chosen_by} & {part.name for part in PARTS} - {part.name for part in OFFLINE}
    assert looked_at == {"minilm-mpqa", "minilm-sms", "minilm-sst2", "minilm-subj"}
    assert "The defaults of zostudy's own methods were chosen on these models" in GUIDE
    assert "Of the other half, MPQA, SMS spam, SST-2 and Subj have trials in the record of those choices" in GUIDE


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
