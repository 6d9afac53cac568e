from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.results.checkpoints import Checkpoints

STATE: dict[str, Any] = {
    "latent": np.arange(4, dtype=np.float32),
    "queries": 12,
    "text": "a",
    "history.loss": np.array([np.nan, 0.5]),
}


def test_what_was_saved_comes_back_as_it_was(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.load("t") is None
    checkpoints.save("t", {"latent": np.zeros(1)})
    checkpoints.save("t", STATE)
    loaded = checkpoints.load("t")
    assert loaded is not None
    assert loaded.keys() == STATE.keys()
    assert loaded["latent"].dtype == np.float32
    np.testing.assert_array_equal(loaded["latent"], STATE["latent"])
    np.testing.assert_array_equal(loaded["history.loss"], STATE["history.loss"])
    assert (int(loaded["queries"]), str(loaded["text"])) == (12, "a")
    checkpoints.remove("t")
    assert checkpoints.load("t") is None
    checkpoints.remove("t")


def test_a_state_of_another_condition_is_not_loaded(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "float32").save("t", STATE)
    told: list[str] = []
    assert Checkpoints(tmp_path, "bfloat16", told.append).load("t") is None
    assert told == ["t begins anew: it was saved under float32, and this run has bfloat16"]
    loaded = Checkpoints(tmp_path, "float32").load("t")
    assert loaded is not None
    assert loaded.keys() == STATE.keys()


def test_what_a_crash_left_of_trials_that_ended_is_swept_away(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save("ended", STATE)
    Checkpoints(tmp_path).save("running", STATE)
    (tmp_path / "checkpoints" / "running.npz.unfinished").write_bytes(b"half")
    checkpoints = Checkpoints(tmp_path)
    checkpoints.sweep(["ended", "another"])
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["running.npz"]
    assert checkpoints.load("ended") is None
    assert checkpoints.load("running") is not None


def content(older: bool) -> bytes:
    """The bytes of a saved state; an older zostudy wrote the archive alone."""
    with TemporaryDirectory() as folder:
        Checkpoints(folder).save("t", STATE)
        whole = (Path(folder) / "checkpoints" / "t.npz").read_bytes()
    return whole[whole.index(b"PK") :] if older else whole


WHOLE = {older: content(older) for older in (True, False)}


def loaded_from(folder: Path, saved: bytes) -> tuple[dict[str, Any] | None, list[str]]:
    """What is loaded from a file of these bytes, and what is told."""
    (folder / "checkpoints").mkdir(exist_ok=True)
    (folder / "checkpoints" / "t.npz").write_bytes(saved)
    told: list[str] = []
    return Checkpoints(folder, notify=told.append).load("t"), told


def check_same_or_set_aside(saved: bytes) -> None:
    with TemporaryDirectory() as folder:
        state, told = loaded_from(Path(folder), saved)
        left = [path.name for path in (Path(folder) / "checkpoints").iterdir()]
        aside = Path(folder) / "damaged" / "checkpoints" / "t.npz-0"
        if state is None:
            [line] = told
            assert line.startswith("set aside: checkpoints/t.npz cannot be read (")
            assert line.endswith("); its trial begins anew")
            assert "\n" not in line
            assert (left, aside.read_bytes()) == ([], saved)
        else:
            assert (told, left) == ([], ["t.npz"])
            assert state.keys() == STATE.keys()
            assert all(np.array_equal(state[name], STATE[name], equal_nan=name != "text") for name in STATE)
            assert all(state[name].dtype == np.asarray(STATE[name]).dtype for name in STATE)


@pytest.mark.parametrize("older", [True, False])
@settings(max_examples=50)
@given(data=st.data())
def test_a_changed_byte_loads_the_same_state_or_is_set_aside_with_a_line(data: st.DataObject, older: bool) -> None:
    whole = WHOLE[older]
    position = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.integers(1, 255))
    check_same_or_set_aside(whole[:position] + bytes([whole[position] ^ change]) + whole[position + 1 :])


@pytest.mark.parametrize("older", [True, False])
@settings(max_examples=20)
@given(data=st.data())
def test_a_file_that_is_cut_or_goes_on_is_set_aside(data: st.DataObject, older: bool) -> None:
    whole = WHOLE[older]
    check_same_or_set_aside(whole[: data.draw(st.integers(0, len(whole) - 1))])
    check_same_or_set_aside(whole + data.draw(st.binary(min_size=1, max_size=9)))


def test_with_a_checksum_no_change_goes_unnoticed(tmp_path: Path) -> None:
    whole = WHOLE[False]
    assert loaded_from(tmp_path, whole)[0] is not None
    for position in range(0, len(whole), 17):
        state, told = loaded_from(tmp_path, whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert (state, len(told)) == (None, 1)


def archive(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "saved",
    [
        archive(condition="", latent=np.array([{"an": "object"}], dtype=object)),
        archive(latent=np.zeros(2)),
        archive(),
        b"",
        b"PK",
        np.lib.format.magic(1, 0) + b"v\0{'descr': '<f4'",
    ],
    ids=["objects", "no condition", "empty archive", "no bytes", "two bytes", "a torn array"],
)
def test_nothing_is_ever_unpickled_and_what_is_no_state_is_set_aside(tmp_path: Path, saved: bytes) -> None:
    state, told = loaded_from(tmp_path, saved)
    assert (state, len(told)) == (None, 1)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save("t", STATE)
    assert checkpoints.load("t") is not None


def test_what_stands_in_the_way_of_a_file_is_set_aside(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    (folder / "a.npz").mkdir(parents=True)
    (folder / "b.npz").symlink_to(tmp_path / "nowhere")
    (folder / "c.npz").symlink_to(tmp_path / "elsewhere.npz")
    (folder / "d.npz.unfinished").mkdir()
    (tmp_path / "elsewhere.npz").write_bytes(WHOLE[False])
    told: list[str] = []
    checkpoints = Checkpoints(tmp_path, notify=told.append)
    checkpoints.sweep([])
    names = ["a.npz", "b.npz", "c.npz", "d.npz.unfinished"]
    assert told == [f"set aside: checkpoints/{name} is not a file of its own; its trial begins anew" for name in names]
    for trial in "abcd":
        assert checkpoints.load(trial) is None
        checkpoints.save(trial, STATE)
        assert Checkpoints(tmp_path).load(trial) is not None
    assert (tmp_path / "elsewhere.npz").read_bytes() == WHOLE[False]


def test_a_refused_state_is_set_aside_each_under_a_name_of_its_own(tmp_path: Path) -> None:
    told: list[str] = []
    checkpoints = Checkpoints(tmp_path, notify=told.append)
    for number in range(2):
        checkpoints.save("t", STATE)
        checkpoints.refuse("t", "KeyError: 'identity'")
        assert checkpoints.load("t") is None
        assert (tmp_path / "damaged" / "checkpoints" / f"t.npz-{number}").is_file()
    assert told[0] == ("set aside: checkpoints/t.npz cannot be resumed (KeyError: 'identity'); its trial begins anew")
    checkpoints.refuse("t", "it is gone already")
    assert len(told) == 2
