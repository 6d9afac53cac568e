"""The critical-difference diagram of Demsar (JMLR 2006, figure 1): mean ranks, and bars over methods alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import altair as alt
import pandas as pd

from zostudy.report.parts import metric_words
from zostudy.results.comparison.rank_statistics import MethodRank, RankStatistics
from zostudy.results.comparison.rank_tables import p_text

WIDTH, HEIGHT_OF_A_LEVEL = 420, 20
THIN, THICK = 1.0, 4.0

# Heights in levels, downwards from the line of ranks: the critical difference and the numbers stand above it.
DIFFERENCE, NUMBERS, FIRST_GROUP, BETWEEN_GROUPS, TICK = -1.9, -0.6, 0.35, 0.35, 0.2


Align: TypeAlias = Literal["left", "center", "right"]


class RuleMark(NamedTuple):
    """A straight line in ranks and levels."""

    x: float
    y: float
    x2: float
    y2: float
    width: float = THIN


class TextMark(NamedTuple):
    """A text, aligned at a rank and level."""

    x: float
    y: float
    text: str
    align: Align = "center"


def rank_chart(statistics: RankStatistics) -> Any:
    """Returns the diagram as an Altair chart.

    Methods hang from a line of mean ranks, the best on the left. A thick bar joins those that are not told apart, and
    the critical difference, which more than two methods have, stands above.
    """
    n_methods, joined = len(statistics.ranks), [group for group in statistics.groups if len(group) > 1]
    first_level = FIRST_GROUP + BETWEEN_GROUPS * len(joined) + 0.5
    lines = [*_scale(n_methods), *_bars(statistics, joined)]
    texts = [TextMark(rank, NUMBERS, str(rank)) for rank in range(1, n_methods + 1)]
    if (difference := statistics.critical_difference) is not None:
        lines += _ruler(difference)
        texts.append(TextMark(1, DIFFERENCE - 0.5, f"critical difference {difference:.2f}", "left"))
    for rank, edge, level in _label_positions(statistics):
        at = first_level + level
        lines += [RuleMark(rank.mean, 0, rank.mean, at), RuleMark(rank.mean, at, edge, at)]
        gap = -0.01 if edge == 1 else 0.01
        align: Align = "right" if edge == 1 else "left"  # names stand outside the line
        texts.append(TextMark(edge + gap * n_methods, at, f"{rank.method} ({rank.mean:.2f})", align))
    bottom = first_level + (n_methods - 1) // 2 + 0.5
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[DIFFERENCE - 1, bottom], reverse=True, nice=False))
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[1, n_methods], nice=False))
    rules = alt.Chart(pd.DataFrame(lines)).mark_rule(color="#222", strokeCap="square")
    layers = [rules.encode(x=x, y=y, x2="x2:Q", y2="y2:Q", strokeWidth=alt.StrokeWidth("width:Q", scale=None))]
    for aligned in dict.fromkeys(text.align for text in texts):
        of = pd.DataFrame([text for text in texts if text.align == aligned])
        layers.append(alt.Chart(of).mark_text(align=aligned, baseline="middle").encode(x=x, y=y, text="text:N"))
    height = HEIGHT_OF_A_LEVEL * (bottom - DIFFERENCE + 1)
    frame = alt.ViewBackground(stroke=None)
    return alt.layer(*layers).properties(width=WIDTH, height=height, title=_title(statistics), view=frame)


def _title(statistics: RankStatistics) -> str:
    of = f"mean ranks over {len(statistics.blocks)} blocks, {statistics.test} {p_text(statistics)}"
    return f"{metric_words(statistics.metric)}: {of}"


def _label_positions(statistics: RankStatistics) -> Iterator[tuple[MethodRank, int, int]]:
    """Yields each method with the end of the line that its name stands at, and its level; no two lines cross."""
    n_methods = len(statistics.ranks)
    n_left = (n_methods + 1) // 2
    for index, rank in enumerate(statistics.ranks):
        yield (rank, 1, index) if index < n_left else (rank, n_methods, n_methods - 1 - index)


def _scale(n_methods: int) -> Iterator[RuleMark]:
    yield RuleMark(1, 0, n_methods, 0)
    for rank in range(1, n_methods + 1):
        yield RuleMark(rank, -TICK, rank, 0)


def _ruler(difference: float) -> Iterator[RuleMark]:
    end = 1 + difference
    yield RuleMark(1, DIFFERENCE, end, DIFFERENCE)
    for x in (1, end):
        yield RuleMark(x, DIFFERENCE - TICK, x, DIFFERENCE + TICK)


def _bars(statistics: RankStatistics, joined: list[tuple[str, ...]]) -> Iterator[RuleMark]:
    means = {rank.method: rank.mean for rank in statistics.ranks}
    for index, group in enumerate(joined):
        y = FIRST_GROUP + BETWEEN_GROUPS * index
        yield RuleMark(means[group[0]], y, means[group[-1]], y, THICK)
