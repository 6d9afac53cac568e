"""What the guide trust says of the measurements behind the defaults is what is committed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from zostudy.bench.defaults.tasks import TASKS
from zostudy.cli.guide import read_guides
from zostudy.config.known import EMBEDDED_MODELS
from zostudy.methods.zosa import ZosaOptions

RESULTS = Path(__file__).parents[3] / "results" / "README.md"
REFERENCE = RESULTS.parent / "reference"


@pytest.fixture(scope="module")
def guide() -> str:
    return " ".join(read_guides()["trust"].split("## The defaults\n")[1].split())


@pytest.fixture(scope="module")
def measured() -> pd.DataFrame:
    return pd.read_parquet(REFERENCE / "defaults" / "trials.parquet", columns=["task", "imbalance_ratio", "queries"])


def test_the_guide_counts_what_is_measured(guide: str, measured: pd.DataFrame) -> None:
    embedded = measured["task"].isin(EMBEDDED_MODELS)
    assert f"holds {embedded.sum()} trials of them, and {(~embedded).sum()} of minilm on MPQA" in guide
    assert set(measured["task"][~embedded]) == {"minilm-mpqa"}
    assert set(measured["imbalance_ratio"][embedded]) == {10, 50}
    assert set(measured["queries"]) == {300}
    assert "at ratios 10 and 50 with 300 queries" in guide


def test_the_guide_names_what_is_planned_and_not_measured(guide: str, measured: pd.DataFrame) -> None:
    assert len(TASKS) == 8
    assert {*TASKS} - {*measured["task"]} == {"minilm-sms", "minilm-cr", "minilm-sst2", "minilm-subj"}
    assert "the other four, minilm on SMS spam, CR, SST-2 and Subj, are not measured yet" in guide


def test_all_studies_but_the_earlier_one_ran_with_zosa_s_defaults_of_today(guide: str) -> None:
    today = ZosaOptions()
    assert f"reach 1 became {today.reach:g} and sharpness_radius 1 became {today.sharpness_radius:g}" in guide
    columns, zosa = ["reach", "sharpness_radius"], [("algorithm", "==", "zosa"), ("stage", "==", "confirm")]
    for folder in (path.parent for path in REFERENCE.glob("**/study.yaml")):
        if folder.name != "sst2-minilm":  # of an earlier version, without reach
            trials = pd.read_parquet(folder / "trials", columns=columns, filters=zosa)
            settings = {*trials.itertuples(index=False, name=None)}
            assert not settings or (today.reach, today.sharpness_radius) in settings, folder.name
            assert (1, 1) not in settings, folder.name
    assert "all studies with it but `sst2-minilm`" in " ".join(RESULTS.read_text(encoding="utf-8").split())
