"""The lines of a dry run: the plan, an example of each class, the steps that the budget buys, the expected time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zostudy.config.known import HeadKind
from zostudy.console.progress import duration
from zostudy.results.classes import class_table
from zostudy.results.table_formats import Table, plain
from zostudy.search.cautions import cautions
from zostudy.search.estimate import Estimate
from zostudy.search.prepare import PreparedStudy
from zostudy.search.setup import set_up
from zostudy.tasks.templates import Wording
from zostudy.wording import clipped, counted, one_line

MOST_CLASSES = 10


@dataclass(frozen=True, repr=False)
class DryRun:
    """The result of ``zostudy.dry_run``; as text, the lines that ``zostudy run --dry-run`` prints.

    Attributes:
        study: the study, with its plan, data and classes.
        expected: its expected work and seconds.
    """

    study: PreparedStudy
    expected: Estimate

    def __repr__(self) -> str:
        """Returns the lines that ``zostudy run --dry-run`` prints."""
        return "\n".join([*plan_lines(self.study), *expectation_lines(self.study, self.expected)])


def plan_lines(study: PreparedStudy) -> Iterator[str]:
    """Yields the lines that need no timing of the model: cells, classes, examples and notes."""
    yield f"{plain(_cells(study), class_table(study.classes), example_table(study))}\n"
    yield str(study.task.rows)
    yield from (f"note: {note}" for note in _notes(study))
    yield from cautions(study.plan, study.data)
    yield _dtype(study.plan.spec.model.dtype)


def expectation_lines(study: PreparedStudy, expected: Estimate) -> Iterator[str]:
    """Yields the evaluator's agreement, the steps that the budget buys, and the work and time of the whole study."""
    yield expected.agreement.line
    evaluated = "dev, test and the loss landscape" if study.plan.spec.confirm.landscape else "dev and test"
    search = study.plan.spec.search
    at_most = "" if search.pruning == "none" and search.seeds == 1 else "at most "
    yield ""
    yield from budget_lines(study)
    yield (
        f"{counted(len(study.plan.cells), 'cell')}, {counted(study.plan.n_trials, 'trial')}, "
        f"{at_most}{study.plan.n_queries:,} queries "
        f"({expected.tuning_examples:,} examples), {expected.evaluation_examples:,} examples to evaluate {evaluated}"
    )
    where = "without the GPUs, which a dry run does not use" if study.plan.spec.resources.gpus else "of this machine"
    yield (
        f"{at_most}about {duration(expected.seconds)} on {counted(expected.n_replicas, 'replica')} {where} "
        f"({expected.examples_per_second:,.0f} examples/s each) if nothing else runs, start-up not counted"
    )


def _dtype(dtype: str) -> str:
    """Returns the line on the dtype, which ``auto`` leaves open until a run has measured the noise."""
    if dtype == "auto":
        return "dtype: auto is decided when the study runs, by a measurement; the time below is of float32"
    return f"dtype: {dtype}"


def _notes(study: PreparedStudy) -> list[str]:
    left_out = max(draw.left_out for draw in study.data.draws.values())
    verb, their = ("is", "its") if left_out == 1 else ("are", "their")
    repeats = f"{counted(left_out, 'row')} of train {verb} not drawn: {their} text repeats, or occurs in test"
    return [*study.task.notes, *study.unused, *([repeats] if left_out else []), *study.wording_lines]


def _cells(study: PreparedStudy) -> Table:
    plan = study.plan
    rows = []
    for cell in plan.cells:
        draw = study.data.draws[cell.imbalance_ratio, plan.seed(plan.replicates[-1])]
        rows.append(
            (
                cell.name,
                ", ".join(cell.space) or "-",
                f"{draw.n_minority:,}/{draw.n_majority:,}",
                f"{len(draw.dev_rows):,}",
                f"{len(draw.test_rows):,}",
                f"{cell.n_search} x {cell.n_seeds}" if cell.n_search and cell.n_seeds > 1 else str(cell.n_search),
                str(cell.n_confirm),
                f"{cell.n_trials * plan.queries(cell):,}",
            )
        )
    columns = ("cell", "searched", "minority/majority", "dev", "test", "search", "confirm", "queries")
    return Table(columns, tuple(rows), text_columns=2)


def example_table(study: PreparedStudy) -> Table:
    """Returns a training text of each class (at most ``MOST_CLASSES``) as the model reads it, with the prompt's slots.

    The answer of a masked or causal model stands in brackets at its position.
    """
    wording = study.task.wording(study.source.head, study.plan.spec.task.wording)
    slots = f"[prompt: {study.plan.spec.model.prompt_tokens} vectors]"
    drawn = next(iter(study.data.draws.values())).train_rows
    rows = []
    for label, name in enumerate(study.task.table.class_names[:MOST_CLASSES]):
        row = int(drawn[np.argmax(study.data.labels[drawn] == label)])
        rows.append((name, f"{slots} {_rendered(study, wording, row, label)}"))
    more = study.data.n_classes - len(rows)
    notes = (f"and {more} more classes",) if more else ()
    return Table(("class", "an example as the model reads it"), tuple(rows), notes=notes, text_columns=2)


def budget_lines(study: PreparedStudy) -> Iterator[str]:
    """Yields a line for each method and step cost, at the defaults, such as ``spsa: 300 queries = 50 steps of 6``."""
    plan, lines = study.plan, []
    for cell in plan.cells:
        if cell.method.tunes:
            setup = set_up(plan.spec, plan.assign(cell, "confirm", 0, {}), study.data)
            cost = setup.make_method().step_cost
            searched = ", unless the search changes queries_per_step" if "queries_per_step" in cell.space else ""
            before = f", after {plan.start_cost(cell):,} that choose the start" if plan.start_cost(cell) else ""
            lines.append(f"{cell.method.label}: {bought(setup.context.step_budget, cost)}{before}{searched}")
        elif plan.start_cost(cell):
            lines.append(f"{cell.method.label}: {plan.start_cost(cell):,} queries that choose the start")
    yield from dict.fromkeys(lines)


def bought(queries: int, cost: int) -> str:
    """Returns the number of whole steps in a budget, and the unspent queries."""
    steps, left = divmod(queries, cost)
    rest = f" and {left:,} unspent" if left else ""
    return f"{queries:,} queries = {counted(steps, 'step')} of {cost:,}{rest}"


def _rendered(study: PreparedStudy, wording: Wording, row: int, label: int) -> str:
    texts = study.task.table.row_texts(row)
    before, after = wording.template.render(*(clipped(one_line(text)) for text in texts))
    return f"{before}{_answer(wording, study.source.head, label)}{after}"


def _answer(wording: Wording, head: HeadKind, label: int) -> str:
    word = wording.label_words[label]
    return f"  (label text: {word})" if head == "encoder" else f"[{word}]"
