"""The history of a running trial: a row for its start and one for each step, with the metrics on dev if evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.methods import StepRecord
from zostudy.methods.state import part_of, with_prefix
from zostudy.results.schema import HISTORY

_HISTORY, _AUXILIARY = "history.", "auxiliary."
_WHOLE_NUMBERS = ("step", "queries", "examples")
_DEV_METRICS = ("auc", "balanced_accuracy", "minority_recall")
_COLUMNS = {field.name for field in HISTORY} - {"study", "cell", "trial", "auxiliary"}
_NOT_EVALUATED = {f"dev_{name}": float("nan") for name in _DEV_METRICS}


class TrialHistory:
    """Collects the rows of a trial's history, and what its method records beside them."""

    def __init__(self) -> None:
        """Starts without rows."""
        self._rows: list[dict[str, float]] = []
        self._auxiliary: list[Mapping[str, float]] = []

    @property
    def queries(self) -> int | None:
        """Spent until the last row; None before the first."""
        return int(self._rows[-1]["queries"]) if self._rows else None

    def add(self, record: StepRecord, step: int, queries: int, examples: int, dev: Mapping[str, float] | None) -> None:
        """Adds a row; ``dev`` is None where dev was not evaluated."""
        on_dev = _NOT_EVALUATED if dev is None else {f"dev_{name}": dev[name] for name in _DEV_METRICS}
        self._rows.append(
            {
                "step": step,
                "queries": queries,
                "examples": examples,
                "loss": record.loss,
                "loss_spread": record.loss_spread,
                "gradient_norm": record.gradient_norm,
                "latent_norm": record.latent_norm,
                **on_dev,
            }
        )
        self._auxiliary.append(record.auxiliary)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Returns the columns of the table ``history``, int64 or float64 ``[rows]``; none before the first row."""
        names = self._rows[0] if self._rows else ()
        types = {name: np.int64 if name in _WHOLE_NUMBERS else np.float64 for name in names}
        return {name: np.array([row[name] for row in self._rows], dtype=type_) for name, type_ in types.items()}

    def auxiliary_columns(self) -> dict[str, NDArray[np.float64]]:
        """Returns what the method recorded, float64 ``[rows]``, NaN in a row without it."""
        names = dict.fromkeys(name for record in self._auxiliary for name in record)
        return {name: np.array([record.get(name, np.nan) for record in self._auxiliary]) for name in names}

    def state_dict(self) -> dict[str, Any]:
        """Returns all columns, by name."""
        return {**with_prefix(_HISTORY, self.columns()), **with_prefix(_AUXILIARY, self.auxiliary_columns())}

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes over a ``state_dict``, which may hold other entries too.

        Raises:
            ValueError: columns are missing, or are of another shape or type than was saved.
        """
        self._rows = _as_rows(part_of(state, _HISTORY))
        if any(row.keys() != _COLUMNS for row in self._rows):
            raise ValueError("a saved history must have its columns")
        auxiliary = _as_rows(part_of(state, _AUXILIARY)) or [{} for _ in self._rows]
        self._auxiliary = [{name: value for name, value in row.items() if not np.isnan(value)} for row in auxiliary]


def _as_rows(columns: Mapping[str, NDArray[Any]]) -> list[dict[str, float]]:
    values = [column.astype(np.float64, casting="same_kind").tolist() for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
