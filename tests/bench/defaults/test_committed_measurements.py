"""What the guide trust says of the measurements behind the defaults is what is committed."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import ttest_rel

from zostudy.bench.defaults.jobs import TrialJob
from zostudy.bench.defaults.plans import PLANS, REAL_TASKS
from zostudy.bench.defaults.store import TrialStore
from zostudy.bench.defaults.tables import default_tables
from zostudy.bench.defaults.tasks import TASKS, TUNED
from zostudy.cli.guide import read_guides
from zostudy.config.known import EMBEDDED_MODELS
from zostudy.methods.zosa import ZosaOptions
from zostudy.results.table_formats import Table

REFERENCE = Path(__file__).parents[3] / "results" / "reference"


@pytest.fixture(scope="module")
def guide() -> str:
    return " ".join(read_guides()["trust"].split("## The defaults\n")[1].split())


@pytest.fixture(scope="module")
def store() -> TrialStore:
    return TrialStore(REFERENCE / "defaults")


@pytest.fixture(scope="module")
def embedded_tables(store: TrialStore) -> tuple[Table, ...]:
    return default_tables(PLANS["small"](), store)


@pytest.fixture(scope="module")
def real_tables(store: TrialStore) -> tuple[Table, ...]:
    return default_tables([job for job in PLANS["full"]() if job.task in REAL_TASKS], store)


@pytest.fixture(scope="module")
def gains(store: TrialStore) -> pd.DataFrame:
    return gains_over_untuned(store, 300, (10.0, 50.0), 10)


def gains_over_untuned(store: TrialStore, queries: int, ratios: tuple[float, ...], seeds: int) -> pd.DataFrame:
    """Returns judged AUC of today's defaults less that of the untuned prompt of the same task, ratio and seed."""
    cells = product(TASKS, ratios, ("untuned", "random-search", *TUNED), range(seeds))
    found = [store.find(TrialJob(*each, queries=queries)) for each in cells]
    where = ["task", "imbalance_ratio", "seed"]
    trials = pd.DataFrame([asdict(row) for row in found if row is not None])[[*where, "method", "judged_auc"]]
    is_untuned = trials["method"] == "untuned"
    pairs = trials[~is_untuned].merge(trials[is_untuned], on=where, suffixes=("", "_untuned"))
    return pairs.assign(gain=pairs["judged_auc"] - pairs["judged_auc_untuned"])


def test_the_guide_counts_what_is_measured(guide: str) -> None:
    tasks = pd.read_parquet(REFERENCE / "defaults" / "trials.parquet", columns=["task"])["task"]
    embedded = tasks.isin(EMBEDDED_MODELS).sum()
    counts = f"holds {len(tasks):,} trials: {embedded:,} of the embedded models and {len(tasks) - embedded:,} of minilm"
    assert counts in guide
    assert {*tasks} == {*TASKS}
    assert tuple(f"minilm-{name}" for name in ("mpqa", "sms", "cr", "sst2", "subj")) == REAL_TASKS


def test_the_guide_s_shares_are_those_of_the_searches(guide: str, embedded_tables: tuple[Table, ...]) -> None:
    searches = embedded_tables[1]
    found = re.findall(r"(\S+) at (\d+) queries: mean share (\d+%) .*?, least (\d+%)", " ".join(searches.notes))
    shares = {(method, queries): f"{mean} ({least})" for method, queries, mean, least in found}
    for method in TUNED:
        assert f"| {method} | {shares[method, '300']} | {shares[method, '1200']} |" in guide
    searched = {(row[0], row[2], row[3]) for row in searches.rows}
    assert searched == {*product(EMBEDDED_MODELS, ("300", "1200"), TUNED)}


def test_on_the_embedded_models_no_default_is_worse_than_luck(
    guide: str, gains: pd.DataFrame, embedded_tables: tuple[Table, ...]
) -> None:
    tuned = gains[gains["task"].isin(EMBEDDED_MODELS) & gains["method"].isin(TUNED)]
    assert len(tuned) == 10 * 2 * 3 * len(TUNED)
    assert f"the least gain over untuned in a seed is {tuned['gain'].min():.3f}".replace(" 0.", " .") in guide
    lows = [_interval(row[-1])[0] for row in embedded_tables[0].rows if row[2] == "300" and row[3] in TUNED]
    assert len(lows) == 2 * 3 * len(TUNED)
    assert min(lows) > 0
    lows_at_1200 = [_interval(row[-1])[0] for row in embedded_tables[0].rows if row[2] == "1200" and row[3] in TUNED]
    assert len(lows_at_1200) == 3 * len(TUNED)
    assert min(lows_at_1200) > 0
    assert "with 1,200 queries, on three seeds, each is above random search in the same way" in guide
    assert "each of these methods is above random search on every embedded model, with an interval above 0" in guide


def test_on_real_text_no_default_is_measurably_worse_than_luck(guide: str, gains: pd.DataFrame) -> None:
    seeds, above = {10.0: 10, 50.0: 3}, dict[str, set[str]]()
    real = gains[gains["task"].isin(REAL_TASKS)]
    for task, ratio in product(REAL_TASKS, seeds):
        cell = real[(real["task"] == task) & (real["imbalance_ratio"] == ratio)]
        if ratio not in TASKS[task].ratios:
            assert (task, ratio, len(cell)) == ("minilm-cr", 50, 0)
            continue
        by_seed = cell.pivot(index="seed", columns="method", values="gain")
        assert by_seed.shape == (seeds[ratio], 1 + len(TUNED))
        for method in TUNED:
            interval = ttest_rel(by_seed[method], by_seed["random-search"]).confidence_interval()
            assert interval.high > 0, (task, ratio, method)
            if ratio == 10 and interval.low > 0:
                above.setdefault(method, set()).add(task.removeprefix("minilm-"))
    assert above == {"cma-es": {"mpqa", "sms", "subj"}, "bpt-fzg": {"mpqa", "sms"}, "fzoo": {"sms"}, "spsa": {"sms"}}
    assert "No method is measurably below random search on a task, at either ratio" in guide
    assert (
        "At ratio 10 `cma-es` is above it with an interval above 0 on MPQA, SMS spam and Subj, "
        "`bpt-fzg` on MPQA and SMS spam, `fzoo` and `spsa` on SMS spam, and `zosa` on none."
    ) in guide
    assert all(task.batch_size == 8 for name, task in TASKS.items() if name in REAL_TASKS)


def test_the_guide_s_gains_on_real_text_are_the_measured_ones(guide: str, gains: pd.DataFrame) -> None:
    real = gains[gains["task"].isin(REAL_TASKS)]
    names = {"random-search": "random search"} | {method: f"`{method}`" for method in TUNED}
    means = {
        name: [
            real[(real["method"] == method) & (real["imbalance_ratio"] == ratio)]["gain"].mean() for ratio in (10, 50)
        ]
        for method, name in names.items()
    }
    in_order = sorted(means, key=lambda name: means[name], reverse=True)
    told = [f"{name} {{:.3f}} and {{:.3f}}".format(*means[name]) for name in in_order]
    assert f"at ratios 10 and 50: {', '.join(told)}.".replace(" 0.", " .") in guide
    least = real.groupby(["method", real["task"] == "minilm-cr"])["gain"].min()
    on_cr = least.xs(True, level="task").sort_values()
    assert [*on_cr.index[:3]] == ["fzoo", "zosa", "random-search"]
    told_on_cr = "`fzoo` ends {:.3f} below, `zosa` {:.3f} and random search {:.3f}.".format(*-on_cr.iloc[:3])
    assert told_on_cr.replace(" 0.", " .") in guide
    others = f"Every other method there, and every method on the other tasks, ends at most {-on_cr.iloc[3]:.3f} below."
    assert others.replace(" 0.", " .") in guide
    assert least.xs(False, level="task").min() > on_cr.iloc[3]


def test_with_more_queries_no_default_is_measurably_worse_than_luck_on_real_text(guide: str, store: TrialStore) -> None:
    gains = gains_over_untuned(store, 1200, (10.0,), 3)
    real = gains[gains["task"].isin(REAL_TASKS)]
    assert len(real) == len(REAL_TASKS) * 3 * (1 + len(TUNED))
    above: dict[str, set[str]] = {method: set() for method in TUNED}
    for task, cell in real.groupby("task"):
        by_seed = cell.pivot(index="seed", columns="method", values="gain")
        for method in TUNED:
            interval = ttest_rel(by_seed[method], by_seed["random-search"]).confidence_interval()
            assert interval.high > 0, (task, method)
            above[method] |= {str(task).removeprefix("minilm-")} if interval.low > 0 else set()
    assert above == {
        "bpt-fzg": {"mpqa", "sms", "sst2"},
        "cma-es": {"mpqa", "sms"},
        "fzoo": {"mpqa", "sms"},
        "spsa": set(),
        "zosa": {"sms"},
    }
    assert (
        "`bpt-fzg` is above it with an interval above 0 on MPQA, SMS spam and SST-2, `cma-es` and `fzoo` on MPQA and "
        "SMS spam, `zosa` on SMS spam, and `spsa` on none."
    ) in guide
    means = real.groupby("method")["gain"].mean().sort_values(ascending=False)
    names = {"random-search": "random search"} | {method: f"`{method}`" for method in TUNED}
    told = ", ".join(f"{names[str(method)]} {mean:.3f}" for method, mean in means.items()).replace(" 0.", " .")
    assert f"Mean gain over untuned of the tasks: {told}." in guide
    assert real["gain"].min() == 0
    assert "No trial ends below its start." in guide


@pytest.mark.parametrize("queries", [300, 1200])
def test_the_searches_on_real_text_are_those_that_are_committed(
    guide: str, real_tables: tuple[Table, ...], store: TrialStore, queries: int
) -> None:
    told, searches = guide.split("With 1,200 queries, in the same way:")[queries == 1200], real_tables[1]
    gains = {(row[3], row[0]): (row[4], row[5]) for row in searches.rows if row[2] == str(queries)}
    assert gains.keys() == {*product(TUNED, REAL_TASKS)}
    found = re.findall(rf"(\S+) at {queries} queries: mean share (\d+%) .*?, least (\d+%)", " ".join(searches.notes))
    shares = {method: f"{mean} ({least})" for method, mean, least in found}
    for method in TUNED:
        shown = (_shown(gains[method, task]) for task in REAL_TASKS)
        assert f"| {method} | {' | '.join(shown)} | {shares[method]} |" in told
    behind = sum(float(defaults) >= float(searched) for defaults, searched in gains.values())
    assert f"In {behind} of the {len(gains)} cells the defaults gain as much as what was found, or more." in told
    of_all = default_tables(PLANS["full"](), store)[1]
    found = re.findall(rf"(\S+) at {queries} queries: mean share (\d+%)", " ".join(of_all.notes))
    assert len(found) == len(TUNED)
    assert all(f"{share} for `{method}`" in told for method, share in found)
    assert all(int(share[:-1]) >= 90 for _, share in found)
    assert (
        "with both budgets every method's defaults have at least 90% of the gain of what a search finds, in that mean"
        in guide
    )


def _shown(gains: tuple[str, str]) -> str:
    """Returns the gain of the defaults and of what was found as the guide shows them."""
    return ", ".join(gains).replace("+0.", "+.").replace("-0.", "-.")


def _interval(text: str) -> tuple[float, float]:
    """Returns the ends of an interval such as ``+0.043 (+0.019, +0.068)``."""
    low, high = re.findall(r"[-+]\d\.\d+", text)[1:]
    return float(low), float(high)


def test_all_studies_but_the_earlier_one_ran_with_zosa_s_defaults_of_today(guide: str) -> None:
    today = ZosaOptions()
    assert f"reach 1 became {today.reach:g} and sharpness_radius 1 became {today.sharpness_radius:g}" in guide
    assert f"shortens the steps of a budget that has more than {today.reach_steps} of them" in guide
    columns = ["reach", "sharpness_radius", "budget", "params"]
    zosa = [("algorithm", "==", "zosa"), ("stage", "==", "confirm")]
    for folder in (path.parent for path in REFERENCE.glob("**/study.yaml")):
        if folder.name != "sst2-minilm":  # of an earlier version, without reach
            trials = pd.read_parquet(folder / "trials", columns=columns, filters=zosa)
            settings = {*trials[["reach", "sharpness_radius"]].itertuples(index=False, name=None)}
            assert not settings or (today.reach, today.sharpness_radius) in settings, folder.name
            assert (1, 1) not in settings, folder.name
            longer = trials.loc[trials["budget"] // today.queries_per_step > today.reach_steps, "params"]
            assert {json.loads(params).get("reach_steps") for params in longer} <= {today.reach_steps}, folder.name
