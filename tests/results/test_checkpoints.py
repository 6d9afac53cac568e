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
