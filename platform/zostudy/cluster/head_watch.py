"""Whether the head node still answers: without it Ray ends the driver after a minute, and does not say what to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS_BETWEEN_LOOKS = 3.0
ANSWER_SECONDS = 5.0
LOOKS_IN_VAIN = 2

Tell = Callable[[str], None]


@contextmanager
def watched_head(address: str | None, tell: Tell) -> Iterator[None]:
    """Tells a user when the head node of the cluster has stopped answering, and when it answers again.

    Args:
        address: of a cluster that this process is attached to; None for a Ray of its own, which is not watched.
        tell: takes the line, in a thread of its own.
    """
    if address is None:
        yield
        return
    import ray

    over = threading.Event()
    head = ray.get_runtime_context().gcs_address
    threading.Thread(target=_watch, args=(head, over, tell), name="zostudy-head-watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _watch(head: str, over: threading.Event, tell: Tell) -> None:
    in_vain = 0
    while not over.wait(SECONDS_BETWEEN_LOOKS):
        if _answers(head):
            if in_vain >= LOOKS_IN_VAIN:
                tell(f"the head node at {head} answers again")
            in_vain = 0
            continue
        in_vain += 1
        if in_vain == LOOKS_IN_VAIN and not over.is_set():
            tell(
                f"the head node at {head} does not answer; unless it is back within a minute, Ray will end this run: "
                "then start the cluster again and repeat the command, which goes on from what is stored"
            )


def _answers(head: str) -> bool:
    host, _, port = head.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS).close()
    except OSError:
        return False
    return True
