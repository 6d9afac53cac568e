from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.errors import DataError
from zostudy.tasks.json_rows import read_json
from zostudy.tasks.rows import RawRows

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(st.sampled_from("a\u2028\x85\x1c\n\0é"), max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=4,
)
RECORDS = st.lists(st.dictionaries(st.sampled_from(["text", "a", "b"]), VALUES), min_size=1, max_size=4)


def read(folder: Path, content: str) -> RawRows:
    path = folder / "data.json"
    path.write_bytes(content.encode("utf-8"))
    return read_json(path)


def refusal(folder: Path, content: str) -> str:
    with pytest.raises(DataError) as error:
        read(folder, content)
    assert "\n" not in str(error.value)
    return str(error.value)


@settings(max_examples=50, deadline=None)
@given(RECORDS)
def test_every_row_is_kept_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, records: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("json")
    written = [json.dumps(record, ensure_ascii=False) for record in records]
    for content in ("\n".join(written), f"[{','.join(written)}]", json.dumps(records, indent=2, ensure_ascii=False)):
        rows = read(folder, content)
        assert rows.objects is not None
        assert [json.loads(row) for row in rows.objects] == records
        assert rows.table.num_rows == len(records) or not any(records)


def test_each_key_has_a_type_that_holds_it_exactly(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "id": ([1712345678901234567, None], pa.int64()),
        "large": ([2**64 - 1, 0], pa.uint64()),
        "flag": ([True, None], pa.bool_()),
        "text": (["a\u2028b", "1.0"], pa.string()),
        "price": ([0.1, 3], pa.float64()),
        "tags": ([["a", "b"], []], pa.list_(pa.string())),
        "nothing": ([None, None], pa.null()),
    }
    lines = [json.dumps({name: values[row] for name, (values, _) in columns.items()}) for row in (0, 1)]
    table = read(tmp_path, "\n".join(lines)).table
    for name, (values, kind) in columns.items():
        assert table[name].type == kind
        assert table[name].to_pylist() == values


def test_numbers_that_no_double_holds_are_not_rounded(tmp_path: Path) -> None:
    table = read(tmp_path, '{"a": 0.12345678901234567890, "b": 1e999}\n{"a": 1, "b": 36893488147419103233}').table
    assert pa.types.is_decimal(table["a"].type)
    assert [str(value) for value in table["b"].cast(pa.string()).to_pylist()] == ["1E+999", "36893488147419103233"]


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    texts = [f"one{character}two" for character in "\u2028\u2029\x85\x1c\x1d\x1e\x0b\x0c\xa0"]
    content = "\r\n\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts)
    for character in "\x1c\x1d\x1e\x0b\x0c":  # which JSON writes as escapes
        content = content.replace(character, f"\\u{ord(character):04x}")
    assert read(tmp_path, content).table["text"].to_pylist() == texts


FINE = '{"text": "a"}\n'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (FINE * 240 + '{"text": "cut', "line 241 is no whole JSON object (Unterminated string starting at, column 10)"),
        (FINE + '{"text": "b"} {"text": "c"}', "line 2 is no whole JSON object (Extra data"),
        (FINE + "{'text': 'b'}", "line 2 is no whole JSON object"),
        (FINE + '{"text": NaN}', "line 2 is no whole JSON object (JSON has no NaN; write null)"),
        (FINE + '{"text": -Infinity}', "line 2 is no whole JSON object (JSON has no -Infinity"),
        (FINE + '{"text": "a", "text": "b"}', "line 2 is no whole JSON object (key text stands twice)"),
        (FINE + '{"a": {"b": 1, "b": 2}}', "line 2 is no whole JSON object (key b stands twice)"),
        (FINE + '{"text": "\\ud83d"}', r"line 2 holds half a character (\ud83d)"),
        (FINE + '{"\\uDE00": 1}', r"line 2 holds half a character (\ude00)"),
        (FINE + "[1]", "line 2 holds a list; each row must be an object"),
        ("1\n2\n", "line 1 holds a number; each row must be an object"),
        (FINE + '{"a": ' + "9" * 5000 + "}", "line 2 is no whole JSON object (a number out of range)"),
        (FINE + '{"a": 1e99999999999999999999}', "line 2 is no whole JSON object (a number out of range)"),
        (FINE + '{"a": ' + "[" * 9999 + "]" * 9999 + "}", "line 2 is no whole JSON object (nested too deeply)"),
        ('{\n"text": "a"\n}', "line 1 is no whole JSON object"),
        ('[{"text": "a"}, {]', "row 2 is no whole JSON object (Expecting property name"),
        ('[{"text": "a"},\n\n{"text": tru}]', "row 2 is no whole JSON object (Expecting value, column 10, line 3)"),
        ('[{"text": "a"}', "row 1 is followed by neither a comma nor the array's end"),
        ('[{"text": "a"},]', "row 1 is followed by a comma and no row"),
        ('[{"text": "a"}]\n[1]', "must hold one array, but more follows its end at line 1"),
        ('[{"text": "a"}, 3]', "row 2 holds a number"),
        ('[{"text": "a"}, {"text": "\\ud83d"}]', r"row 2 holds half a character (\ud83d)"),
    ],
)
def test_a_row_that_is_wrong_is_told_with_its_place(tmp_path: Path, content: str, reason: str) -> None:
    assert reason in refusal(tmp_path, content)


def test_a_whole_emoji_may_be_escaped(tmp_path: Path) -> None:
    assert read(tmp_path, '{"text": "\\ud83d\\ude00"}').table["text"].to_pylist() == ["\U0001f600"]
