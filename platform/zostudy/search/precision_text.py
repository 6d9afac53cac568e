"""The dtype of a study in words, from the rows of the ``precision`` table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zostudy.lm.precision import ENOUGH

Row = Mapping[str, Any]


def precision_line(chosen: str, rows: Sequence[Row]) -> str:
    """Returns which dtype a study runs in, and why.

    Args:
        chosen: the dtype.
        rows: of all cells that were measured.
    """
    used = [row["signal_over_noise"] for row in rows if row["chosen"]]
    drowned = [row for row in rows if not row["chosen"] and row["dtype"] == "bfloat16" and _drowns(row)]
    if drowned:
        worst = min(drowned, key=lambda row: row["signal_over_noise"])
        return (
            f"precision: {chosen} (bfloat16 would drown: signal/noise {_ratio(worst['signal_over_noise'])} "
            f"at radius {worst['perturbation_radius']:.3g} in {_place(worst)})"
        )
    if not used:
        return f"precision: {chosen}"
    return f"precision: {chosen}, signal/noise at least {_ratio(min(used))}"


def warning_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yields a line for each cell whose loss differences drown in the dtype that the study runs in."""
    in_float32 = {row["cell"]: row for row in rows if row["dtype"] == "float32"}
    for row in rows:
        if row["chosen"] and _drowns(row):
            yield (
                f"warning: signal/noise should be at least {ENOUGH:g}, but is {_ratio(row['signal_over_noise'])} in "
                f"{row['dtype']} at radius {row['perturbation_radius']:.3g} in {_place(row)}; "
                f"{_remedy(row, in_float32[row['cell']])}"
            )


def _remedy(row: Row, in_float32: Row) -> str:
    would_do = [f"perturbation_radius {_rounded_up(row['least_radius'])}"] if math.isfinite(row["least_radius"]) else []
    if not _drowns(in_float32):
        would_do.append("model.dtype float32")
    return f"{' or '.join(would_do)} would do" if would_do else "the loss must change with the prompt, and be finite"


def _drowns(row: Row) -> bool:
    return not row["signal_over_noise"] >= ENOUGH  # what is not a number drowns too


def _place(row: Row) -> str:
    return f"{row['method']} at ratio {row['imbalance_ratio']:g}"


def _rounded_up(radius: float) -> str:
    unit = 10.0 ** (math.floor(math.log10(radius)) - 1)
    return f"{math.ceil(radius / unit) * unit:.2g}"


def _ratio(value: float) -> str:
    """Returns a signal over noise, rounded down: 9.97 is not yet 10."""
    if not math.isfinite(value):
        return str(value)
    if value >= ENOUGH:
        return f"{math.floor(value):,}"
    unit = 10 if value >= 1 else 100
    return f"{math.floor(value * unit) / unit:g}"
