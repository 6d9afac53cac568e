from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zostudy.results.table_formats import Table, html, latex, markdown, plain, table_of

TABLE = Table(
    columns=("method", "1", "10"),
    rows=(("zosa", "0.812 ±0.013", "0.7"), ("bpt-fzg", "-", "0.812 ±0.013")),
    title="test_auc",
    notes=("One seed.",),
    best=frozenset({(0, 1), (1, 2)}),
)


def test_plain_text_is_aligned_with_numbers_to_the_right() -> None:
    assert plain(TABLE).splitlines() == [
        "test_auc",
        "method               1             10",
        "zosa     *0.812 ±0.013            0.7",
        "bpt-fzg              -  *0.812 ±0.013",
        "One seed.",
        "* the best of its column",
    ]
    two = plain(TABLE, TABLE)
    assert two.count("* the best of its column") == 1
    assert two.count("test_auc") == 2


def test_markdown_is_a_table_with_the_best_in_bold() -> None:
    assert markdown(TABLE).splitlines() == [
        "test_auc",
        "",
        "| method | 1 | 10 |",
        "| --- | ---: | ---: |",
        "| zosa | **0.812 ±0.013** | 0.7 |",
        "| bpt-fzg | - | **0.812 ±0.013** |",
        "",
        "One seed.",
    ]


def test_markdown_keeps_any_text_in_its_cell() -> None:
    lines = markdown(table_of([{"name": "zosa", "mean": 0.5, "half_width": None, "options": "a, b\n|c|"}])).splitlines()
    assert len(lines) == 3
    assert lines[2] == "| zosa | 0.5 |  | a, b\\\\n\\|c\\| |"


def test_latex_has_the_rules_of_booktabs_and_escapes_what_is_special() -> None:
    rows = (("a_b & 5%", "0.8 ±0.1†"), ("\\x^{2}~$#", "<0.001"))
    table = Table(("method", "p"), rows, title="p_value", notes=("†: holds",), best=frozenset({(0, 1)}))
    assert latex(table).splitlines() == [
        "% p_value",
        "% †: holds",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"method & p \\",
        r"\midrule",
        r"a\_b \& 5\% & \textbf{0.8 $\pm$0.1$^\dagger$} \\",
        r"\textbackslash{}x\textasciicircum{}\{2\}\textasciitilde{}\$\# & $<$0.001 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_html_escapes_all_text() -> None:
    table = Table(("<b>",), (("<script>",), ("&",)), title="a<b", notes=("c>d",), best=frozenset({(1, 0)}))
    assert html(table) == (
        "<table><caption>a&lt;b</caption><thead><tr><th>&lt;b&gt;</th></tr></thead>"
        "<tbody><tr><td>&lt;script&gt;</td></tr><tr><td><b>&amp;</b></td></tr></tbody></table><p>c&gt;d</p>"
    )


def test_no_cell_is_an_argument_of_the_line_before_it() -> None:
    table = Table(("list",), (("[1, 2]",), ("*",)), text_columns=1)
    assert latex(table).splitlines()[4:6] == [r"{[}1, 2] \\", r"{*} \\"]
    assert plain(table).splitlines() == ["list", "[1, 2]", "*"]


HOSTILE = "\x1b]0;owned\x07 \u202etxt.exe\u200b \x9b31m a|b \\| \\n\n\r\u2028 end"


@pytest.mark.parametrize("form", [plain, markdown, latex, html])
def test_no_text_of_a_table_can_move_the_cursor_or_break_its_line(form: Any) -> None:
    table = Table((HOSTILE, "b"), ((HOSTILE, "1"), ("a", "2")), HOSTILE, (HOSTILE,), best=frozenset({(0, 0)}))
    tame = Table(("x", "b"), (("x", "1"), ("a", "2")), "x", ("x",), best=frozenset({(0, 0)}))
    assert all(line.isprintable() for line in form(table).split("\n"))
    assert form(table).count("\n") == form(tame).count("\n")


@given(st.text(st.sampled_from("a|\\*_<&`[]~ \n"), max_size=12))
def test_any_text_is_one_cell_of_markdown_that_reads_back(text: str) -> None:
    row = markdown(table_of([{"a": text, "b": "end"}])).split("\n")[2]
    cells = re.fullmatch(r"\| ((?:\\.|[^\\|])*) \| end \|", row)
    assert cells
    assert re.sub(r"\\(.)", r"\1", cells[1]) == text.replace("\n", "\\n")
