from __future__ import annotations

from pathlib import Path

import numpy as np

from zostudy.results.checkpoints import Checkpoints

STATE = {"latent": np.arange(4, dtype=np.float32), "queries": 12, "text": "a", "history.loss": np.array([np.nan, 0.5])}


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
    assert Checkpoints(tmp_path, "bfloat16").load("t") is None
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


def test_a_torn_file_is_as_good_as_none(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save("t", STATE)
    [path] = (tmp_path / "checkpoints").iterdir()
    whole = path.read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert checkpoints.load("t") is None


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save("t", STATE)
    [path] = (tmp_path / "checkpoints").iterdir()
    np.savez(path, allow_pickle=True, latent=np.array([{"an": "object"}], dtype=object))
    assert checkpoints.load("t") is None
