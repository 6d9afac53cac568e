"""Which hyperparameters mattered: Optuna's importances, rebuilt from the stored search trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from zostudy.report.frames import own_space, searched

LEAST_TRIALS = 4


def importance_frame(search: pd.DataFrame, space: Mapping[str, Any]) -> pd.DataFrame:
    """Returns ``method, ratio, key, importance, trials`` by fANOVA (Hutter et al., ICML 2014), importances sum to 1.

    Cells with fewer than four complete search trials, or with no two different values, are left out.
    """
    rows = []
    complete = search[search["status"] == "complete"]
    for (method, ratio), cell in complete.groupby(["method", "imbalance_ratio"]):
        if len(cell) >= LEAST_TRIALS and cell["dev_auc"].nunique() > 1:
            for key, importance in _importances(cell, space).items():
                rows.append(
                    {"method": method, "ratio": ratio, "key": key, "importance": importance, "trials": len(cell)}
                )
    return pd.DataFrame(rows, columns=["method", "ratio", "key", "importance", "trials"])


def _importances(cell: pd.DataFrame, space: Mapping[str, Any]) -> dict[str, float]:
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances
    from optuna.trial import create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    known = {key: _distribution(values) for key, values in own_space(space, cell["method"].iloc[0]).items()}
    study = optuna.create_study(direction="maximize")
    for _, trial in cell.iterrows():
        params = searched(trial, space)
        study.add_trial(
            create_trial(params=params, distributions={key: known[key] for key in params}, value=trial["dev_auc"])
        )
    return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))


def _distribution(values: Mapping[str, Any]) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if "choice" in values:
        return CategoricalDistribution(values["choice"])
    return FloatDistribution(values["low"], values["high"], log=values.get("log", False))
