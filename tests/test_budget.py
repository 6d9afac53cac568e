"""What results/README.md says of the study budget is what its Parquet holds."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.reading_findings import chance, committed, findings, paired_p_values, record, set_up, short, values

BUDGETS = (100, 300, 1000, 5000)
RIVALS = ("fzoo", "spsa", "cma-es", "zosa", "random-search")

Seeds: TypeAlias = dict[tuple[int, str], NDArray[np.float64]]


@pytest.fixture(scope="module")
def auc_by_budget() -> Seeds:
    return values("budget", BUDGETS, 10, "test_auc")["test_auc"]


def test_the_set_up_is_that_of_the_studies() -> None:
    assert f"The study: {set_up('budget-*')}. Every default is as it is." in findings("budget")
    assert all(method.options == {} for study in committed("budget-*") for method in study.methods)


def test_the_gap_to_true_gradients_that_each_method_closes(auc_by_budget: Seeds) -> None:
    text = findings("budget")
    methods = ("bpt-fzg", "fzoo", "spsa", "cma-es", "zosa", "random-search")
    means = {key: float(seeds.mean()) for key, seeds in auc_by_budget.items()}
    closed: dict[str, list[str]] = {}
    for method in methods:
        shares = [
            (means[budget, method] - means[budget, "untuned"]) / (means[budget, "white-box"] - means[budget, "untuned"])
            for budget in BUDGETS
        ]
        cells = [f"{means[budget, method]:.3f} ({share:.0%})" for budget, share in zip(BUDGETS, shares, strict=True)]
        assert f"| {method} | {' | '.join(cells)} |" in text
        closed[method] = [f"{share:.0%}" for share in shares]
    named = [f"`{method}`" for method in ("bpt-fzg", "fzoo", "spsa", "cma-es")]
    bpt, fzoo, zosa, luck = (closed[method] for method in ("bpt-fzg", "fzoo", "zosa", "random-search"))
    assert f"it has gone {bpt[0]} of the way" in record()
    assert f"`fzoo` {fzoo[0]} and `zosa` {zosa[0]}" in record()
    assert f"at {bpt[2]}, {fzoo[2]} and {zosa[2]}, and random search is at {luck[2]}" in record()
    assert "**Luck does not catch up.** With 5,000 queries random search has gone" in text
    assert f"random search has gone {luck[3]} of the way, less than" in text
    assert f"less than {', '.join(named)} and `zosa` with 100" in text
    assert means[5000, "random-search"] < min(means[100, method] for method in methods[:-1])


def p_values(auc_by_budget: Seeds, pairs: list[tuple[tuple[int, str], tuple[int, str]]]) -> list[float]:
    """Returns those of the differences of pairs of budget and method."""
    return paired_p_values(auc_by_budget[one] - auc_by_budget[other] for one, other in pairs)


def test_bpt_fzg_is_ahead_while_queries_are_few(auc_by_budget: Seeds) -> None:
    text = findings("budget")
    others = [(budget, rival) for budget in BUDGETS for rival in RIVALS]
    found = p_values(auc_by_budget, [((budget, "bpt-fzg"), (budget, rival)) for budget, rival in others])
    behind = {
        budget: {rival for (of, rival), p in zip(others, found, strict=True) if of == budget and p < 0.05}
        for budget in BUDGETS
    }
    luck = {"random-search"}
    assert behind == {100: {*RIVALS}, 300: {*RIVALS} - {"fzoo"}, 1000: luck, 5000: luck | {"zosa"}}
    means = {rival: auc_by_budget[100, rival].mean() for rival in RIVALS}
    assert auc_by_budget[100, "bpt-fzg"].mean() > max(means.values())
    assert max(found[: len(RIVALS)]) < 0.001
    assert "**BPT-FZG needs the fewest queries**: at 100 queries it has the highest mean, and is" in text
    assert "is measurably above each of the others (p < .001; Holm over 20: five methods at four budgets)" in text
    assert f"At 300 queries it is measurably above all but `fzoo` ({chance(found[len(RIVALS)])})" in text
    zosa = found[others.index((5000, "zosa"))]
    assert f"at 1,000 above random search alone, and at 5,000 above `zosa` too ({chance(zosa)})." in text


def test_who_still_gains_from_more_queries(auc_by_budget: Seeds) -> None:
    text = findings("budget")
    methods = ("zosa", "cma-es", "spsa", "fzoo", "bpt-fzg", "random-search")
    steps = [(few, many, method) for few, many in ((300, 1000), (1000, 5000)) for method in methods]
    found = p_values(auc_by_budget, [((many, method), (few, method)) for few, many, method in steps])
    shown = [
        f"`{method}` {short((auc_by_budget[many, method] - auc_by_budget[few, method]).mean())} ({chance(p)})"
        for (few, many, method), p in zip(steps, found, strict=True)
    ]
    assert f"from 300 to 1,000** (Holm over {len(steps)}, with the next): {', '.join(shown[:6])}." in text
    assert f"from 1,000 to 5,000**: {', '.join(shown[6:])}." in text
    beyond = {(many, method) for (_, many, method), p in zip(steps, found, strict=True) if p < 0.05}
    first = {(1000, method) for method in ("zosa", "cma-es", "spsa", "fzoo")}
    assert beyond == first | {(5000, "spsa")}
    assert "BPT-FZG stops gaining measurably at 300 queries, `zosa`, `cma-es` and `fzoo` at 1,000" in text
    assert "`spsa` still gains up to 5,000" in text
