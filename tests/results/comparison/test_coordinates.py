"""What names rows and columns: the imbalance ratio names rows, unless each column has one of its own."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from zostudy.results.comparison.coordinates import COORDINATES, ratio_notes, row_names


def trials(*tasks: tuple[str, float, str], model: str = "minilm") -> list[dict[str, Any]]:
    """Two methods on each task at a ratio, with how the study asks for it."""
    return [
        {"model": model, "task": task, "imbalance_ratio": ratio, "imbalance": asked, "method": method}
        for (task, ratio, asked), method in product(tasks, ("spsa", "zosa"))
    ]


NAMES = [name for name in COORDINATES if name not in ("budget", "batch_size")]
OWN = trials(("mpqa", 10.0, "10"), ("sms", 7.25, "natural"))
SEVERAL = trials(("mpqa", 10.0, "10"), ("mpqa", 50.0, "50"), ("sms", 10.0, "10"))


@pytest.mark.parametrize(
    ("confirm", "by", "expected"),
    [
        (OWN, "task", ("method",)),
        (OWN, "model", ("task", "imbalance_ratio", "method")),
        (OWN, "imbalance_ratio", ("task", "method")),
        (SEVERAL, "task", ("imbalance_ratio", "method")),
        (trials(("mpqa", 10.0, "10"), ("sms", 10.0, "10")), "task", ("method",)),
        (OWN + trials(("mpqa", 10.0, "10"), model="mini-gpt2"), "task", ("model", "method")),
    ],
    ids=["own", "one column", "ratios", "several", "equal", "two models"],
)
def test_rows_are_named_by_what_a_column_does_not_tell(
    confirm: list[dict[str, Any]], by: str, expected: tuple[str, ...]
) -> None:
    assert row_names(confirm, [name for name in NAMES if name != by], by) == expected


def test_ratios_that_name_no_row_are_told() -> None:
    assert list(ratio_notes(OWN, "task")) == ["Imbalance ratios: mpqa 10, sms natural (7.25)."]
    for confirm, by in ((SEVERAL, "task"), (OWN, "imbalance_ratio"), (OWN, "model"), (OWN[:2], "task")):
        assert not list(ratio_notes(confirm, by))
