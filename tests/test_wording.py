"""Names and values in messages: on one line, visible, and with what is near to them."""

from __future__ import annotations

import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zostudy.console.log import show_log
from zostudy.errors import DataError, SpecError
from zostudy.printing import print_lines, print_text
from zostudy.wording import comma_list, counted, file_suggestion, nearest, printable, quoted, suggestion

ANY_TEXT = st.text(st.characters(), max_size=20)
HOSTILE = "\x1b[2J\x9b31m\u202e\u2066\u200b\ufeff\x07\r\n\u2028\udcff\U000e0001"


@given(ANY_TEXT)
def test_whatever_a_text_holds_it_is_shown_on_one_line(text: str) -> None:
    error = str(SpecError(text, got=text, remedy=text, about=text))
    for shown in (printable(text), quoted(text), comma_list([text, text]), error):
        assert shown.isprintable()
    assert printable(printable(text)) == printable(text)
    assert printable(text) == text or not text.isprintable()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("label", "label"),
        ("test_auc-1.5/a", "test_auc-1.5/a"),
        ("naïve", "naïve"),
        (" label", "' label'"),
        ("not good", "'not good'"),
        ("", "''"),
        ("a,b", "'a,b'"),
        ("a\tb", r"'a\tb'"),
        ("\u202etxt", r"'\u202etxt'"),
        (1, "1"),
    ],
)
def test_a_name_is_bare_where_it_is_a_plain_word(name: object, shown: str) -> None:
    assert quoted(name) == shown


def test_of_many_names_the_first_are_listed() -> None:
    assert comma_list(["text", " label"]) == "text, ' label'"
    assert comma_list(map(str, range(1200))).endswith("18, 19 and 1,180 more")


def test_what_is_near_is_suggested_as_it_is_written() -> None:
    assert suggestion("label", ["text", " label"], "") == "did you mean ' label'?"
    assert suggestion("LABLE", ["text", "label"], "") == "did you mean label?"
    assert suggestion("zebra", ["text", "label"], "name one") == "name one"
    assert nearest("a" * 10**6, ["a" * 10**6]) is None


def test_files_are_near_by_their_names_without_folder_and_ending() -> None:
    assert file_suggestion("nofile.yaml", ["odd.yaml"], "mend it") == "mend it"
    assert file_suggestion("a/tickts.tsv", ["b/tickets.csv", "b/odd.csv"], "") == "did you mean b/tickets.csv?"


def test_one_thing_is_no_plural() -> None:
    assert [counted(n, "row") for n in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]


def test_an_error_is_one_line_and_escapes_what_the_user_wrote() -> None:
    error = DataError(f"class {HOSTILE}", got=HOSTILE)
    assert str(error) == f"class {printable(HOSTILE)}, but {printable(HOSTILE)}"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_what_is_said_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(HOSTILE, "", 1)
    show_log()
    logging.getLogger("zostudy.made").info("%s", HOSTILE)
    print_text(f"a\n\tb {HOSTILE}")
    out, err = capsys.readouterr()
    assert out.startswith(f"{printable(HOSTILE)}\n\n1\na\n\tb ")
    assert err == f"{printable(HOSTILE)}\n"
    assert (out + err).replace("\n", "").replace("\t", "").isprintable()
