"""What earlier versions wrote still loads: results of every schema, and study files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from zostudy.config.loading import load_study, parse_study
from zostudy.errors import SpecError
from zostudy.results.comparison.compare import compare
from zostudy.results.results import load_results
from zostudy.results.schema import LOSSES, SCHEMA_VERSION, TRIALS, VERSION_KEY

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "results" / "reference" / "quickstart"
WRITTEN = {
    "of version 1": ROOT / "results" / "reference" / "sst2-minilm",
    "of version 2": ROOT / "tests" / "data" / "quickstart",
    "of version 5": REFERENCE,
}
"""Folders as a zostudy of that schema left them."""

SINCE_5 = {
    *("needs", "imbalance", "search_seed", "step_rule", "reach", "wording", "start_draw", "start_queries"),
    *("dev_threshold", "latent_norm", "test_largest_share", *LOSSES),
    *(f"{split}_{metric}" for split in ("dev", "test") for metric in ("mcc", "expected_calibration_error")),
    *(name for name in TRIALS.names if name.endswith("_at_dev_threshold")),
}
SINCE_4 = {"positive_class"}
SINCE_3 = {"precision_rows", *(name for name in TRIALS.names if name.endswith(("_rows", "_digest")))}

LACKING = {
    1: {"trials": SINCE_3 | SINCE_4 | SINCE_5, "history": {"dev_balanced_accuracy", "dev_minority_recall"}},
    2: {"trials": SINCE_3 | SINCE_4 | SINCE_5},
    3: {"trials": SINCE_4 | SINCE_5},
    4: {"trials": SINCE_5},
    5: {"trials": {*LOSSES}},  # as the version began
}
"""The columns that files of each version lack, by table."""


def version_of(folder: Path) -> int:
    (file,) = (folder / "trials").glob("*.parquet")
    return int(pq.read_schema(file).metadata[VERSION_KEY])


@pytest.mark.parametrize("name", WRITTEN)
def test_a_folder_that_an_earlier_version_left_is_read_and_compared(name: str) -> None:
    folder = WRITTEN[name]
    assert version_of(folder) == int(name[-1])
    results = load_results(folder)
    assert results.trials.columns.tolist() == TRIALS.names
    assert len(results.history) > len(results.trials)
    assert compare(results).cells
    (count,) = results.sql("SELECT count(*) AS n FROM trials")["n"]
    assert count == len(results.trials)


def test_every_schema_that_was_released_has_a_case() -> None:
    assert sorted(LACKING) == list(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("version", LACKING)
def test_columns_that_a_schema_lacks_are_null_and_all_others_the_same(version: int, tmp_path: Path) -> None:
    folder = tmp_path / REFERENCE.name
    shutil.copytree(REFERENCE, folder)
    for file in folder.glob("*/*.parquet"):
        table = pq.read_table(file)
        kept = [name for name in table.column_names if name not in LACKING[version].get(file.parent.name, ())]
        pq.write_table(table.select(kept).replace_schema_metadata({VERSION_KEY: str(version)}), file)
    assert version_of(folder) == version

    before, now = load_results(folder), load_results(REFERENCE)
    lacking = [name for name in TRIALS.names if name in LACKING[version]["trials"]]
    assert before.trials[lacking].isna().all(axis=None)
    kept = [name for name in TRIALS.names if name not in lacking]
    assert before.trials[kept].equals(now.trials[kept])
    assert len(before.history) == len(now.history)
    means = [
        [(cell.key, cell.intervals["test_auc"].mean) for cell in compare(of, metrics="test_auc").cells]
        for of in (before, now)
    ]
    assert means[0] == means[1]


STUDIES = sorted(
    [*(ROOT / "tests/data/studies").glob("*.yaml"), *(folder / "study.yaml" for folder in WRITTEN.values())]
)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_study_file_of_an_earlier_version_is_read_beside_its_results(path: Path) -> None:
    study = parse_study(path.read_text(encoding="utf-8"), str(path))
    assert study.name in ("quickstart", "sst2-minilm")


def test_an_earlier_study_file_runs_as_it_is_or_says_what_to_add() -> None:
    assert load_study(ROOT / "tests/data/studies/reaches.yaml").search.trials == 6
    # Learning rates count only with the step rule that was the default then; to assume it would mix two defaults.
    learning_rates = ROOT / "tests/data/studies/learning-rates.yaml"
    with pytest.raises(
        SpecError, match="it has an effect only with step_rule: plain; set that for bpt-fzg, or leave this out"
    ):
        load_study(learning_rates)
    plain = "[{bpt-fzg: {step_rule: plain}}, {zosa: {step_rule: plain}}, {spsa: {step_rule: plain}}]"
    assert load_study(learning_rates, [f"methods={plain}"]).search.trials == 6
