from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import datetime
from uuid import uuid4

import pytest

from zostudy.errors import ResultsError
from zostudy.results.claims import CLAIMS, ClaimTimes, claim
from zostudy.results.lease import lease
from zostudy.results.storage import Storage

QUICK = ClaimTimes(refresh=1.5, stale=4.0)  # S3 gives times in whole seconds


@pytest.fixture(params=["s3", "gs"])
def storage(request: pytest.FixtureRequest) -> Storage:
    return Storage.at(request.getfixturevalue(f"{request.param}_uri")(uuid4().hex))


def remove_claims(storage: Storage) -> None:
    """Removes all claims, for a while: a driver that has just looked for its own writes it once more."""
    for _ in range(100):
        for name in (storage / CLAIMS).files():
            (storage / CLAIMS).remove(name)
        threading.Event().wait(0.5)


def test_a_place_is_free_again_when_its_driver_ends(storage: Storage) -> None:
    for _ in range(2):
        with lease(storage):
            assert len((storage / CLAIMS).files()) == 1
        assert (storage / CLAIMS).files() == []


@pytest.mark.slow
def test_a_second_driver_is_refused_while_the_first_lives_and_leaves_no_claim(
    storage: Storage, logged: list[str]
) -> None:
    with claim(storage, QUICK):
        with pytest.raises(ResultsError, match="is held by process") as refused, claim(storage, QUICK):
            pytest.fail("both were let in")
        assert len((storage / CLAIMS).files()) == 1
    assert len(logged) == 1
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_the_claim_of_a_driver_that_died_goes_stale(storage: Storage, logged: list[str]) -> None:
    (storage / CLAIMS).write("dead", b"process 1 on another host")
    with claim(storage, QUICK):
        assert "dead" not in (storage / CLAIMS).files()
    assert "process 1 on another host" in logged[0]


def test_a_driver_ends_when_its_claim_was_taken_for_dead(storage: Storage) -> None:
    lost = pytest.raises(ResultsError, match="another driver took it for dead and removed it; see who runs")
    with lost as told, claim(storage, ClaimTimes(refresh=0.1)):
        remove_claims(storage)
    assert "\n" not in str(told.value)
    assert (storage / CLAIMS).files() == []


def test_a_driver_ends_when_the_store_does_not_answer_any_more(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    lost = pytest.raises(ResultsError, match="the store did not take it; run again when it answers")
    try:
        with lost, claim(storage, ClaimTimes(refresh=0.1, patience=0.5)):
            monkeypatch.setattr(Storage, "write", lambda *_: answers.wait())
            threading.Event().wait(60)
    finally:
        answers.set()
    assert (storage / CLAIMS).files() == []


def test_a_driver_that_lost_its_claim_cleans_up_undisturbed(storage: Storage) -> None:
    cleaned, times = threading.Event(), ClaimTimes(refresh=0.1, patience=0.5)
    lost = pytest.raises(ResultsError, match="must keep its claim")  # which of two faults is seen first does not matter
    with lost, claim(storage, times):
        try:
            remove_claims(storage)
        finally:
            threading.Event().wait(1)
            cleaned.set()
    assert cleaned.is_set()


@pytest.mark.slow
def test_a_driver_that_was_suspended_too_long_as_it_refreshed_its_claim_ends(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    look, second_is_in, over = Storage.write_time, threading.Event(), threading.Event()

    def look_and_wait(claims: Storage, name: str) -> datetime | None:
        time = look(claims, name)
        if threading.current_thread().name == "zostudy-claim":
            second_is_in.wait()
        return time

    def drive() -> None:
        with claim(storage, QUICK):
            second_is_in.set()
            over.wait(60)

    monkeypatch.setattr(Storage, "write_time", look_and_wait)
    second = threading.Thread(target=drive)
    try:
        lost = pytest.raises(ResultsError, match="did so too late: another driver may have taken it for dead; see who")
        with lost, claim(storage, QUICK):
            second.start()
            threading.Event().wait(60)
    finally:
        over.set()
        second.join()
    assert (storage / CLAIMS).files() == []


@pytest.mark.slow
def test_a_driver_that_takes_no_interrupt_ends_when_it_has_lost_its_claim(storage: Storage) -> None:
    script = """
import signal, sys, time
from zostudy.results.claims import CLAIMS, ClaimTimes, claim
from zostudy.results.storage import Storage
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell's script does to what it starts with &
storage = Storage.at(sys.argv[1])
with claim(storage, ClaimTimes(refresh=0.1, end=0.2)):
    for _ in range(100):
        for name in (storage / CLAIMS).files():
            (storage / CLAIMS).remove(name)
        time.sleep(0.5)
print("went on")
"""
    command = [sys.executable, "-c", script, str(storage)]
    ended = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert (ended.returncode, ended.stdout) == (ResultsError.exit_code, "")
    assert "another driver took it for dead and removed it" in ended.stderr.splitlines()[-1]


@pytest.mark.slow
def test_of_two_that_begin_at_once_never_both_get_in(storage: Storage) -> None:
    inside, most, lock, begin = 0, 0, threading.Lock(), threading.Barrier(3)

    def drive() -> None:
        nonlocal inside, most
        begin.wait()
        try:
            with claim(storage, QUICK):
                with lock:
                    inside += 1
                    most = max(most, inside)
                threading.Event().wait(2.0)
                with lock:
                    inside -= 1
        except ResultsError:
            pass

    threads = [threading.Thread(target=drive) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 1
    assert (storage / CLAIMS).files() == []
