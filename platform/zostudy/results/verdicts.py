"""Verdicts on the cells of a comparison, in plain words: the rules, each a function of its own.

The first three bar a cell from being called the best: it did not move, it predicts one class, or it is not better than
a yardstick. A cell that older results say too little of gets no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from zostudy.results.cell_summary import CellSummary, RowKey, gain
from zostudy.results.evidence import Move, Prediction
from zostudy.results.schema import bounds
from zostudy.results.statistics import LEAST_PAIRS, SIGNIFICANCE, PairedTest, paired_test, prediction_interval

YARDSTICKS = ("untuned", "random-search")
"""The registered methods that every tuned one should beat."""

LEAST_MOVE = 0.1
"""The share of ``reach * sqrt(d)`` under which a kept point counts as the start."""

LARGEST_SHARE = 0.99
USEFUL_MCC = 0.5
"""Predictions of this Matthews correlation are no constant, however rare the other classes are among the test rows.

Where a class has more than 99% of the test rows, a good classifier predicts it that often too. On test rows of which at
least 4% are of other classes, predictions with such a share cannot have this correlation.
"""

EDGE = 0.05
"""The share of a range, from either end, that counts as its edge."""

DID_NOT_MOVE = "Did not move"
CONSTANT = "Constant classifier"
NOT_BETTER = "Not better than"
EDGE_CHOSEN = "The search chose its edge"
DISAGREES = "Search and confirm disagree"
TOO_FEW_SEEDS = "Too few seeds to tell"


@dataclass(frozen=True)
class Verdict:
    """What one rule finds of one cell.

    Attributes:
        rule: in a few words, with the yardstick where there is one.
        cell: the cell.
        fact: the figures.
        setting: what to change.
        metric: the one that the verdict is about; None for a verdict on the cell as a whole.
    """

    rule: str
    cell: CellSummary
    fact: str
    setting: str
    metric: str | None = None

    @property
    def title(self) -> str:
        """The rule, with the metric where there is one."""
        return f"{self.rule} in {self.metric}" if self.metric else self.rule


def verdicts(cells: Sequence[CellSummary]) -> list[Verdict]:
    """Returns the verdicts on each cell as a whole, rule by rule."""
    found = [did_not_move, constant_classifier, search_disagrees]
    whole = [verdict for rule in found for cell in cells if (verdict := rule(cell))]
    whole += [verdict for cell in cells for verdict in edges(cell)]
    return [*whole, *(verdict for pair in _pairs(cells) if (verdict := too_few_seeds(*pair)))]


def verdicts_in(metric: str, cells: Sequence[CellSummary]) -> list[Verdict]:
    """Returns the verdicts on each cell in a metric, against the yardsticks in its column."""
    return [verdict for pair in _pairs(cells) if (verdict := not_better(*pair, metric))]


def _pairs(cells: Sequence[CellSummary]) -> list[tuple[CellSummary, CellSummary]]:
    """Returns each cell with each of its yardsticks."""
    peers: dict[tuple[Any, RowKey], list[CellSummary]] = {}
    for cell in cells:
        peers.setdefault((cell.column, cell.group), []).append(cell)
    return [(cell, rival) for cell in cells for rival in yardsticks(cell, peers[cell.column, cell.group])]


def verdicts_on(cell: CellSummary, cells: Sequence[CellSummary], metrics: Iterable[str]) -> list[Verdict]:
    """Returns all verdicts on one of the cells."""
    of_all = [*verdicts(cells), *(verdict for metric in metrics for verdict in verdicts_in(metric, cells))]
    return [verdict for verdict in of_all if verdict.cell is cell]


def is_barred(cell: CellSummary, peers: Iterable[CellSummary], metric: str) -> bool:
    """Returns whether one of the first three verdicts bars a cell from being called the best in a metric.

    Args:
        cell: the cell.
        peers: the cells of its column and group.
        metric: the metric.
    """
    if did_not_move(cell) or constant_classifier(cell):
        return True
    return any(not_better(cell, rival, metric) for rival in yardsticks(cell, peers))


def is_yardstick(cell: CellSummary) -> bool:
    """Returns whether a cell is of a method that others are measured by: a yardstick, or one that spends no query."""
    return cell.evidence.algorithm in YARDSTICKS or not cell.queries


def yardsticks(cell: CellSummary, peers: Iterable[CellSummary]) -> list[CellSummary]:
    """Returns the yardsticks of a cell out of its column and group: the untuned prompt and random search.

    A reference and a method that spends no query have none, and random search has only the untuned prompt.
    """
    own = cell.evidence.algorithm
    if cell.is_reference or not cell.queries:
        return []
    against = YARDSTICKS[: YARDSTICKS.index(own)] if own in YARDSTICKS else YARDSTICKS
    return [rival for rival in peers if rival.evidence.algorithm in against]


def did_not_move(cell: CellSummary) -> Verdict | None:
    """More than half of the trials kept the start, or a point nearer to it than a tenth of ``reach * sqrt(d)``."""
    moves = cell.evidence.moves
    still = sum(map(_is_still, moves))
    if 2 * still <= len(moves):
        return None
    shares = [move.distance / move.reach for move in moves if move.reach]
    how_far = f", {fmean(shares):.2g} of the reach in the mean" if shares else ""
    setting = cell.evidence.step_setting
    fact = f"{still} of {len(moves)} seeds kept the start or a point beside it{how_far}"
    return Verdict(DID_NOT_MOVE, cell, fact, f"raise {setting}, or budget.evaluations for more looks at dev")


def _is_still(move: Move) -> bool:
    return move.distance == 0 or (move.reach is not None and move.distance < LEAST_MOVE * move.reach)


def constant_classifier(cell: CellSummary) -> Verdict | None:
    """More than half of the trials predict one class, by argmax, for over 99% of the test rows."""
    predictions = cell.evidence.predictions
    constant = sum(map(_is_constant, predictions))
    if 2 * constant <= len(predictions):
        return None
    share = fmean(prediction.largest_share for prediction in predictions)
    fact = f"argmax gives one class {share:.1%} of the test rows, {constant} of {len(predictions)} seeds"
    is_natural = cell.evidence.sampler == "natural"
    sampler = "set imbalance.sampler to stratified" if is_natural else "choose other task.label_words"
    return Verdict(CONSTANT, cell, fact, f"{sampler}, or decide at the threshold of dev")


def _is_constant(prediction: Prediction) -> bool:
    return prediction.largest_share > LARGEST_SHARE and prediction.mcc < USEFUL_MCC


def not_better(cell: CellSummary, yardstick: CellSummary, metric: str) -> Verdict | None:
    """The paired test over the seeds that both have does not find the cell better than the yardstick at 5%.

    The test is two-sided and not corrected for the number of cells. It needs ``LEAST_PAIRS`` seeds.
    """
    test = paired_test(cell.values.get(metric, {}), yardstick.values.get(metric, {}))
    if test.has_too_few_pairs:
        return None
    if _is_better(test, metric):
        return None
    low, high = bounds(metric)
    difference = test.difference.within((low - high, high - low))
    p_value = "" if test.p_value is None else f", p = {test.p_value:.2g}"
    fact = f"{difference:+.3f}{p_value}, {test.pairs} seeds"
    return Verdict(f"{NOT_BETTER} {yardstick.row[-1]}", cell, fact, _remedy(cell, test, metric), metric)


def _is_better(test: PairedTest, metric: str) -> bool:
    assert test.difference.mean is not None
    is_chance = test.p_value is not None and test.p_value > SIGNIFICANCE  # None: the same difference in every seed
    return gain(metric, test.difference.mean) > 0 and not is_chance


def _remedy(cell: CellSummary, test: PairedTest, metric: str) -> str:
    assert test.difference.mean is not None
    if gain(metric, test.difference.mean) > 0:
        return "raise confirm.seeds to tell a small gain from chance, or budget.queries to make it larger"
    setting = cell.evidence.step_setting
    return "raise budget.queries" if setting == "budget.queries" else f"search {setting}, or raise budget.queries"


def too_few_seeds(cell: CellSummary, yardstick: CellSummary) -> Verdict | None:
    """The cell and a yardstick have both ended with fewer than ``LEAST_PAIRS`` seeds in common; bars nobody."""
    if not (cell.seeds and yardstick.seeds) or cell.missing or yardstick.missing:  # of which notes tell
        return None
    shared = [ours.keys() & yardstick.values.get(metric, {}).keys() for metric, ours in cell.values.items()]
    pairs = max(map(len, shared), default=LEAST_PAIRS)
    if pairs >= LEAST_PAIRS:
        return None
    fact = f"{pairs} seeds in common with {yardstick.row[-1]}, of {LEAST_PAIRS} that a test needs"
    return Verdict(TOO_FEW_SEEDS, cell, fact, "raise confirm.seeds")


def edges(cell: CellSummary) -> Iterator[Verdict]:
    """The search chose a value within 5% of an end of its range, in the range's own scale."""
    for key, value, within in cell.evidence.chosen:
        place = within.place(value)
        if EDGE < place < 1 - EDGE:
            continue
        is_low = place <= EDGE
        end, move = ("low", "lower") if is_low else ("high", "raise")
        fact = f"{key} {value:.4g} of {within.low:g} to {within.high:g}{' (log)' if within.log else ''}"
        yield Verdict(EDGE_CHOSEN, cell, fact, f"{move} search.space.{key}.{end}")


def search_disagrees(cell: CellSummary) -> Verdict | None:
    """The dev AUC that chose the configuration lies outside of where its confirm seeds say that it should.

    That is the 95% prediction interval of the mean of as many seeds as the search gave it. Most often the search chose
    by luck: the best of many noisy figures is too high.
    """
    found, dev_auc = cell.evidence.found, cell.evidence.dev_auc
    if found is None:
        return None
    expected = prediction_interval(dev_auc, found.seeds)
    if expected.low is None or expected.high is None or expected.low <= found.dev_auc <= expected.high:
        return None
    fact = f"dev AUC {found.dev_auc:.3f} in search, {expected:.3f} expected from {len(dev_auc)} confirm seeds"
    return Verdict(DISAGREES, cell, fact, "raise search.seeds, so that luck chooses less")
