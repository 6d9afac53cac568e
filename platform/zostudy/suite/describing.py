"""What each part of the suite is, for people."""

from __future__ import annotations

from typing import Any

from zostudy.config.loading import parse_study
from zostudy.ratios import ratio_text
from zostudy.suite.definition import Part, Slice


def part_records(of: Slice) -> list[dict[str, Any]]:
    """Returns what each part is, one flat mapping a part with equal keys."""
    return [_record(part) for part in of.parts]


def _record(part: Part) -> dict[str, Any]:
    # As a stored study, whose texts need not be here.
    spec = parse_study(part.study_file.read_text(encoding="utf-8"), str(part.study_file))
    return {
        "part": part.name,
        "model": spec.model.name,
        "task": spec.task.name,
        "data": "with zostudy" if part.is_offline else f"{part.task}, {part.digest}",
        "ratios": ", ".join(map(ratio_text, spec.imbalance.ratios)),
        "minority": spec.imbalance.minority_size,
        "minutes a method": part.minutes,
    }
