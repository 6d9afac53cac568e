"""Verdicts on the cells of a comparison, in plain words: the rules, each a function of its own.

Three bar a cell from being called the best: it did not move, it predicts one class, or it is not better than a
yardstick. A cell that older results say too little of gets no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from zostudy.results.comparison.cell_summary import CellSummary, by_block, gain, possible
from zostudy.results.comparison.evidence import Evidence, Move, Prediction
from zostudy.results.comparison.statistics import LEAST_PAIRS, SIGNIFICANCE, PairedTest, pairs_needed, prediction_bound
from zostudy.results.schema import AT_DEV_THRESHOLD, TEST_METRICS

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

MOST_SEEDS = 10
"""A gain that this many seeds of its spread would not tell from chance is too small, not too seldom measured."""

STRATIFY = "set imbalance.sampler to stratified"
"""The remedy where argmax follows the majority, as it does after natural batches."""

DID_NOT_MOVE = "Did not move"
CONSTANT = "Constant classifier"
NOT_BETTER = "Not better than"
EDGE_CHOSEN = "The search chose its edge"
DISAGREES = "Search and confirm disagree"
TOO_FEW_SEEDS = "Too few seeds to tell"


@dataclass(frozen=True)
class Verdict:
    """The finding of one rule on one cell.

    Attributes:
        rule: in a few words, with the yardstick where there is one.
        cell: the cell.
        fact: the figures.
        setting: what to change.
        metric: the one that the verdict is about; None for a verdict on the cell as a whole.
        bars: whether it bars the cell from being called the best.
        figure: the most telling figure alone, for a line that names many cells; empty where all of ``fact`` is told.
    """

    rule: str
    cell: CellSummary
    fact: str
    setting: str
    metric: str | None = None
    bars: bool = False
    figure: str = ""

    @property
    def title(self) -> str:
        """The rule, with the metric where there is one."""
        return f"{self.rule} in {self.metric}" if self.metric else self.rule


def verdicts(cells: Sequence[CellSummary], metrics: Iterable[str]) -> list[Verdict]:
    """Returns the verdicts on cells as a whole, rule by rule, then those in each metric."""
    rules = (did_not_move, constant_classifier, search_disagrees)
    found = [verdict for rule in rules for cell in cells if (verdict := rule(cell))]
    found += [verdict for cell in cells for verdict in edges(cell)]
    peers = by_block(cells)
    measured = [(cell, yardsticks(cell, peers[cell.block])) for cell in cells]
    found += [verdict for cell, rivals in measured if (verdict := too_few_seeds(cell, rivals))]
    pairs = [(cell, rival) for cell, rivals in measured for rival in rivals]
    judged = [metric for metric in metrics if metric != "sharpness"]  # the untuned prompt is flat, as nothing moved it
    return found + [v for metric in judged for pair in pairs if (v := against_yardstick(*pair, metric))]


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
    fact = f"{still} of {len(moves)} seeds kept the start or a point beside it{how_far}"
    setting = f"{_other_steps(cell.evidence, 'budget.evaluations')} for more looks at dev"
    return Verdict(DID_NOT_MOVE, cell, fact, setting, bars=True)


def _other_steps(evidence: Evidence, other: str) -> str:
    """Returns how to try other steps, which may be too short or too long, or else what to raise."""
    if evidence.step_setting in {key.rpartition(".")[2] for key, _, _ in evidence.chosen}:
        return f"raise search.trials or {other}"
    if evidence.step_setting == "budget.queries":
        return f"raise {' or '.join(dict.fromkeys([evidence.step_setting, other]))}"
    return f"search {evidence.step_setting} above and below its value, or raise {other}"


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
    setting = STRATIFY if cell.evidence.sampler == "natural" else "choose other task.label_words"
    return Verdict(CONSTANT, cell, fact, _or_threshold(setting, cell.evidence), bars=True)


def _or_threshold(setting: str, evidence: Evidence) -> str:
    """Returns a setting, and the threshold as a second way where there is one."""
    return f"{setting}, or decide at the threshold of dev" if evidence.has_threshold else setting


def _is_constant(prediction: Prediction) -> bool:
    return prediction.largest_share > LARGEST_SHARE and prediction.mcc < USEFUL_MCC


def against_yardstick(cell: CellSummary, yardstick: CellSummary, metric: str) -> Verdict | None:
    """The paired test over the seeds that both have does not find the cell better than the yardstick at 5%.

    Its seeds are too few to tell where it has a gain, and the same mean and spread over at most ``MOST_SEEDS`` seeds
    would be enough; else it is not better. The test is two-sided and not corrected for the number of cells. Of fewer
    than ``LEAST_PAIRS`` seeds, ``too_few_seeds`` tells.
    """
    test = cell.test_against(yardstick, metric)
    if test.difference.mean is None or test.has_too_few_pairs:
        return None
    is_gain = gain(metric, test.difference.mean) > 0
    if is_gain and (test.p_value is None or test.p_value <= SIGNIFICANCE):  # None: the same gain in every seed
        return None
    needed = pairs_needed(test, MOST_SEEDS) if is_gain else None
    if needed is not None:
        fact = f"{_figures(test, metric)}; takes {needed} seeds or more"
        rule, figure = f"{TOO_FEW_SEEDS} from {yardstick.row[-1]}", f"takes {needed} seeds"
        return Verdict(rule, cell, fact, "raise confirm.seeds", metric, figure=figure)
    rule, setting = f"{NOT_BETTER} {yardstick.row[-1]}", _other_steps(cell.evidence, "budget.queries")
    if cell.evidence.sampler == "natural" and f"{metric.removeprefix('test_')}{AT_DEV_THRESHOLD}" in TEST_METRICS:
        setting = _or_threshold(STRATIFY, cell.evidence)
    return Verdict(rule, cell, _figures(test, metric), setting, metric, True, f"{test.difference.mean:+.3f}")


def _figures(test: PairedTest, metric: str) -> str:
    """Returns the mean difference and the ends of its interval, which leaves out 0 where p < 5%."""
    mean, *ends = possible(test, metric).difference
    return f"{mean:+.3f}, {' to '.join(f'{end:+.3f}' for end in ends)}"


def too_few_seeds(cell: CellSummary, rivals: Sequence[CellSummary]) -> Verdict | None:
    """The cell and some of its yardsticks have ended with fewer than ``LEAST_PAIRS`` seeds in common; bars nobody."""
    pairs = {rival.row[-1]: _pairs(cell, rival) for rival in rivals if not rival.missing and rival.seeds}
    too_few = {name: found for name, found in pairs.items() if found < LEAST_PAIRS}
    if not too_few or cell.missing or not cell.seeds:  # notes tell of seeds that are missing or failed
        return None
    most = max(too_few.values())
    fact = f"{most} in common with {' and '.join(too_few)}, of {LEAST_PAIRS} that a test needs"
    figure = f"{most} of the {LEAST_PAIRS} seeds that a test needs"
    return Verdict(TOO_FEW_SEEDS, cell, fact, "raise confirm.seeds", figure=figure)


def _pairs(cell: CellSummary, rival: CellSummary) -> int:
    """Returns the most seeds that both have a value of, in any metric; enough where no metric is compared."""
    shared = (len(ours.keys() & rival.values.get(metric, {}).keys()) for metric, ours in cell.values.items())
    return max(shared, default=LEAST_PAIRS)


def edges(cell: CellSummary) -> Iterator[Verdict]:
    """The search chose a value within 5% of an end of its range, in the range's own scale.

    A low end of 0 is none: there is nothing below that a search could try.
    """
    for key, value, within in cell.evidence.chosen:
        position = within.position(value)
        is_low = position <= EDGE
        if EDGE < position < 1 - EDGE or (is_low and within.low == 0):
            continue
        end, move = ("low", "lower") if is_low else ("high", "raise")
        fact = f"{key} {value:.4g} of {within.low:g} to {within.high:g}{' (log)' if within.log else ''}"
        yield Verdict(EDGE_CHOSEN, cell, fact, f"{move} search.space.{key}.{end}")


def search_disagrees(cell: CellSummary) -> Verdict | None:
    """The dev AUC that chose the configuration is higher than its confirm seeds let expect: luck chose it.

    It passes the 95% prediction bound of the mean of as many seeds as the search gave it. The interval of the confirm
    seeds' mean would not do: the more seeds there are, the more often a single honest one lies outside.
    """
    best, dev_auc = cell.evidence.best_configuration, cell.evidence.dev_auc
    most = prediction_bound(dev_auc, best.seeds) if best else None
    if best is None or most is None or round(best.dev_auc, 3) <= round(most, 3):  # as shown: 1 is above any bound
        return None
    expected = f"at most {most:.3f} expected from {len(dev_auc)} confirm seeds of mean {fmean(dev_auc):.3f}"
    fact = f"dev AUC {best.dev_auc:.3f} in search, {expected}"
    return Verdict(DISAGREES, cell, fact, "raise search.seeds, so that luck chooses less")
