"""One driver at a time in an object store, which has no locks. Each driver refreshes a claim and looks for others.

A claim is alive while its driver refreshes it. Ages are differences of times that the store itself wrote, so no
driver's clock matters. A driver that finds another's live claim backs off. Two that start together may both back off,
but never both proceed.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from zostudy.deadline import end_process_unless
from zostudy.errors import ResultsError
from zostudy.results.storage import Storage

CLAIMS = ".lease"
SEE = "see who runs this study, and run again"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClaimTimes:
    """The times of refreshing, in seconds.

    Attributes:
        refresh: how often a driver refreshes its claim.
        patience: how long it goes on without refreshing; a write under way may take another half a minute.
        stale: how long after its last refresh a claim no longer counts.
        end: how long a run that has lost its claim may take to end.
    """

    refresh: float = 15.0
    patience: float = 40.0
    stale: float = 90.0
    end: float = 20.0


@contextmanager
def claim(storage: Storage, times: ClaimTimes = ClaimTimes()) -> Iterator[None]:
    """Holds a study's storage for this process. After a crash it becomes free again after a while.

    Args:
        storage: in an object store.
        times: the times of refreshing.

    Raises:
        ResultsError: another driver holds it, or the storage cannot be read or written.
    """
    claims, name = storage / CLAIMS, uuid4().hex
    holder = this_process()
    claims.write(name, holder.encode())
    try:
        _await_others(claims, name, holder, times)
        with _kept_fresh(claims, name, holder, times):
            yield
    finally:
        with suppress(ResultsError):  # a claim that cannot be removed goes stale
            claims.remove(name)


def this_process() -> str:
    """Returns the text that tells other drivers who holds a study."""
    return f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def is_claimed(storage: Storage, times: ClaimTimes = ClaimTimes()) -> bool:
    """Returns whether a claim was refreshed lately, as far as this machine's clock agrees with the store's."""
    oldest = datetime.now(UTC) - timedelta(seconds=times.stale)
    return any(written > oldest for written in (storage / CLAIMS).write_times("").values())


def _await_others(claims: Storage, name: str, holder: str, times: ClaimTimes) -> None:
    """Returns when no other driver has a claim. Raises as soon as another driver is seen to be alive."""
    found = {other: claims.write_time(other) for other in claims.files() if other != name}
    if found:
        holding = _holder(claims, min(found))
        _log.info("%s: there is a claim of %s; waiting to see whether it lives", claims, holding)
    while found:
        time.sleep(times.refresh / 3)
        claims.write(name, holder.encode())
        now = claims.write_time(name)
        for other, before in list(found.items()):
            at = claims.write_time(other)
            if at is None:  # withdrawn
                del found[other]
            elif before is None or at != before:
                raise ResultsError(
                    "one driver at a time may write a study's results",
                    got=f"{claims} is held by {_holder(claims, other)}",
                    remedy="wait for it or end it, or give another location with `results`",
                )
            elif now is not None and (now - at).total_seconds() > times.stale:
                claims.remove(other)
                del found[other]
        found |= {other: claims.write_time(other) for other in claims.files() if other != name and other not in found}


def _holder(claims: Storage, name: str) -> str:
    try:
        return claims.read(name).decode(errors="replace").strip()
    except OSError:
        return "another process"


@contextmanager
def _kept_fresh(claims: Storage, name: str, holder: str, times: ClaimTimes) -> Iterator[None]:
    """Rewrites the claim regularly. Ends the run before another driver may take an unrefreshed claim for dead."""
    ended, refreshed = threading.Event(), threading.Event()
    faults: list[ResultsError] = []

    def end_the_run(got: str, remedy: str) -> None:
        if not faults:  # once: a second interrupt would reach the run as it cleans up
            fault = ResultsError(f"a driver must keep its claim in {claims} fresh", got=got, remedy=remedy)
            faults.append(fault)
            os.kill(os.getpid(), signal.SIGINT)
            # The interrupt may be ignored, or reach another thread.
            end_process_unless(ended, times.end, f"error: {fault}", fault.exit_code)

    def refresh() -> None:
        last: datetime | None = None
        while not ended.wait(times.refresh):
            with suppress(ResultsError):
                before = claims.write_time(name)
                if before is None:
                    end_the_run("another driver took it for dead and removed it", SEE)
                    return
                last = last or before
                claims.write(name, holder.encode())
                now = claims.write_time(name) or last
                if (now - last).total_seconds() > times.stale:  # as after a suspension since the look before
                    end_the_run("did so too late: another driver may have taken it for dead", SEE)
                    return
                last = now
                refreshed.set()

    def watch() -> None:
        # In a thread of its own, as refreshing may hang in a store that does not answer.
        while refreshed.wait(times.patience):
            if ended.is_set():
                return
            refreshed.clear()
        end_the_run("the store did not take it", "run again when it answers")

    threads = [threading.Thread(target=target, name="zostudy-claim", daemon=True) for target in (refresh, watch)]
    for thread in threads:
        thread.start()
    try:
        yield
    except BaseException:
        if faults:
            raise faults[0] from None
        raise
    finally:
        ended.set()
        refreshed.set()
        for thread in threads:
            thread.join(times.refresh)
