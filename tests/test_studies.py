"""Every study that is shipped loads, and is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from zostudy.config import load_study, method_space

STUDIES = sorted((Path(__file__).parents[1] / "studies").glob("*.yaml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_shipped_study_loads_and_searches_something_in_every_method(path: Path) -> None:
    study = load_study(path)
    assert study.name.replace("-", "_") == path.stem.replace("-", "_")
    if study.search.trials:
        assert all(method_space(study, method) for method in study.methods)


def test_the_quickstart_compares_three_methods_at_three_ratios() -> None:
    study = load_study(STUDIES[0].parent / "quickstart.yaml")
    assert {method.algorithm for method in study.methods} == {"bpt-fzg", "zosa", "spsa"}
    assert list(study.imbalance.ratios) == [1, 10, 50]
    assert (study.search.trials, study.confirm.seeds, study.budget.queries) == (6, 3, 300)


def test_the_real_study_leaves_every_default_untouched() -> None:
    study = load_study(STUDIES[0].parent / "sst2_minilm.yaml")
    assert all(method.options == {} for method in study.methods)
    assert (study.search.trials, study.confirm.seeds, study.budget.queries) == (0, 5, 1200)
