from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.errors import DataError
from zostudy.tasks.delimited import read_csv, read_tsv
from zostudy.tasks.rows import RawRows

CELLS = st.text(st.sampled_from("ab\"', \t\n\r\u2028\x85\x1c\ufeffé"), max_size=6)


def of_csv(folder: Path, content: str) -> RawRows:
    path = folder / "data.csv"
    path.write_bytes(content.encode())
    return read_csv(path)


def of_tsv(folder: Path, content: str) -> RawRows:
    path = folder / "data.tsv"
    path.write_bytes(content.encode())
    return read_tsv(path)


def rows(read: RawRows) -> list[list[str]]:
    return [list(row.values()) for row in read.table.to_pylist()]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=4))
def test_csv_gives_every_cell_back(tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["one", "two"], *cells])
    assert rows(of_csv(tmp_path_factory.mktemp("csv"), file.getvalue())) == cells


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=4))
def test_tsv_gives_every_cell_back_or_refuses(tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter="\t", lineterminator="\n").writerows([["one", "two"], *cells])
    if any(set(cell) & set("\t\n\r") for row in cells for cell in row):
        return
    assert rows(of_tsv(tmp_path_factory.mktemp("tsv"), file.getvalue())) == cells


def test_quotes_are_text_in_tsv(tmp_path: Path) -> None:
    texts = ['"It is good', 'no" end', '"in quotes"', 'a ""b"" c', '"', '""', '"bad""']
    read = of_tsv(tmp_path, "text\tlabel\n" + "".join(f"{text}\t1\n" for text in texts))
    assert read.table["text"].to_pylist() == texts
    assert read.notes == ()


def test_tsv_that_was_written_like_csv_is_told(tmp_path: Path) -> None:
    read = of_tsv(tmp_path, 'text\tlabel\n"say ""go"""\t1\n"so ""so"" la"\t0\nplain\t1\n')
    assert read.table["text"].to_pylist() == ['say "go"', 'so "so" la', "plain"]
    assert read.notes == ("2 fields were in quotes, with quotes inside doubled as in CSV; both are undone",)
    everywhere = of_tsv(tmp_path, '"text"\t"label"\n"good"\t"1"\n')
    assert everywhere.table.to_pylist() == [{"text": "good", "label": "1"}]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "\n", "\n\n"])
def test_lines_may_end_in_any_way(tmp_path: Path, ends: str, last: str) -> None:
    for read, comma in ((of_csv, ","), (of_tsv, "\t")):
        content = f"text,label\na b,0\n\nc,1{last}".replace(",", comma).replace("\n", ends)
        assert rows(read(tmp_path, content)) == [["a b", "0"], ["c", "1"]]


def test_line_breaks_in_quotes_are_told(tmp_path: Path) -> None:
    read = of_csv(tmp_path, 'text,label\n"a\nb",0\nc,1\n')
    assert rows(read) == [["a\nb", "0"], ["c", "1"]]
    assert read.notes == ("1 row with line breaks, in quotes",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("text,label\na,b,1\nc,d,0\n", "the header's 2 fields, but row 1 (line 2) has 3; put texts that hold commas"),
        ("text,label\na,1\n\nc,d,0\n", "row 2 (line 4) has 3"),
        ('text,label\n"a\nb",1\nc\n', "row 2 (line 4) has 1"),
        ('text,label\na,1\n"open,1\nb,0\n', "the row at line 3 has a quote that never ends"),
        ('text,label\na,1\n"b"c,0\n', "the row at line 3 has stray quotes"),
        ('text,label\n"Fine film,1\n"Bad film,0\n', "the row at line 2 has stray quotes"),
    ],
)
def test_rows_that_do_not_fit_are_told_with_their_line(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(DataError) as error:
        of_csv(tmp_path, content)
    assert reason in str(error.value)


def test_tsv_fields_that_span_lines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 1 \(line 2\) has 1; TSV has no quoting around tabs and line breaks"):
        of_tsv(tmp_path, 'text\tlabel\n"a\nb"\t1\n')


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    for read, content in ((of_csv, "text,label\n"), (of_tsv, "text\tlabel")):
        table = read(tmp_path, content).table
        assert (table.num_rows, table.column_names) == (0, ["text", "label"])


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("csv", "text;label\nno, it is;1\n", "must be separated by commas, but the header 'text;label' has semicolons"),
        ("csv", 'text;label\n"a; b";1\n', "the header 'text;label' has semicolons; save it with commas"),
        ("csv", '\n"text";"label"\r\n"a";"1"\r\n', 'the header \'"text";"label"\' has semicolons; save it with commas'),
        ("csv", "text\tlabel\na\t1\n", "commas, but the header 'text\\tlabel' has tabs; name it .tsv"),
        ("tsv", "text,label\na,1\n", "must be separated by tabs, but the header 'text,label' has commas; name it .csv"),
        ("csv", "sep=|\ntext|label\na|1\n", "must be separated by commas, but the first line is 'sep=|'; save it with"),
        ("tsv", "sep=,\ntext,label\na,1\n", "separated by tabs, but the first line is 'sep=,'; save it with tabs"),
        ("csv", "text,label\na,1\ntext,label\nb,0\n", "the header must stand once, but line 3 repeats it"),
        ("tsv", "text\tlabel\na\t1\n\ufefftext\tlabel\nb\t0\n", "the header must stand once, but line 3 repeats it"),
        (
            "csv",
            'text, label\na, "1"\nb, "0"\n',
            "quotes must stand right behind the comma, but column ' label' has blanks",
        ),
    ],
)
def test_files_of_another_form_are_told(tmp_path: Path, kind: str, content: str, reason: str) -> None:
    with pytest.raises(DataError) as error:
        (of_csv if kind == "csv" else of_tsv)(tmp_path, content)
    assert reason in str(error.value)


def test_what_only_looks_like_another_form_is_read(tmp_path: Path) -> None:
    assert rows(of_csv(tmp_path, "text\ntext\n")) == [["text"]]
    assert rows(of_csv(tmp_path, '"a, b"\nx\n')) == [["x"]]
    assert rows(of_csv(tmp_path, 'text, label\na, "1"\nb,0\n')) == [["a", ' "1"'], ["b", "0"]]
    assert rows(of_tsv(tmp_path, "text\tlabel\r\r\na\t1\r\r\n")) == [["a", "1"]]


def test_blank_lines_are_rows_where_there_is_one_column(tmp_path: Path) -> None:
    for read in (of_csv, of_tsv):
        assert rows(read(tmp_path, "\ntext\na\n\nb\n\n")) == [["a"], [""], ["b"]]


def test_the_hint_of_excel_is_no_header(tmp_path: Path) -> None:
    for hint in ("sep=,", "SEP=,", '"sep=,"'):
        read = of_csv(tmp_path, f"{hint}\r\ntext,label\r\na,1\r\n")
        assert (read.table.column_names, rows(read)) == (["text", "label"], [["a", "1"]])
    assert rows(of_csv(tmp_path, "sep=,\ntext\na\n\nb\n")) == [["a"], [""], ["b"]]
    assert rows(of_tsv(tmp_path, "sep=\t\ntext\tlabel\na\t1\n")) == [["a", "1"]]
    assert of_csv(tmp_path, "sep=,\n").table.column_names == ["sep=", ""]
    with pytest.raises(DataError, match=r"row 1 \(line 3\) has 1"):
        of_csv(tmp_path, "sep=,\ntext,label\na\n")
