"""Every study that is shipped loads, and is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from zostudy.config import load_study, method_space

STUDIES = sorted((Path(__file__).parents[1] / "studies").glob("*.yaml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_shipped_study_loads_and_searches_what_it_names(path: Path) -> None:
    study = load_study(path)
    assert study.name.replace("-", "_") == path.stem.replace("-", "_")
    assert any(method_space(study, method) for method in study.methods) == bool(study.search.trials)


def test_the_quickstart_compares_two_samplers_and_searches_two_methods_at_three_ratios() -> None:
    study = load_study(STUDIES[0].parent / "quickstart.yaml")
    assert list(study.imbalance.ratios) == [1, 10, 50]
    assert (study.search.trials, study.confirm.seeds, study.budget.queries) == (4, 3, 300)
    natural, stratified = (method for method in study.methods if method.algorithm == "spsa")
    assert (natural.imbalance, stratified.imbalance) == ({"sampler": "natural"}, {"sampler": "stratified"})
    spaces = {method.label: set(method_space(study, method)) for method in study.methods}
    searched = {"subspace_dim", "perturbation_radius", "imbalance.sampler"}
    assert {label for label, space in spaces.items() if space - {"imbalance.sampler"}} == {"bpt-fzg", "zosa"}
    assert spaces["bpt-fzg"] == spaces["zosa"] == searched


def test_the_real_study_leaves_every_default_untouched() -> None:
    study = load_study(STUDIES[0].parent / "sst2_minilm.yaml")
    assert all(method.options == {} for method in study.methods)
    assert (study.search.trials, study.confirm.seeds, study.budget.queries) == (0, 5, 1200)
