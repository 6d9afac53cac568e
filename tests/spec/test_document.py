from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from zostudy.errors import SpecError
from zostudy.spec.document import Place, dump_yaml, parse_document, parse_yaml

CHECK = "check quotes, brackets, colons and indentation there"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.sampled_from(
    [
        "yes",
        "no",
        "on",
        "1e-3",
        "1.",
        ".5",
        "0o17",
        "010",
        "1_0",
        "1:30",
        "null",
        "~",
        "",
        "=",
        "<<",
        "\x85",
        "a\u2028b",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT | WORDS
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("-2.5e+3", -2500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("010", 10),
        ("0o17", 15),
        ("0xff", 255),
        ("+3", 3),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("e5", "e5"),
        ("1e", "1e"),
        ('"7"', "7"),
        ("!!str 7", "7"),
        ("=", "="),
    ],
)
def test_scalars_are_read_by_yaml_1_2(text: str, value: object) -> None:
    data = parse_document(f"key: {text}", "f").data["key"]
    assert data == value
    assert type(data) is type(value)


def test_every_key_and_entry_has_its_line() -> None:
    text = "# a comment\na: 1\nb:\n  c:\n    - x\n    - {d: 2,\n       e: 3}\n1: z\n"
    document = parse_document(text, "f.yaml")
    lines = {path: place.line for path, place in document.places.items()}
    assert lines == {
        (): 2,
        ("a",): 2,
        ("b",): 3,
        ("b", "c"): 4,
        ("b", "c", 0): 5,
        ("b", "c", 1): 6,
        ("b", "c", 1, "d"): 6,
        ("b", "c", 1, "e"): 7,
        ("1",): 8,
    }
    assert document.place(("b", "c", 1, "gone", 7)) == Place(6, "f.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yaml: a study file must hold keys, but it is empty; begin with name: my-study"),
        ("# only this\n", "f.yaml: a study file must hold keys, but it is empty; begin with name: my-study"),
        (
            "\n- a",
            "f.yaml:2: a study file must be keys with values, but is a list; begin with name: my-study",
        ),
        (
            "a",
            "f.yaml:1: a study file must be keys with values, but is a single value; begin with name: my-study",
        ),
        (
            "a:\n  b: 1\n  b: 2",
            "f.yaml:3: a.b: must be given once, but got it at f.yaml:2 too; keep one of them",
        ),
        ("a: 1\n? [b]\n: 2", "f.yaml:2: must have words as keys, but one is a list or mapping; quote it"),
        ("a: .nan", "f.yaml:1: a: must be a finite number, but got .nan; write it in digits"),
        ("a: 1e999", "f.yaml:1: a: must be a finite number, but got 1e999; write it in digits"),
        ("a: !!int b", "f.yaml:1: a: must be a finite number, but got b; write it in digits"),
        (
            "a: !!python/name:os.x",
            "f.yaml:1: a: must be a plain value, but got tag !!python/name:os.x; remove the tag",
        ),
        (
            "a: !!set {b}",
            "f.yaml:1: a: must be a plain value, but got tag !!set; remove the tag",
        ),
    ],
)
def test_what_is_no_study_file_is_told_in_one_line(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_document(text, "f.yaml")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("a: 1\n\tb: 2", r"found character '\t' that cannot start any token", "indent with spaces"),
        ("a: 1\nb: c: d", "mapping values are not allowed here", CHECK),
        ("a: &x 1\nb: *x", "aliases (*) are not taken", CHECK),
        ("a: 1\n---\nb: 1", "found another document", CHECK),
        ("a: 1\nb: \x07", "a control character is not allowed", CHECK),
    ],
)
def test_what_is_no_yaml_is_told_in_one_line(text: str, problem: str, remedy: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_document(text, "f.yaml")
    assert str(caught.value) == f"f.yaml:2: must be valid YAML, and this is not: {problem}; {remedy}"


@pytest.mark.parametrize("text", ["a: " + "9" * 5000, "a: " + "[" * 5000, "a: " + "[" * 5000 + "]" * 5000])
def test_monsters_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"^f.yaml:1: "):
        parse_document(text, "f.yaml")


@given(TREES)
def test_what_is_dumped_reads_back_by_either_version_of_yaml(tree: object) -> None:
    text = dump_yaml(tree)
    assert parse_yaml(text, lambda line: Place(line, "f"))[0] == tree
    assert yaml.safe_load(text) == tree
