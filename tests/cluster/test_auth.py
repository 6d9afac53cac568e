from __future__ import annotations

from pathlib import Path

import pytest

from zostudy.cluster.auth import Token, find_token
from zostudy.errors import ZostudyError


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_token_is_found_where_ray_itself_looks(tmp_path: Path) -> None:
    assert find_token({}, on_this_machine=True) is None
    (tmp_path / "file").write_text("of-file\n")
    environment = {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "file"), "RAY_AUTH_TOKEN": "of-variable"}
    assert find_token(environment, on_this_machine=False) == Token("RAY_AUTH_TOKEN", "of-variable")
    del environment["RAY_AUTH_TOKEN"]
    assert find_token(environment, on_this_machine=False) == Token(str(tmp_path / "file"), "of-file")
    assert find_token(environment | {"RAY_AUTH_MODE": "disabled"}, on_this_machine=True) is None


def test_the_token_of_this_machines_clusters_goes_nowhere_else_unasked(tmp_path: Path) -> None:
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("of-home\n")
    of_home = Token(str(tmp_path / ".ray" / "auth_token"), "of-home")
    assert find_token({}, on_this_machine=True) == of_home
    assert find_token({}, on_this_machine=False) is None
    assert find_token({"RAY_AUTH_MODE": "token"}, on_this_machine=False) == of_home
    assert "of-home" not in repr(of_home)


def test_a_token_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ZostudyError, match="No such file"):
        find_token({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")}, on_this_machine=False)


@pytest.mark.parametrize("token", ["abc-secret\ndef", "abc-secret def", "abc-secret\N{SNOWMAN}"])
def test_a_token_that_no_header_can_carry_is_refused_and_never_shown(tmp_path: Path, token: str) -> None:
    (tmp_path / "file").write_text(token)
    for name, value in (("RAY_AUTH_TOKEN", token), ("RAY_AUTH_TOKEN_PATH", str(tmp_path / "file"))):
        with pytest.raises(ZostudyError, match="must be one word of ASCII characters") as refused:
            find_token({name: value}, on_this_machine=False)
        assert "secret" not in str(refused.value)
    (tmp_path / "file").write_text("\n")
    with pytest.raises(ZostudyError, match=r"but .*file is empty"):
        find_token({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "file")}, on_this_machine=False)
