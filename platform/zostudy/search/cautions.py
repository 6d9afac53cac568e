"""Warns, before the first trial, of settings that have no effect or make a method noisy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from zostudy.config.distributions import Choice
from zostudy.config.search import SearchSpec
from zostudy.errors import SpecError
from zostudy.methods.batches import make_sampler
from zostudy.search.plan import Cell, Plan
from zostudy.search.seeds import LEAST_PAIRS, seeds_before_test
from zostudy.search.setup import StudyData, TrialSetup, set_up

LEAST_MINORITY_EXAMPLES = 2
"""Expected in a batch whose losses are weighted: with fewer, the weights multiply the noise of single examples."""

_DECIDE_WEIGHTS = ("objective", "imbalance.class_weights", "imbalance.sampler")


def cautions(plan: Plan, data: StudyData) -> list[str]:
    """Returns a line for each caution."""
    return [*_nothing_to_search(plan), *_no_early_end(plan.spec.search), *_noisy_weights(plan, data)]


def _nothing_to_search(plan: Plan) -> Iterator[str]:
    """Warns of tuned methods that have nothing to search, although the study has search trials."""
    if not plan.spec.search.trials:
        return
    if not any(cell.space for cell in plan.cells):
        yield "search.trials: no method of this study has anything to search, so none is searched"
        return
    idle = dict.fromkeys(cell.method.label for cell in plan.cells if cell.method.tunes and not cell.space)
    if idle:
        yield (
            f"not searched: {', '.join(idle)}; search.space has no option that they leave open, so they are confirmed "
            "with their settings"
        )


def _no_early_end(search: SearchSpec) -> Iterator[str]:
    """Warns if no seed can be dropped early, although ``search.p_threshold`` asks for it."""
    first = seeds_before_test(search.p_threshold)
    if LEAST_PAIRS < search.seeds <= first and search.p_threshold > 0:
        enough = 2.0 ** (1 - search.seeds)
        yield (
            f"search.p_threshold: {search.p_threshold:g} can drop a seed after {first:g} at the earliest, so all "
            f"{search.seeds} seeds run; above {enough:g} it can drop the last one"
        )


def _noisy_weights(plan: Plan, data: StudyData) -> Iterator[str]:
    """Warns of weighted losses over batches that hold hardly any minority example."""
    expected: dict[str, float] = {}
    for cell in plan.cells:
        found = [
            _minority_examples(set_up(plan.spec, plan.assign(cell, "confirm", 0, params), data))
            for params in _variants(cell)
        ]
        few = [number for number in found if number is not None and number < LEAST_MINORITY_EXAMPLES]
        if few:
            expected[cell.name] = min(few)
    if expected:
        yield (
            f"warning: imbalance.class_weights: balanced multiplies the noise of single examples, as a batch holds "
            f"{min(expected.values()):.1f} minority examples on average ({', '.join(expected)}); "
            "use imbalance.sampler: stratified, or raise budget.batch_size"
        )


def _variants(cell: Cell) -> Iterator[Mapping[str, Any]]:
    """Yields the values that the search may give to the keys that decide on weights."""
    spaces = {key: cell.space[key] for key in _DECIDE_WEIGHTS if key in cell.space}
    choices = {key: space.choice for key, space in spaces.items() if isinstance(space, Choice)}
    for values in itertools.product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


def _minority_examples(setup: TrialSetup) -> float | None:
    """Returns how many examples of the rarest minority class a batch holds on average; None without weights."""
    if setup.imbalance.class_weights == "none" or getattr(setup.options, "objective", "auc") == "auc":
        return None
    with suppress(SpecError):  # a batch that cannot be stratified: such a trial fails and says why
        shares = make_sampler(setup.context).class_shares
        return float(setup.spec.budget.batch_size * min(shares[list(setup.data.minority)]))
    return None
