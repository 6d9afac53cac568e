"""The lines that tell which dtype a study runs in and why, from the rows of the noise floor's table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zostudy.lm.noise_floor import ENOUGH

Row = Mapping[str, Any]


def dtype_line(chosen: str, rows: Sequence[Row]) -> str:
    """Returns the line that names the dtype and the reason, given the rows of all measured cells."""
    drowned = [row for row in rows if not row["chosen"] and row["dtype"] == "bfloat16" and _drowns(row)]
    if drowned:
        worst = min(drowned, key=lambda row: row["signal_over_noise"])
        return (
            f"dtype: {chosen} (bfloat16 would drown: signal/noise {_ratio(worst['signal_over_noise'])} "
            f"at radius {worst['perturbation_radius']:.3g} in {_cell(worst)})"
        )
    used = [row["signal_over_noise"] for row in rows if row["chosen"]]
    return f"dtype: {chosen}, signal/noise at least {_ratio(min(used))}" if used else f"dtype: {chosen}"


def warning_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yields a warning for each cell whose loss differences drown in the chosen dtype."""
    in_float32 = {row["cell"]: row for row in rows if row["dtype"] == "float32"}
    for row in rows:
        if row["chosen"] and _drowns(row):
            yield (
                f"warning: signal/noise should be at least {ENOUGH:g}, but is {_ratio(row['signal_over_noise'])} in "
                f"{row['dtype']} at radius {row['perturbation_radius']:.3g} in {_cell(row)}; "
                f"{_remedy(row, in_float32[row['cell']])}"
            )


def _remedy(row: Row, in_float32: Row) -> str:
    remedies = [f"perturbation_radius {_rounded_up(row['least_radius'])}"] if math.isfinite(row["least_radius"]) else []
    if not _drowns(in_float32):
        remedies.append("model.dtype float32")
    return f"{' or '.join(remedies)} would do" if remedies else "the loss must change with the prompt, and be finite"


def _drowns(row: Row) -> bool:
    return not row["signal_over_noise"] >= ENOUGH  # NaN drowns too


def _cell(row: Row) -> str:
    return f"{row['method']} at ratio {row['imbalance_ratio']:g}"


def _rounded_up(radius: float) -> str:
    unit = 10.0 ** (math.floor(math.log10(radius)) - 1)
    return f"{math.ceil(radius / unit) * unit:.2g}"


def _ratio(value: float) -> str:
    """Returns a signal/noise ratio as text, rounded down: 9.97 is below 10."""
    if not math.isfinite(value):
        return str(value)
    if value >= ENOUGH:
        return f"{math.floor(value):,}"
    unit = 10 if value >= 1 else 100
    return f"{math.floor(value * unit) / unit:g}"
