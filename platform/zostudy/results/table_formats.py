"""Tables for people: as aligned text, Markdown, LaTeX or HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from zostudy.wording import printable


@dataclass(frozen=True)
class Table:
    """A table for people.

    Attributes:
        columns: the headings.
        rows: one text a heading.
        title: a line above, or "".
        notes: lines below.
        text_columns: the first columns, which hold words; the others hold numbers and are aligned to the right.
        best: cells (row, column), counted from 0, that stand out.
        below: how many of the last rows stand below a line.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    text_columns: int = 1
    best: frozenset[tuple[int, int]] = frozenset()
    below: int = 0

    def __post_init__(self) -> None:
        """Escapes control characters and line breaks, so that each text is one line in every form."""
        object.__setattr__(self, "columns", tuple(map(printable, self.columns)))
        object.__setattr__(self, "rows", tuple(tuple(map(printable, row)) for row in self.rows))
        object.__setattr__(self, "title", printable(self.title))
        object.__setattr__(self, "notes", tuple(map(printable, self.notes)))


def table_of(records: Sequence[Mapping[str, Any]]) -> Table:
    """Returns one or more records as a table of words, one row a record."""
    columns = tuple(records[0])
    rows = tuple(tuple(_text(record[name]) for name in columns) for record in records)
    return Table(columns, rows, text_columns=len(columns))


def value_text(value: Any) -> str:
    """Returns a coordinate of a row as tables show it, such as ``zosa`` or ``10``."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def p_value_text(p_value: float) -> str:
    """Returns a p-value as tables show it, which is never 0.000."""
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def plain(*tables: Table) -> str:
    """Returns tables as aligned text, never cut, with a star before the best cells and a last line to explain it."""
    legend = ["* the best of its column"] if any(table.best for table in tables) else []
    return "\n".join(["\n\n".join(map(_aligned_text, tables)), *legend])


def _aligned_text(table: Table) -> str:
    lines = [table.columns, *_rows(table, str, "*", "")]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    body = [_aligned(line, widths, table.text_columns) for line in lines]
    if table.below:
        body.insert(len(body) - table.below, "-" * max(map(len, body)))
    return "\n".join(line for line in (table.title, *body, *table.notes) if line)


def _aligned(row: Sequence[str], widths: Sequence[int], text_columns: int) -> str:
    cells = [
        cell.ljust(width) if column < text_columns else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def markdown(table: Table) -> str:
    """Returns a table in GitHub's Markdown, with the best cells in bold."""
    marks = ["---" if column < table.text_columns else "---:" for column in range(len(table.columns))]
    head = [markdown_text(column) for column in table.columns]
    rows = _rows(table, markdown_text, "**", "**")
    if table.below:  # Markdown has no line within a table
        rows.insert(len(rows) - table.below, ["---"] * len(head))
    body = [f"| {' | '.join(row)} |" for row in (head, marks, *rows)]
    return "\n\n".join(part for part in (table.title, "\n".join(body), *table.notes) if part)


def markdown_text(text: str) -> str:
    """Returns text escaped for Markdown, also for a cell of a table, so that none of it is markup."""
    return re.sub(r"[\\|`*<>\[\]~&]|(?<!\w)_|_(?!\w)", lambda found: f"\\{found[0]}", printable(text))


def latex(table: Table) -> str:
    """Returns a table as LaTeX with the rules of the package booktabs, with the best cells in bold."""
    columns = "".join("l" if column < table.text_columns else "r" for column in range(len(table.columns)))
    body = [f"{' & '.join(row)} \\\\" for row in _rows(table, _latex_text, "\\textbf{", "}")]
    if table.below:
        body.insert(len(body) - table.below, "\\midrule")
    lines = [
        *(f"% {line}" for line in (table.title, *table.notes) if line),
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        f"{' & '.join(map(_latex_text, table.columns))} \\\\",
        "\\midrule",
        *body,
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "<": "$<$",
    ">": "$>$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{character: f"{{{character}}}" for character in "[*"},  # else arguments of the line's end before them
}


def _latex_text(text: str) -> str:
    return re.sub(r"[\\~^±†‡<>&%$#_{}[*]", lambda found: _LATEX[found[0]], text)


def html(table: Table) -> str:
    """Returns a table as HTML, with the best cells in bold."""
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    cells = ["".join(f"<td>{cell}</td>" for cell in row) for row in _rows(table, escape, "<b>", "</b>")]
    rows = "".join(f"<tr>{row}</tr>" for row in cells[: len(cells) - table.below])
    if table.below:
        line = ' style="border-top: 1px solid"'
        rows += "".join(f"<tr{line if i == 0 else ''}>{row}</tr>" for i, row in enumerate(cells[-table.below :]))
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
    title = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{notes}"


def _rows(table: Table, escaped: Callable[[str], str], before: str, after: str) -> list[list[str]]:
    """Returns the escaped rows, the best cells between ``before`` and ``after``."""
    return [
        [f"{before}{escaped(cell)}{after}" if (i, j) in table.best else escaped(cell) for j, cell in enumerate(row)]
        for i, row in enumerate(table.rows)
    ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
