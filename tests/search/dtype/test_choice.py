"""Which dtype a study runs in, with scorers in place of replicas: one exact, one as coarse as a test wants it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.cluster.pool import LocalPool
from zostudy.config.study import StudySpec
from zostudy.errors import ReplicaError
from zostudy.results.ledger import Ledger
from zostudy.search.callback import Callback
from zostudy.search.dtype.choice import DtypeChoice
from zostudy.search.dtype.messages import dtype_line, warning_lines
from zostudy.search.plan import make_plan
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData

MakeSpec = Callable[..., StudySpec]


class CoarseScorer:
    """Scores that are noisy by so much: each by its row and latent, so that the same is asked twice in vain."""

    def __init__(self, scorer: Any, spread: float) -> None:
        self._scorer, self._spread = scorer, spread

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = self._scorer.score(latents, rows, seed, group)
        phase = 1e5 * latents.sum(axis=1, keepdims=True) + 78.233 * rows
        noise: NDArray[np.float32] = np.float32(self._spread) * np.sin(phase).astype(np.float32)
        return scores + np.stack([noise, -noise], axis=-1)


@dataclass
class Watcher(Callback):
    phases: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def on_phase(self, what: str) -> None:
        self.phases.append(what)

    def on_note(self, line: str) -> None:
        self.notes.append(line)


class Pool(LocalPool):
    """As the real one, with nobody behind it."""


@dataclass(frozen=True)
class PoolFactory:
    """As the real ones; the factory is the dtype."""

    factory: str
    scorers: dict[str, Any]
    dtype: str

    def pool(self) -> Pool:
        return Pool(self.scorers[self.factory])


@dataclass(frozen=True)
class LoadedModel:
    """As the real one; the factory is the dtype."""

    dtype: str

    def scorer_factory(self) -> str:
        return self.dtype


@dataclass
class House:
    """A study, its ledger and its replicas."""

    make_spec: MakeSpec
    data: StudyData
    folder: Path
    scorer: Any
    has_unit: bool = True

    def settle(self, coarse: float = 0.0, **sections: Any) -> tuple[str, Watcher]:
        """Returns the dtype that a run of the study settles on, and what was told."""
        plan, watcher = make_plan(self.make_spec(**sections)), Watcher()
        chosen = DtypeChoice(plan, self.data, Ledger(self.folder))
        scorers = {"float32": self.scorer, "bfloat16": CoarseScorer(self.scorer, coarse)}
        pool_factory: Any = PoolFactory(chosen.first, scorers, chosen.first)
        pool_factory = chosen.settle(pool_factory, LoadedModel, watcher)  # type: ignore[arg-type]
        assert pool_factory.factory == pool_factory.dtype
        return pool_factory.dtype, watcher

    def finish_a_trial(self) -> None:
        plan = make_plan(self.make_spec())
        assignment = plan.assign(plan.cells[-1], "confirm", 0, {})
        Ledger(self.folder).record(run_trial(plan.spec, assignment, self.data, LocalPool(self.scorer), lambda _: None))

    @property
    def rows(self) -> list[dict[str, Any]]:
        return Ledger(self.folder).noise_floor()

    def measured(self) -> list[tuple[str, str, bool]]:
        return [(row["cell"], row["dtype"], row["chosen"]) for row in self.rows]


@pytest.fixture
def house(make_spec: MakeSpec, data: StudyData, scorer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    house = House(make_spec, data, tmp_path / "smooth", scorer)
    monkeypatch.setattr(Pool, "have_bfloat16", lambda _: house.has_unit, raising=False)
    return house


QUIET, LOUD = 1e-5, 2e-2
CELLS = ("spsa-r1", "zosa-r1", "spsa-r5", "zosa-r5")
BOTH = {"name": "mini-roberta", "dtype": "bfloat16"}


def in_dtypes(float32: bool, cells: tuple[str, ...] = CELLS) -> list[tuple[str, str, bool]]:
    return [(cell, dtype, (dtype == "float32") == float32) for cell in cells for dtype in ("float32", "bfloat16")]


def test_auto_is_bfloat16_where_every_cell_bears_it(house: House) -> None:
    dtype, watcher = house.settle(QUIET)
    assert dtype == "bfloat16"
    assert house.measured() == in_dtypes(float32=False)
    worst = min(row["signal_over_noise"] for row in house.rows if row["dtype"] == "bfloat16")
    assert worst > 10
    assert watcher.notes == [f"dtype: bfloat16, signal/noise at least {int(worst):,}"]
    assert watcher.phases == ["measuring the noise of a loss difference"]


def test_auto_is_float32_where_one_cell_would_drown(house: House) -> None:
    methods = (
        {"label": "spsa", "algorithm": "spsa", "options": {"perturbation_radius": 1.0}},
        {"label": "fine", "algorithm": "spsa", "options": {"perturbation_radius": 1e-4}},
    )
    dtype, watcher = house.settle(1e-3, methods=methods)
    ratios = {(row["cell"], row["dtype"]): row["signal_over_noise"] for row in house.rows}
    assert ratios["spsa-r1", "bfloat16"] > 10 > ratios["fine-r1", "bfloat16"]
    assert dtype == "float32"
    [line] = watcher.notes
    assert line.startswith("dtype: float32 (bfloat16 would drown: signal/noise 0.")
    assert " at radius 0.0001 in fine at ratio " in line


def test_without_a_unit_bfloat16_is_not_measured(house: House) -> None:
    house.has_unit = False
    dtype, watcher = house.settle(QUIET)
    assert dtype == "float32"
    assert house.measured() == [(cell, "float32", True) for cell in CELLS]
    assert watcher.notes[0].startswith("dtype: float32, signal/noise at least ")


def test_auto_stays_float32_where_a_cell_that_tunes_cannot_be_measured(house: House) -> None:
    dtype, _ = house.settle(QUIET, budget={"queries": 12, "batch_size": 8, "evaluations": 1})
    assert dtype == "float32"
    assert house.measured() == [("spsa-r1", "float32", True), ("spsa-r5", "float32", True)]


def test_a_fixed_dtype_is_measured_and_warned_about_but_kept(house: House) -> None:
    house.has_unit = False
    dtype, watcher = house.settle(LOUD, model=BOTH)
    assert dtype == "bfloat16"
    assert house.measured() == in_dtypes(float32=False)
    summary, *warnings = watcher.notes
    assert summary.startswith("dtype: bfloat16, signal/noise at least 0.")
    assert len(warnings) == len(CELLS)
    first = next(row for row in house.rows if row["dtype"] == "bfloat16")
    assert 1 <= float(warnings[0].split("perturbation_radius ")[1].split()[0]) / first["least_radius"] < 1.1
    assert "in bfloat16 at radius 0.01 in spsa at ratio 1; perturbation_radius " in warnings[0]
    assert warnings[0].endswith(" or model.dtype float32 would do")


def test_a_fixed_float32_needs_no_bfloat16(house: House) -> None:
    dtype, _ = house.settle(LOUD, model=BOTH | {"dtype": "float32"})
    assert dtype == "float32"
    assert house.measured() == [(cell, "float32", True) for cell in CELLS]


@pytest.mark.parametrize(("asked", "expected"), [("auto", "float32"), ("bfloat16", "bfloat16")])
def test_where_nothing_perturbs_nothing_is_measured(house: House, asked: str, expected: str) -> None:
    untuned = ({"label": "untuned", "algorithm": "untuned"},)
    dtype, watcher = house.settle(QUIET, methods=untuned, model=BOTH | {"dtype": asked})
    assert (dtype, watcher.phases, watcher.notes) == (expected, [], [f"dtype: {expected}"])
    assert house.measured() == []


def test_a_scorer_that_raises_is_told_of_in_one_line(house: House) -> None:
    class SickScorer:
        def score(self, *query: Any) -> NDArray[np.float32]:
            raise RuntimeError("CUDA error:\nout of memory")

    house.scorer = SickScorer()
    with pytest.raises(ReplicaError, match="a replica must score") as raised:
        house.settle()
    assert raised.value.got == "raises RuntimeError: CUDA error: out of memory"


def test_a_study_goes_on_in_the_dtype_it_began_with(house: House) -> None:
    house.settle(QUIET)
    house.finish_a_trial()
    before = house.rows
    house.has_unit = False
    dtype, watcher = house.settle(LOUD)
    assert dtype == "bfloat16"
    assert watcher.phases == []
    assert watcher.notes[0].startswith("dtype: bfloat16, signal/noise at least ")
    assert house.rows == before


def test_a_cell_that_is_new_is_measured_in_the_dtype_of_the_others(house: House) -> None:
    one_ratio = {"ratios": (1,), "minority_size": 10}
    house.settle(QUIET, imbalance=one_ratio)
    house.finish_a_trial()
    before = house.rows
    dtype, watcher = house.settle(LOUD)
    assert dtype == "bfloat16"
    assert house.rows[: len(before)] == before
    assert house.measured() == in_dtypes(float32=False)
    assert [line.split(";")[0].split(" in ")[-1] for line in watcher.notes[1:]] == [
        "spsa at ratio 5",
        "zosa at ratio 5",
    ]


def test_what_an_older_zostudy_began_goes_on_in_float32(house: House) -> None:
    house.finish_a_trial()
    dtype, _ = house.settle(QUIET)
    assert dtype == "float32"
    assert house.measured() == [(cell, "float32", True) for cell in CELLS]


def test_before_a_trial_has_finished_everything_is_measured_anew(house: House) -> None:
    house.settle(LOUD)
    assert house.settle(QUIET)[0] == "bfloat16"
    assert house.measured() == in_dtypes(float32=False)

    house.settle(QUIET, methods=({"label": "untuned", "algorithm": "untuned"},))
    assert house.measured() == []


def test_the_rows_say_what_was_measured(house: House) -> None:
    house.settle(QUIET)
    row = house.rows[3]
    assert row["signal_over_noise"] == pytest.approx(row["loss_signal"] / row["loss_noise"])
    assert row["least_radius"] == pytest.approx(0.01 * 10 / row["signal_over_noise"])
    names = ("study", "cell", "dtype", "method", "model", "task", "imbalance_ratio", "objective", "difference")
    assert [row[name] for name in names] == [
        "smooth", "zosa-r1", "bfloat16", "zosa", "mini-roberta", "reviews", 1.0, "cross-entropy", "forward",
    ]  # fmt: skip
    sizes = ("perturbation_radius", "subspace_dim", "batch_size", "directions", "queries")
    assert [row[name] for name in sizes] == [0.01, 5, 8, 8, 9 + 5 + 5]


def row(dtype: str, chosen: bool, ratio: float, least: float = 0.0123) -> dict[str, Any]:
    cell = {"cell": "spsa-r10", "method": "spsa", "imbalance_ratio": 10.0, "perturbation_radius": 0.01}
    return cell | {"dtype": dtype, "chosen": chosen, "signal_over_noise": ratio, "least_radius": least}


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (9.99, "9.9"),
        (4.0, "4"),
        (0.999, "0.99"),
        (10.0, "10"),
        (23.9, "23"),
        (7654321.5, "7,654,321"),
        (float("inf"), "inf"),
    ],
)
def test_ratios_are_rounded_down(ratio: float, shown: str) -> None:
    assert dtype_line("float32", [row("float32", True, ratio)]) == f"dtype: float32, signal/noise at least {shown}"


def test_a_warning_says_what_would_do() -> None:
    def remedies(*rows: dict[str, Any]) -> list[str]:
        return [line.split("; ")[1] for line in warning_lines(rows)]

    fine = row("float32", False, 100.0)
    assert remedies(fine, row("bfloat16", True, 8.1)) == ["perturbation_radius 0.013 or model.dtype float32 would do"]
    assert remedies(row("float32", True, 8.1)) == ["perturbation_radius 0.013 would do"]
    assert remedies(row("float32", True, 8.1, 12.0)) == ["perturbation_radius 12 would do"]
    assert remedies(row("float32", True, 0.0, float("inf"))) == ["the loss must change with the prompt, and be finite"]
    assert remedies(row("float32", True, float("nan"), float("nan"))) == [
        "the loss must change with the prompt, and be finite"
    ]
    assert remedies(fine, row("bfloat16", True, 10.0), row("bfloat16", False, 1.0)) == []
