"""What README.md and results/README.md say of the record as a whole is what the reference studies hold."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from tests.reading_findings import NUMBERS, REFERENCE, ROOT, readme, record, results

from zostudy import Comparison, compare, load_results
from zostudy.methods import get_method, method_names
from zostudy.methods.zosa import ZosaOptions
from zostudy.results.comparison.comparable import compare_in_groups
from zostudy.results.comparison.contents import contents
from zostudy.results.comparison.metric_tables import comparison_tables

STUDIES = [path.parent for path in REFERENCE.rglob("study.yaml")]


@pytest.fixture(scope="module")
def suite() -> Comparison:
    return compare(load_results(REFERENCE / "suite"), ["test_auc"])


def test_the_advice_is_three_sentences_that_the_record_bears_out() -> None:
    """Each part of a sentence is a point below it, or in a test of the study that it comes from."""
    advice = record().split("In three sentences, for practitioners: ")[1].split(" The figures behind them ")[0]
    batches, begin, disbelieve = advice.split(". ")
    assert batches == (
        "at any imbalance, draw batches with all classes in equal number, or else decide at a threshold from dev"
    )
    assert begin == "Begin with `bpt-fzg` and its defaults, beside `untuned`, `no-prompt` and `random-search`"
    assert disbelieve == (
        "Do not believe in a method that random search equals on your data, in settings that one seed chose, or in "
        "flat minima."
    )


def test_equal_classes_or_a_threshold_help_at_each_imbalance() -> None:
    trials = load_results(sorted(REFERENCE.glob("imbalance-cause-*/"))).trials
    cells = trials[trials["stage"] == "confirm"].set_index(["imbalance_ratio", "model", "number", "method"])
    argmax, threshold = (cells[f"test_balanced_accuracy{at}"].unstack("method") for at in ("", "_at_dev_threshold"))
    natural = argmax["ce-natural"]
    for better in (argmax["ce-stratified"], threshold["ce-natural"]):
        gains = (better - natural).groupby("imbalance_ratio")
        lows = {ratio: stats.ttest_1samp(each, 0).confidence_interval(0.95).low for ratio, each in gains}
        assert [ratio for ratio, low in lows.items() if low > 0] == [10, 50, 100]
        assert gains.mean().loc[1] > -0.01


def test_bpt_fzg_is_first_by_mean_rank(suite: Comparison) -> None:
    real = compare(load_results(sorted(REFERENCE.glob("real-text-*/"))), ["test_auc"], by="task")
    for compared in (suite, real):
        ranks = compared.rank_statistics("test_auc")
        assert ranks is not None
        assert ranks.ranks[0].method == "bpt-fzg"
    assert "- **Begin with `bpt-fzg`.** On mini-llama at ratio 10, with 100 queries, it has gone" in record()


def test_settings_that_one_seed_chose_are_in_the_log() -> None:
    log = (ROOT / ".github" / "LOG.md").read_text(encoding="utf-8")
    found = re.search(
        r"\| settings that 30 search trials find on one seed, as defaults \| on three other seeds: fzoo on mini-gpt2 "
        r"gains 0(\.\d+), its defaults 0(\.\d+) \|",
        log,
    )
    assert found is not None
    assert float(found[1]) < float(found[2])
    assert (
        f"Settings that one seed chose for `fzoo` there gained {found[1]} on three others, its defaults {found[2]} "
        "([LOG.md](.github/LOG.md))."
    ) in record()
    assert "- **Do not count on a search.** On mini-llama, thirty configurations on three seeds" in record()


def test_the_methods_are_counted_by_kind() -> None:
    methods = {name: get_method(name) for name in method_names()}
    references = {name for name, method in methods.items() if method.needs != "scores"}
    untuned = {name for name, method in methods.items() if not method.spends_queries} - references
    peers = {*methods} - references - untuned - {"bpt-fzg", "zosa"}
    assert (
        f"BPT-FZG and ZOSA, {NUMBERS[len(peers)]} of their peers and compositions, {NUMBERS[len(untuned)]} rows "
        f"without tuning, and {NUMBERS[len(references)]} references that see more than a black box shows."
    ) in readme("What a prompt, a latent and a subspace are")


def test_no_text_of_a_data_set_is_stored() -> None:
    assert "row numbers and scores, no text of a data set." in results("")
    for path in REFERENCE.rglob("scores/*.parquet"):
        schema = pq.read_schema(path)
        assert schema.names == ["study", "cell", "trial", "split", "row", "label", "scores"]
        assert [schema.field(name).type for name in ("row", "label")] == [pa.int64(), pa.int32()]


def test_what_a_comparison_of_everything_shows() -> None:
    folders = [str(REFERENCE / name) for name in ("bench.json", "defaults", "quickstart", "subspace-dim")]
    found = compare_in_groups(folders, None, "imbalance_ratio", None, False)
    assert {name.removesuffix("_at_dev_threshold") for each in found for name in each.metrics} == {
        *("test_auc", "test_balanced_accuracy", "test_minority_recall")
    }
    assert [row[1] for row in contents(found).rows] == ["quickstart", "subspace-dim"]
    assert (
        "`zostudy compare results/reference/*` shows test AUC, balanced accuracy and minority recall of all studies, "
        "with a list of the tables at the end."
    ) in results("Ask it yourself")


def test_how_to_read_a_rank_table(suite: Comparison) -> None:
    text, ranks = results("How to read a rank table"), suite.rank_statistics("test_auc")
    assert ranks is not None
    assert comparison_tables(suite)[-1].title.startswith("mean rank (95% bootstrap interval)")
    assert "`zostudy compare` of several studies ends in one." in text
    assert {*ranks.named_by} == {"model", "budget", "imbalance_ratio"}
    assert "A block is one model, task, budget and ratio." in text
    trials = load_results(REFERENCE / "suite").trials
    blocks = trials.pivot_table("test_auc", ["model", "budget", "imbalance_ratio"], "method")
    means = blocks.rank(axis=1, ascending=False).mean()
    assert {each.method: each.mean for each in ranks.ranks} == pytest.approx(means.to_dict())
    assert "The mean rank is 1 for a method that is the best of every block" in text
    assert "Two methods that share a letter are not told apart, whatever their ranks." in text
    gaps = [np.ptp(means[list(group)]) for group in ranks.groups]
    assert ranks.critical_difference is not None
    assert max(gaps) <= ranks.critical_difference


def test_zosa_has_todays_defaults_in_each_study_but_one() -> None:
    defaults = ZosaOptions()
    assert (
        "ZOSA's defaults were changed twice, by rows of train, and all its trials that this concerns, but those of "
        "`sst2-minilm`, were run again"
    ) in results("What the studies found")
    columns = ["algorithm", "stage", "method", "reach", "sharpness_radius"]
    for folder in STUDIES:
        trials = load_results(folder).trials[columns]
        confirmed = trials[(trials["algorithm"] == "zosa") & (trials["stage"] == "confirm")]
        untouched = confirmed[confirmed["method"].isin(["zosa", "zosa-defaults", "zosa-tenth"])]
        if folder.name.startswith("what-search-buys"):
            untouched = untouched[untouched["method"] == "zosa-defaults"]
        settings = {(reach, radius) for reach, radius in untouched[columns[3:]].itertuples(index=False)}
        expected = {(defaults.reach, defaults.sharpness_radius)} if len(untouched) else set()
        assert (settings == expected) == (folder.name != "sst2-minilm"), folder
