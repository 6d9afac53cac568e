"""References in a trial: what they ask for, what leaves a replica otherwise, and where their points stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.cluster.micro_batches import WhiteBoxScorer
from zostudy.cluster.pool import LocalPool
from zostudy.config.study import StudySpec
from zostudy.methods import get_method, method_names
from zostudy.results.outcome import Outcome
from zostudy.search.landscape import n_rows
from zostudy.search.plan import make_plan
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData

MakeSpec = Callable[..., StudySpec]


class Watching:
    """A scorer that records which of its methods were called, and with latents of which lengths."""

    def __init__(self, scorer: WhiteBoxScorer) -> None:
        self._scorer = scorer
        self.asked: set[str] = set()
        self.dims: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        def answer(latents: NDArray[np.float32], *rest: Any) -> NDArray[np.float32]:
            self.asked.add(name)
            self.dims.add(latents.shape[1])
            answers: NDArray[np.float32] = getattr(self._scorer, name)(latents, *rest)
            return answers

        return answer


def run(make_spec: MakeSpec, data: StudyData, scorer: Any, method: str, size: int = 256) -> Outcome:
    plan = make_plan(make_spec(methods=({"label": method, "algorithm": method},)))
    assignment = plan.assign(plan.cells[-1], "confirm", 0, {})
    return run_trial(plan.spec, assignment, data, LocalPool(scorer, size), lambda progress: None)


@pytest.mark.parametrize("method", method_names())
def test_a_replica_is_asked_for_scores_alone_unless_the_method_declares_more(
    make_spec: MakeSpec, data: StudyData, scorer: WhiteBoxScorer, method: str
) -> None:
    watching = Watching(scorer)
    assert run(make_spec, data, watching, method).trial.status == "complete"
    expected = {"white-box": {"score", "gradients"}, "linear-probe": {"states"}}
    assert watching.asked == expected.get(method, {"score"})


@pytest.mark.parametrize("method", ["white-box", "linear-probe"])
def test_a_method_that_does_not_declare_what_it_asks_for_fails_before_a_replica_is_asked(
    make_spec: MakeSpec, data: StudyData, scorer: WhiteBoxScorer, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_method(method), "needs", "scores")
    watching = Watching(scorer)
    trial = run(make_spec, data, watching, method).trial
    assert trial.status == "failed"
    assert trial.error is not None
    assert f"{method} asks for {'states' if method == 'linear-probe' else 'gradients'}" in trial.error
    assert watching.asked <= {"score"}


def test_methods_without_a_prompt_ask_with_empty_latents_and_have_no_landscape(
    make_spec: MakeSpec, data: StudyData, scorer: WhiteBoxScorer
) -> None:
    for method in ("no-prompt", "linear-probe"):
        watching = Watching(scorer)
        outcome = run(make_spec, data, watching, method)
        assert watching.dims == {0}
        assert outcome.landscape is None
        assert outcome.trial.latent == ()


def test_the_white_box_spends_the_budget_in_forward_passes_and_improves(
    make_spec: MakeSpec, data: StudyData, scorer: WhiteBoxScorer
) -> None:
    trial = run(make_spec, data, scorer, "white-box").trial
    untuned = run(make_spec, data, scorer, "untuned").trial
    assert trial.queries == 60
    assert trial.examples == 60 * 8
    assert trial.test_auc is not None
    assert untuned.test_auc is not None
    assert trial.test_auc > untuned.test_auc + 0.05


def test_the_linear_probe_reads_the_training_draw_once(
    make_spec: MakeSpec, data: StudyData, scorer: WhiteBoxScorer
) -> None:
    outcome = run(make_spec, data, scorer, "linear-probe")
    trial = outcome.trial
    n_train = trial.n_minority + trial.n_majority
    n_evaluated = len(outcome.scores["dev"].rows) + len(outcome.scores["test"].rows)
    n_evaluated += n_rows((trial.n_minority, trial.n_majority))  # for the training loss
    assert (trial.queries, trial.examples, trial.evaluation_examples) == (0, 0, n_train + n_evaluated)
    assert trial.train_loss is not None
    assert 0 < trial.train_loss < np.log(2)  # which knowing nothing would cost
    assert trial.test_auc is not None
    assert trial.test_auc > 0.6  # the first state is the evidence itself


@pytest.mark.slow
@pytest.mark.parametrize("method", ["no-prompt", "linear-probe", "white-box"])
def test_numbers_do_not_depend_on_the_cut_into_micro_batches(
    make_spec: MakeSpec, data: StudyData, scorer: WhiteBoxScorer, method: str
) -> None:
    whole, cut = (run(make_spec, data, scorer, method, size) for size in (256, 3))
    for split in ("dev", "test"):
        np.testing.assert_array_equal(whole.scores[split].scores, cut.scores[split].scores)
