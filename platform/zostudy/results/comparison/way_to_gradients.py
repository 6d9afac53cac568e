"""The share of the way from the untuned prompt to true gradients in the same latent that each method has gone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from zostudy.results.comparison.cell_summary import by_block
from zostudy.results.comparison.cells import Cells
from zostudy.results.comparison.statistics import SIGNIFICANCE
from zostudy.results.table_formats import value_text


def way_notes(cells: Cells, metric: str) -> Iterator[str]:
    """Yields a line such as ``Of the way from untuned to white-box in test_auc at ratio 10: bpt-fzg 97%, fzoo 92%.``.

    One for each column and group in which a reference with gradients is better than the untuned prompt (paired t test,
    p <= 0.05): where it is not, a share of the way means nothing. Methods that wait for seeds are left out, and no line
    stands without a method.
    """
    for (*group, column), peers in sorted(by_block(cells.cells).items()):
        values = {cell: mean for cell in peers if (mean := cell.gain(metric)) is not None}
        names = [*zip(cells.row_names, map(value_text, group), strict=False), (cells.by, cells.heading(column))]
        where = ", ".join(f"{name.removeprefix('imbalance_')} {value}" for name, value in names)
        for start, reference in product(values, values):
            if start.evidence.algorithm == "untuned" and reference.needs == "gradients":
                way, p_value = values[reference] - values[start], reference.test_against(start, metric).p_value
                if way > 0 and p_value is not None and p_value <= SIGNIFICANCE:
                    tuned = [cell for cell in values if cell.tunes and not cell.is_reference]
                    shares = {cell: (values[cell] - values[start]) / way for cell in tuned}
                    furthest = sorted(shares.items(), key=lambda found: -found[1])
                    named = ", ".join(f"{cell.row[-1]} {share:.0%}" for cell, share in furthest)
                    if named:
                        yield f"Of the way from {start.row[-1]} to {reference.row[-1]} in {metric} at {where}: {named}."
