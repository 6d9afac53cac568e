from __future__ import annotations

import socket
import threading

import pytest

from zostudy.cluster import head_watch


def test_a_head_that_stops_answering_is_told_once_and_once_more_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(head_watch, "SECONDS_BETWEEN_LOOKS", 0.02)
    over, told, lines = threading.Event(), threading.Event(), []

    def tell(line: str) -> None:
        lines.append(line)
        told.set()

    head = socket.create_server(("127.0.0.1", 0))
    port = head.getsockname()[1]
    watch = threading.Thread(target=head_watch._watch, args=(f"127.0.0.1:{port}", over, tell))
    watch.start()
    assert not told.wait(0.2)
    head.close()
    assert told.wait(10)
    told.clear()
    assert not told.wait(0.2)
    with socket.create_server(("127.0.0.1", port)):
        assert told.wait(10)
        over.set()
        watch.join()
    gone, back = lines
    assert f"127.0.0.1:{port} does not answer" in gone
    assert "repeat the command" in gone
    assert back == f"the head node at 127.0.0.1:{port} answers again"


def test_a_ray_of_ones_own_is_not_watched() -> None:
    before = threading.active_count()
    with head_watch.watched_head(None, print):
        assert threading.active_count() == before
