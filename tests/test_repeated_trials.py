"""Reference studies that ran a configuration more than once got the same bits each time."""

from __future__ import annotations

import pytest
from tests.reading_findings import REFERENCE

from zostudy import load_results
from zostudy.cli.guide import read_guides
from zostudy.suite.leaderboard import TOLERANCE

CONFIGURATION = ["model", "task", "n_minority", "n_majority", "budget", "batch_size", "seed", "algorithm", "params"]
AT_LEAST = 100


@pytest.fixture(scope="module")
def protocol() -> str:
    return " ".join(read_guides()["trust"].split("## The protocol\n")[1].split("\n## ")[0].split())


def test_repeated_trials_agree_to_the_last_bit(protocol: str) -> None:
    trials = load_results([file.parent for file in sorted(REFERENCE.glob("**/study.yaml"))]).trials
    tuned = trials[(trials["stage"] == "confirm") & (trials["queries"] > 0) & trials["params"].notna()]
    repeated = tuned[tuned.duplicated(CONFIGURATION, keep=False)]
    points = repeated.assign(point=[latent.tobytes() for latent in repeated["latent"]]).groupby(CONFIGURATION)
    assert points.ngroups > AT_LEAST
    assert {*points["point"].nunique()} == {*points["test_auc"].nunique()} == {1}
    assert (points["study"].nunique() > 1).mean() > 0.5
    assert f"repeat over {AT_LEAST} trials of a tuned method, most of them in another study" in protocol
    assert "all repeats agree to the last bit in kept point and test AUC" in protocol


def test_the_tolerance_of_another_processor_is_told(protocol: str) -> None:
    assert f"The tolerance is {f'{TOLERANCE:g}'.lstrip('0')} in the mean test AUC of a cell over its seeds" in protocol
