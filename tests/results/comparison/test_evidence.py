from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zostudy.config.distributions import Range
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.evidence import Evidence, Prediction, evidence_of
from zostudy.results.comparison.search_ranges import range_notes, read_search_ranges
from zostudy.results.completeness import BestConfiguration
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.results.results import load_results
from zostudy.results.storage import Storage

SPACE = {
    "reach": {"low": 0.3, "high": 10.0, "log": True},
    "zosa.perturbation_radius": {"low": 0.1, "high": 1.0},
    "perturbation_radius": {"low": 0.01, "high": 0.5, "log": True},
    "spsa.learning_rate": {"low": 1, "high": 9},
    "imbalance.margin": {"low": 0.5, "high": 2},
    "subspace_dim": {"choice": [10, 50]},
}
STUDY: dict[str, Any] = {
    "name": "made",
    "methods": ["zosa", {"fixed": {"method": "zosa", "reach": 2.0}}, "spsa", "untuned"],
    "imbalance": {"ratios": [10.0]},
    "search": {"trials": 2, "space": SPACE},
    "confirm": {"seeds": 3},
}

ODD = """name: made
methods: [zosa, 3, []]
search: {space: {reach: {low: few, high: many}, margin: 3, radius: {low: 0, high: 1, log: true}}}
"""

Study = Callable[..., Path]


@pytest.fixture
def study(make_outcome: Callable[..., Outcome], tmp_path: Path) -> Study:
    """Writes a study of three confirm trials and two search trials of zosa; keywords overrule columns of all."""

    def write(**columns: Any) -> Path:
        ledger = Ledger(tmp_path / "made")
        ledger.write_study(STUDY, {})
        settings = {"reach": 0.31, "perturbation_radius": 0.5, "imbalance.margin": 1.96, "learning_rate": 1.0}
        ours = {
            "params": settings,
            "reach": 0.31,
            "subspace_dim": 9,
            "latent": (0.0,) * 9,
            "sampler": "natural",
            **columns,
        }
        for number in range(3):
            ledger.record(make_outcome(number=number, **{"dev_auc": 0.7 + number / 100, **ours}))
            ledger.record(make_outcome("untuned", number=number, queries=0, reach=None, latent_norm=0.0))
        for number, dev_auc in enumerate([0.9, 0.8]):
            search = {"stage": "search", "trial": f"zosa-search-{number}", "dev_auc": dev_auc, "test_auc": None}
            ledger.record(make_outcome(number=number, **{**ours, **search}))
        return tmp_path / "made"

    return write


def evidence(comparison: Comparison, method: str = "zosa") -> Evidence:
    [found] = [cell.evidence for cell in comparison.cells if cell.row[-1] == method]
    return found


def test_evidence_is_taken_from_the_trials_the_search_and_the_study_file(study: Study) -> None:
    found = evidence(compare(study(latent_norm=0.5)))
    assert found.algorithm == "zosa"
    assert found.sampler == "natural"
    assert found.step_setting == "reach"
    assert [move.distance for move in found.moves] == [0.5] * 3
    assert [move.reach for move in found.moves] == [pytest.approx(0.31 * math.sqrt(9))] * 3
    assert found.predictions == (Prediction(0.6, 0.75),) * 3
    assert found.dev_auc == (0.7, 0.71, 0.72)
    assert found.best_configuration is not None
    assert (found.best_configuration.dev_auc, found.best_configuration.seeds) == (0.9, 1)
    assert {key: (value, within) for key, value, within in found.chosen} == {
        "reach": (0.31, Range(low=0.3, high=10.0, log=True)),
        "zosa.perturbation_radius": (0.5, Range(low=0.1, high=1.0, log=False)),
        "imbalance.margin": (1.96, Range(low=0.5, high=2.0, log=False)),
    }


def test_the_verdicts_stand_under_the_table_and_are_the_same_of_results(study: Study) -> None:
    folder = study(latent_norm=0.05, test_largest_share=0.995, test_mcc=0.0)
    shown = repr(compare(folder, "test_auc"))
    for line in (
        "Not better than untuned in test_auc: zosa at ratio 10 (+0.000). To change: ",
        "Did not move: zosa at ratio 10 (3 of 3 seeds kept the start or a point beside it, 0.054 of the reach ",
        "Constant classifier: zosa at ratio 10 (argmax gives one class 99.5% of the test rows, 3 of 3 seeds).",
        "Search and confirm disagree: zosa at ratio 10 (dev AUC 0.900 in search, at most 0.7",
        "The search chose its edge: zosa at ratio 10 (reach 0.31 of 0.3 to 10 (log)). To change: lower search.space.",
        "The search chose its edge: zosa at ratio 10 (imbalance.margin 1.96 of 0.5 to 2). To change: raise search.",
    ):
        assert line in shown
    assert "*0.750" in shown.split("zosa")[0]
    assert repr(compare(load_results(folder), "test_auc")) == shown


def test_a_data_frame_tells_no_ranges(study: Study) -> None:
    found = evidence(compare(load_results(study()).trials))
    assert found.chosen == ()
    assert found.best_configuration is not None


def test_an_option_beside_the_step_rule_was_not_chosen(study: Study) -> None:
    found = evidence(compare(study(reach=None, learning_rate=1.0)))
    assert found.step_setting == "learning_rate"
    assert found.moves[0].reach is None
    assert {key for key, _, _ in found.chosen} == {"zosa.perturbation_radius", "imbalance.margin"}


def test_a_value_out_of_a_range_that_was_changed_since_is_on_no_edge(study: Study) -> None:
    folder = study()
    space = {"perturbation_radius": {"low": 0.6, "high": 1.0, "log": True}}
    Ledger(folder).write_study(STUDY | {"search": {"trials": 2, "space": space}}, {})
    assert evidence(compare(folder)).chosen == ()


def test_the_untuned_prompt_is_not_said_to_stay(study: Study) -> None:
    assert evidence(compare(study()), "untuned").moves == ()


def test_an_untuned_prompt_whose_start_was_chosen_with_queries_is_not_said_to_stay(study: Study) -> None:
    trials = load_results(study()).trials
    trials.loc[trials["algorithm"] == "untuned", "queries"] = 30
    assert evidence(compare(trials, allow_unequal=True), "untuned").moves == ()


def test_a_method_that_spends_no_query_is_not_said_to_stay(study: Study) -> None:
    trials = load_results(study()).trials
    trials.loc[trials["algorithm"] == "zosa", "queries"] = 0
    assert evidence(compare(trials, allow_unequal=True)).moves == ()


def test_what_no_search_found_was_not_chosen(study: Study) -> None:
    trials = load_results(study()).trials
    confirmed = trials[(trials["algorithm"] == "zosa") & (trials["stage"] == "confirm")].to_dict("records")[0]
    ranges = {"reach": ("reach", Range(low=0.3, high=10.0, log=True))}
    trial = {str(name): value for name, value in confirmed.items()}
    assert evidence_of([trial], BestConfiguration(1, (0.9, 0), "{}"), ranges).chosen
    assert evidence_of([trial], None, ranges).chosen == ()


def test_older_trials_give_no_evidence_of_what_they_lack(study: Study) -> None:
    folder = study(latent_norm=None, test_largest_share=None)
    found = evidence(compare(folder))
    assert (found.moves, found.predictions) == ((), ())
    older = load_results(folder).trials.drop(columns=["latent_norm", "test_largest_share", "test_mcc", "reach"])
    found = evidence(compare(older))
    assert (found.moves, found.predictions) == ((), ())


def test_ranges_are_of_each_method_and_its_own_count_before_those_of_all(study: Study, tmp_path: Path) -> None:
    storage = Storage.at(study())
    every = {
        "perturbation_radius": Range(low=0.01, high=0.5, log=True),
        "reach": Range(low=0.3, high=10.0, log=True),
        "imbalance.margin": Range(low=0.5, high=2.0, log=False),
    }
    of_all = {key: (key, within) for key, within in every.items()}
    of_zosa = {"perturbation_radius": ("zosa.perturbation_radius", Range(low=0.1, high=1.0, log=False))}
    assert read_search_ranges([storage]) == {
        ("made", "zosa"): of_all | of_zosa,
        ("made", "fixed"): {option: found for option, found in of_all.items() if option != "reach"},
        ("made", "spsa"): of_all | {"learning_rate": ("spsa.learning_rate", Range(low=1.0, high=9.0, log=False))},
        ("made", "untuned"): of_all,
    }
    assert read_search_ranges([storage] * 21) == {}
    assert range_notes([storage] * 20) == []
    [note] = range_notes([storage] * 21)
    assert "20 studies" in note
    (tmp_path / "made" / "study.yaml").unlink()
    assert read_search_ranges([storage]) == {}


def test_a_study_file_of_another_form_has_no_ranges(study: Study) -> None:
    folder = study()
    for text in ("name: made", "search: 3\nmethods: [zosa]", "search: {space: [1]}\nmethods: [zosa]\nname: made", ODD):
        (folder / "study.yaml").write_text(text)
        assert not any(read_search_ranges([Storage.at(folder)]).values())
