from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.document import Location, parse_document, parse_yaml
from zostudy.errors import SpecError
from zostudy.yaml_text import dump_yaml

CHECK = "check quotes, brackets, colons and indentation there"
NO_SUCH = "there is no character or version of such a number"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
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
    lines = {path: location.line for path, location in document.locations.items()}
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
    assert document.location(("b", "c", 1, "gone", 7)) == Location(6, "f.yaml")


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
        ("a: !!int ''", "f.yaml:1: a: must be a finite number, but got nothing; write it in digits"),
        ("a: !!null x", "f.yaml:1: a: must be true, false or null, but got x; remove the tag"),
        ("a: !!timestamp x", "f.yaml:1: a: must be a plain value, but got tag !!timestamp; remove the tag"),
        (
            'a: "\\0"',
            "f.yaml:1: a: must be text that a file can hold, but has the character U+0000; "
            "remove it, or write a pair of \\u escapes as one character",
        ),
        (
            '? "b\\ud83d"\n: 1',
            "f.yaml:1: must be text that a file can hold, but has the character U+D83D; "
            "remove it, or write a pair of \\u escapes as one character",
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
        ("a: &x 1\nb: *x", "aliases (*) are not taken", "write the value out"),
        ("a: 1\n---\nb: 1", "found another document", "keep one document, without the line ---"),
        ("a: 1\nb: \x07", "the character U+0007 is not allowed", "remove it, and save the text as UTF-8"),
        ("a: 1\nb: \udcff", "the character U+DCFF is not allowed", "remove it, and save the text as UTF-8"),
        ('a: 1\nb: "\\U00110000"', NO_SUCH, "write the character itself"),
        ('a: 1\nb: "\\UFFFFFFFF"', NO_SUCH, "write the character itself"),
    ],
)
def test_what_is_no_yaml_is_told_in_one_line(text: str, problem: str, remedy: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_document(text, "f.yaml")
    assert str(caught.value) == f"f.yaml:2: must be valid YAML, and this is not: {problem}; {remedy}"


MONSTERS = {
    "digits": "a: " + "9" * 5000,
    "open brackets": "a: " + "[" * 5000,
    "brackets": "a: " + "[" * 5000 + "]" * 5000,
    "nested a little too deep": "a: " + "[" * 40 + "]" * 40,
    "a long version": f"%YAML 1.{'9' * 5000}\n---\na: 1",
    "billion laughs": "a0: &a0 x\n" + "".join(f"a{n + 1}: &a{n + 1} [{f'*a{n}, ' * 9}]\n" for n in range(9)),
    "it holds itself": "a: &a [*a]",
}


@pytest.mark.slow
@pytest.mark.parametrize("text", MONSTERS.values(), ids=MONSTERS)
def test_monsters_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"^f.yaml:[12]: [^\n]+; [^\n]+$"):
        parse_document(text, "f.yaml")


@given(TREES)
def test_what_is_dumped_reads_back_by_either_version_of_yaml(tree: object) -> None:
    text = dump_yaml(tree)
    assert parse_yaml(text, lambda line: Location(line, "f"))[0] == tree
    assert yaml.safe_load(text) == tree


def test_what_occurs_twice_is_written_twice() -> None:
    ratios = [1, 10]
    tree = {"a": ratios, "b": {"c": ratios}}
    assert parse_document(dump_yaml(tree), "f").data == tree


def test_data_that_is_not_plain_is_told_in_one_line() -> None:
    itself: list[object] = []
    itself.append(itself)
    for data in ({"a": object()}, {"a": itself}, {"a": Location(1, "f")}, {object(): 1}):
        with pytest.raises(SpecError, match=r"^a study must be .*; .*$"):
            dump_yaml(data)


@settings(max_examples=50)
@given(
    st.text(st.sampled_from("ab:-[]{}&*!?|>'\"%@`#,\\ux0U1\n\t \0\x1b\x85\u2028\ud800\ufeff\U0010ffff"), max_size=30)
)
def test_any_text_is_plain_data_or_one_line(text: str) -> None:
    try:
        data, _ = parse_yaml(text, lambda line: Location(line, "f"))
    except SpecError as error:
        message = str(error)
    else:
        message = "f: " + str(len(dump_yaml(data).encode()))
    assert message.startswith("f:")
    assert message.isprintable()
