"""Chooses the size of a drafted study, so that it ends in a few minutes on two processor cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zostudy.config.model import ModelSpec
from zostudy.config.search import BudgetSpec
from zostudy.inspection.facts import Inspection, ModelFacts
from zostudy.search.landscape import has_plane, n_examples, n_rows
from zostudy.wording import comma_list

MINUTES = 8
CORES = 2
CORE_FLOPS = 4e10
"""Multiplications and additions of a usual core (AVX2) in a second, in float32."""
LONGEST_MEAN = 64
"""Most tokens of a text's mean length; if the mean is longer, all texts are cut to this length."""
LEAST_RARE_IN_DEV = 10
"""Dev rows of the smallest class, if the data has them: an AUC of fewer is mostly noise."""

PROMPT_TOKENS: int = ModelSpec.model_fields["prompt_tokens"].default

_UNTUNED = ("no-prompt", "untuned")


@dataclass(frozen=True)
class Size:
    """A size that a study can have.

    Attributes:
        tuned: the methods that tune, beside random search.
        seeds: confirm seeds.
        batch_size: examples of a query.
        dev_rows: about the most rows of dev.
        test_rows: the most rows of test.
        landscape: whether the loss landscape is evaluated.
    """

    tuned: tuple[str, ...]
    seeds: int
    batch_size: int
    dev_rows: int
    test_rows: int
    landscape: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """All methods: the ones that tuned methods must beat come first."""
        return (*_UNTUNED, "random-search", *self.tuned)


SIZES = (
    Size(("bpt-fzg", "zosa"), 5, 32, 500, 2000, landscape=True),
    Size(("bpt-fzg", "zosa"), 5, 32, 300, 1000),
    Size(("bpt-fzg", "zosa"), 5, 16, 200, 500),
    Size(("bpt-fzg",), 5, 16, 200, 500),
    Size(("bpt-fzg",), 5, 8, 100, 400),
    Size(("bpt-fzg",), 3, 8, 100, 300),
)
"""From the largest to the smallest. Seeds are reduced last, as three seeds can hardly show a difference."""


@dataclass(frozen=True)
class FittedSize:
    """A size, fitted to data and model.

    Attributes:
        size: the unfitted size.
        batch_size: examples of a query, at least one of each class.
        dev_minority_size: dev rows of the smallest class.
        test_rows: the most rows of test; None if all are used.
        text_tokens: tokens to which texts are cut; None if they stay whole.
        minutes: expected minutes, without start-up.
        left_out: the parts of the largest size that are missing, each with the key that adds it.
    """

    size: Size
    batch_size: int
    dev_minority_size: int
    test_rows: int | None
    text_tokens: int | None
    minutes: float
    left_out: tuple[str, ...]

    @property
    def cuts(self) -> str:
        """The missing parts in a sentence; empty if none is missing."""
        aim = "end in" if self.minutes <= MINUTES else "come nearer to"
        return f"To {aim} {MINUTES} minutes, it does without: {'; '.join(self.left_out)}." if self.left_out else ""


def fit_size(inspection: Inspection, model: ModelFacts) -> FittedSize:
    """Returns the largest of ``SIZES`` that is expected to end in ``MINUTES`` on ``CORES``, else the smallest."""
    candidates = [_fitted(size, inspection, model) for size in SIZES]
    return next((found for found in candidates if found.minutes <= MINUTES), candidates[-1])


def _fitted(size: Size, inspection: Inspection, model: ModelFacts) -> FittedSize:
    rare = _dev_minority_size(inspection, size.dev_rows)
    dev_rows = round(rare * sum(inspection.available.train) / min(inspection.available.train))
    n_test = sum(each.test for each in inspection.classes)
    test_rows = size.test_rows if size.test_rows < n_test else None
    batch_size = max(size.batch_size, len(inspection.classes))
    mean = inspection.lengths[0].mean
    text_tokens = LONGEST_MEAN if mean > LONGEST_MEAN else None
    tokens = min(mean, LONGEST_MEAN) + PROMPT_TOKENS
    examples = _examples(size, batch_size, dev_rows, test_rows or n_test)
    examples += _train_examples(size, inspection.available.train)
    seconds = examples * tokens * model.flops_per_token / (CORES * CORE_FLOPS)
    left_out = tuple(_left_out(size, batch_size, n_test, test_rows, text_tokens))
    return FittedSize(size, batch_size, rare, test_rows, text_tokens, seconds / 60, left_out)


def _dev_minority_size(inspection: Inspection, most: int) -> int:
    """Returns the dev rows of the smallest class, in a dev split of ``most`` rows in the data's proportions."""
    for_dev = inspection.available.dev or tuple(count // 4 for count in inspection.available.train)
    in_proportion = round(most * min(for_dev) / max(1, sum(for_dev)))
    return max(1, min(*for_dev, max(in_proportion, LEAST_RARE_IN_DEV)))


def _examples(size: Size, batch_size: int, dev_rows: int, test_rows: int) -> int:
    """Returns the number of examples that queries, dev and test score."""
    budget = BudgetSpec()
    tuned = len(size.methods) - len(_UNTUNED)
    once = len(size.methods) * (dev_rows + test_rows)
    return size.seeds * (once + tuned * (budget.queries * batch_size + budget.evaluations * dev_rows))


def _train_examples(size: Size, train_counts: Sequence[int]) -> int:
    """Returns the number of examples that the training loss and its landscape score."""
    with_landscape = len(size.methods) - 1 if size.landscape else 0  # no-prompt has no landscape
    around = sum(n_examples(train_counts, has_plane(number)) for number in range(size.seeds))
    return with_landscape * around + (len(size.methods) - with_landscape) * size.seeds * n_rows(train_counts)


def _left_out(
    size: Size, batch_size: int, n_test: int, test_rows: int | None, text_tokens: int | None
) -> Iterator[str]:
    full = SIZES[0]
    missing = [name for name in full.tuned if name not in size.tuned]
    if missing:
        yield f"{comma_list(missing)} (methods)"
    if size.seeds < full.seeds:
        yield f"{full.seeds - size.seeds} seeds (confirm.seeds: {full.seeds})"
    if batch_size < full.batch_size:
        yield f"larger batches (budget.batch_size: {full.batch_size})"
    if test_rows is not None:
        yield f"{n_test - test_rows:,} rows of test (task.test_rows: null)"
    if text_tokens is not None:
        yield f"texts behind {text_tokens} tokens (model.max_length: null)"
    if full.landscape and not size.landscape:
        yield "the loss landscape (confirm.landscape: true)"
