"""The linear probe: a logistic regression on the frozen model's states of the same examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.methods.queries import Evaluation, Labels, Latents, Queries, Rows, Scores
from zostudy.methods.registry import register_method
from zostudy.methods.state import State
from zostudy.methods.untuned import Untuned

MOST_FOLDS = 5
STRENGTHS = tuple(10.0**exponent for exponent in range(-4, 3))
"""The values of C, scikit-learn's inverse of the L2 penalty, strongest penalty first."""
USUAL_STRENGTH = 1.0
"""C where a class has one training example, so that nothing can be cross-validated."""


@register_method("linear-probe")
class LinearProbe(Untuned):
    """Reference: logistic regression on the model's states of the training draw, without a prompt. It is no black box.

    A state is what the label words' logits are read from, at the mask or the last token; an encoder's is its pooled
    state. Entries are standardised, and classes weigh alike (scikit-learn's ``class_weight="balanced"``),
    because an imbalanced draw would otherwise favour the frequent classes. C is chosen by stratified cross-validation
    of AUC within the training draw (at most five folds), never on dev. It spends no query, as it probes nothing: the
    states are read once, as an evaluation is.
    """

    needs = "states"
    use = "as a reference, where the model's states can be read"
    uses_prompt = False
    _weights: NDArray[np.float64] | None = None

    def evaluation(self, latent: Latents, rows: Rows) -> Evaluation:
        """Asks for the states, and once for those of the training draw; returns the classifier's logits."""
        if self._weights is None:
            states, labels = yield Queries(latent[None], self.context.rows[None], access="states")
            self._weights = fit(states[0], labels[0])
        states, _ = yield Queries(latent[None], rows[None], access="states")
        # By einsum's own loops, not by BLAS, whose order of summation depends on its number of threads.
        logits = np.einsum("nd,cd->nc", states[0].astype(np.float64), self._weights[:, 1:]) + self._weights[:, 0]
        scores: Scores = logits.astype(np.float32)
        return scores

    def state(self) -> State:
        """Returns the classifier, once it is fitted."""
        return super().state() | ({} if self._weights is None else {"weights": self._weights.copy()})

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state`` returned."""
        super().load_state(state)
        self._weights = np.array(state["weights"], dtype=np.float64) if "weights" in state else None


def fit(states: NDArray[np.float32], labels: Labels) -> NDArray[np.float64]:
    """Returns bias and weights of each class for the states as they are, float64 ``[C, 1 + D]``.

    Args:
        states: float32 ``[n, D]``.
        labels: int32 ``[n]``, every class from 0 to C - 1 among them.
    """
    from sklearn.linear_model import LogisticRegression  # here, because it is slow to import
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    folds = min(MOST_FOLDS, int(np.bincount(labels).min()))
    probe = make_pipeline(
        StandardScaler(), LogisticRegression(C=USUAL_STRENGTH, class_weight="balanced", max_iter=1000)
    )
    if folds > 1:
        probe = GridSearchCV(
            probe,
            {"logisticregression__C": STRENGTHS},
            scoring="roc_auc" if labels.max() == 1 else "roc_auc_ovr",
            cv=StratifiedKFold(folds),
        )
    with threadpool_limits(limits=1):  # so that the sums do not depend on the number of threads
        probe.fit(states.astype(np.float64), labels)
    scaler, regression = getattr(probe, "best_estimator_", probe)
    weights = regression.coef_ / scaler.scale_
    biases = regression.intercept_ - weights @ scaler.mean_
    fitted = np.column_stack([biases, weights])
    return np.concatenate([np.zeros_like(fitted), fitted]) if len(fitted) == 1 else fitted
