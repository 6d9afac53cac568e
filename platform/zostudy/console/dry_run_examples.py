"""What ``zostudy run --dry-run`` shows of the inputs and the budget: an example of each class, and the steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zostudy.config.known import HeadKind
from zostudy.results.table_formats import Table
from zostudy.search.plan import tunes
from zostudy.search.prepare import PreparedStudy
from zostudy.search.setup import set_up
from zostudy.tasks.templates import Wording
from zostudy.wording import clipped, counted, one_line

MOST_CLASSES = 10


def example_table(study: PreparedStudy) -> Table:
    """Returns a training text of each class as the model reads it, the prompt's slots in front; of many classes some.

    The answer of a masked or causal model stands in brackets where it is read.
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
    """Yields a line for each method and cost of a step, by the defaults: ``spsa: 300 queries = 50 steps of 6``."""
    plan, lines = study.plan, []
    for cell in plan.cells:
        if tunes(cell.method):
            setup = set_up(plan.spec, plan.assign(cell, "confirm", 0, {}), study.data)
            cost = setup.make_method().step_cost
            searched = ", unless the search changes queries_per_step" if "queries_per_step" in cell.space else ""
            before = f", after {plan.start_cost(cell):,} that choose the start" if plan.start_cost(cell) else ""
            lines.append(f"{cell.method.label}: {bought(setup.context.step_budget, cost)}{before}{searched}")
        elif plan.start_cost(cell):
            lines.append(f"{cell.method.label}: {plan.start_cost(cell):,} queries that choose the start")
    yield from dict.fromkeys(lines)


def bought(queries: int, cost: int) -> str:
    """Returns what a budget buys: whole steps, and what is left over."""
    steps, left = divmod(queries, cost)
    rest = f" and {left:,} unspent" if left else ""
    return f"{queries:,} queries = {counted(steps, 'step')} of {cost:,}{rest}"


def _rendered(study: PreparedStudy, wording: Wording, row: int, label: int) -> str:
    table = study.task.table
    texts = [table.texts[row], *([] if table.second_texts is None else [table.second_texts[row]])]
    before, after = wording.template.render(*(clipped(one_line(text)) for text in texts))
    return f"{before}{_answer(wording, study.source.head, label)}{after}"


def _answer(wording: Wording, head: HeadKind, label: int) -> str:
    word = wording.label_words[label]
    return f"  (label text: {word})" if head == "encoder" else f"[{word}]"
