"""What the cells are probed with, and that the loss that is differenced is the method's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.cluster.micro_batches import ScoreBuffer
from zostudy.cluster.pool import LocalPool
from zostudy.config.study import StudySpec
from zostudy.methods import register_method, registry
from zostudy.methods.options import ProbingOptions
from zostudy.methods.probing import ProbingMethod
from zostudy.search.dtype.probes import make_probes, noise_floors, score_cells
from zostudy.search.plan import Plan, make_plan
from zostudy.search.setup import StudyData, set_up

MakeSpec = Callable[..., StudySpec]


class CountingPool(LocalPool):
    """Counts the queries of each call."""

    def __init__(self, scorer: Any) -> None:
        super().__init__(scorer)
        self.queries: list[int] = []

    def score(self, latents: NDArray[np.float32], rows: NDArray[np.int32], *rest: Any, **options: Any) -> ScoreBuffer:
        self.queries.append(len(rows))
        return super().score(latents, rows, *rest, **options)


def test_every_cell_that_perturbs_is_probed_at_its_smallest_radius(plan: Plan, data: StudyData) -> None:
    cells = {probes.cell.name: probes for probes in make_probes(plan, data)}
    assert list(cells) == ["spsa-r1", "zosa-r1", "spsa-r5", "zosa-r5"]
    for cell in cells.values():
        assert cell.probes.radius == 0.01
        assert cell.probes.directions.shape == (8, 5)
        assert set(np.unique(cell.probes.directions)) == {-1.0, 1.0}
        assert not cell.probes.centre.any()
    assert (cells["spsa-r1"].probes.central, cells["zosa-r1"].probes.central) == (True, False)


def test_the_batch_and_the_subspace_are_those_of_the_first_trial(plan: Plan, data: StudyData) -> None:
    for probes, cell in zip(
        make_probes(plan, data), [plan.cells[0], plan.cells[1], plan.cells[3], plan.cells[4]], strict=True
    ):
        assignment = plan.assign(cell, "search", 0, {})
        queries = set_up(plan.spec, assignment, data).make_method().ask()
        assert probes.cell == cell
        assert probes.seed == assignment.seed
        np.testing.assert_array_equal(probes.probes.rows, queries.rows[0])
        np.testing.assert_array_equal(probes.labels, data.labels[queries.rows[0]])


@pytest.mark.parametrize(
    ("options", "space", "expected"),
    [
        ({}, {}, (0.1, 100)),
        ({"perturbation_radius": 0.3, "subspace_dim": 7}, {}, (0.3, 7)),
        ({}, {"perturbation_radius": {"choice": (0.5, 0.02)}, "subspace_dim": {"low": 4, "high": 9}}, (0.02, 4)),
        ({}, {"spsa.perturbation_radius": {"low": 0.04, "high": 9.0}}, (0.04, 100)),
    ],
    ids=["defaults", "fixed", "searched", "searched for the label"],
)
def test_radius_and_dimensions_are_the_smallest_that_the_cell_may_have(
    make_spec: MakeSpec, data: StudyData, options: dict[str, Any], space: dict[str, Any], expected: tuple[float, int]
) -> None:
    spec = make_spec(
        methods=({"label": "spsa", "algorithm": "spsa", "options": options},),
        search={"trials": 2 if space else 0, "space": space},
    )
    first, second = make_probes(make_plan(spec), data)
    for cell in (first, second):
        assert (cell.probes.radius, cell.probes.directions.shape[1]) == expected


def test_a_method_whose_default_step_is_beyond_the_budget_is_left_out(make_spec: MakeSpec, data: StudyData) -> None:
    small = {"queries": 12, "batch_size": 8, "evaluations": 1}  # a step of zosa takes 18
    names = [probes.cell.name for probes in make_probes(make_plan(make_spec(budget=small)), data)]
    assert names == ["spsa-r1", "spsa-r5"]


def test_cells_that_differ_in_their_loss_alone_are_scored_once(
    make_spec: MakeSpec, data: StudyData, scorer: Any
) -> None:
    methods = (
        {"label": "spsa", "algorithm": "spsa"},
        {"label": "focal", "algorithm": "spsa", "options": {"objective": "focal"}},
        {"label": "wider", "algorithm": "spsa", "options": {"perturbation_radius": 0.2}},
    )
    spec = make_spec(methods=methods, search={"trials": 0}, imbalance={"ratios": (5,), "minority_size": 10})
    cells = make_probes(make_plan(spec), data)
    pool = CountingPool(scorer)
    scores = score_cells(cells, pool)
    assert pool.queries == [17, 9, 9] * 2
    assert sum(pool.queries[:3]) == cells[0].probes.n_queries
    floors = {floor.cell.cell.method.label: floor.floor for floor in noise_floors(cells, {"float32": scores})}
    assert floors["spsa"].signal != floors["focal"].signal
    assert floors["wider"].signal == pytest.approx(2 * floors["spsa"].signal, rel=0.05)


def test_a_method_that_always_probes_pairs_needs_no_option_that_says_so(
    make_spec: MakeSpec, data: StudyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))

    @register_method("pairs")
    class Pairs(ProbingMethod):
        Options = ProbingOptions
        central = True

    spec = make_spec(methods=({"label": "pairs", "algorithm": "pairs"},), search={"trials": 0})
    assert [cell.probes.central for cell in make_probes(make_plan(spec), data)] == [True, True]


@pytest.mark.parametrize("name", ["spsa", "bpt-fzg"])
def test_the_loss_is_the_methods_own(make_spec: MakeSpec, data: StudyData, scorer: Any, name: str) -> None:
    loss, sampler = {"spsa": (_balanced_cross_entropy, "natural"), "bpt-fzg": (_auc_at_its_optimum, "stratified")}[name]
    spec = make_spec(
        methods=({"label": name, "algorithm": name, "options": {"estimator": "central"}},),
        search={"trials": 0},
        imbalance={"ratios": (5,), "minority_size": 10, "class_weights": "balanced", "sampler": sampler},
    )
    cells = make_probes(make_plan(spec), data)
    [cell], [floor] = cells, noise_floors(cells, {"float32": score_cells(cells, LocalPool(scorer))})
    probes = cell.probes
    points = [sign * np.float32(probes.radius) * probes.directions for sign in (1, -1)]
    rows = np.tile(probes.rows, (len(probes.directions), 1))
    centre = scorer.score(probes.centre[None], probes.rows[None])[0].astype(np.float64)
    plus, minus = (scorer.score(point, rows).astype(np.float64) for point in points)
    differences = [loss(a, centre, cell) - loss(b, centre, cell) for a, b in zip(plus, minus, strict=True)]
    assert floor.floor.signal == pytest.approx(np.std(differences, ddof=1), rel=1e-3)


def _balanced_cross_entropy(scores: NDArray[np.float64], centre: NDArray[np.float64], cell: Any) -> float:
    labels = cell.labels
    shares = cell.method.sampler.class_shares
    wrong = np.logaddexp(0, scores[np.arange(len(labels)), 1 - labels] - scores[np.arange(len(labels)), labels])
    return float((wrong / (2 * shares[labels])).mean())


def _auc_at_its_optimum(scores: NDArray[np.float64], centre: NDArray[np.float64], cell: Any) -> float:
    """Returns the AUC saddle (Ying et al. 2016) over p(1-p), with a, b, alpha at their optimum on the centre."""
    rare, common = cell.labels == 1, cell.labels == 0
    at_centre, h = (1 / (1 + np.exp(s[:, 0] - s[:, 1])) for s in (centre, scores))
    a, b = at_centre[rare].mean(), at_centre[common].mean()
    alpha = 1 + b - a
    within = ((h[rare] - a) ** 2).mean() + ((h[common] - b) ** 2).mean()
    return float(within + 2 * alpha * (1 + h[common].mean() - h[rare].mean()) - alpha**2)
