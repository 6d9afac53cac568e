"""A Ray of this machine keeps to itself: it listens on loopback, asks for a token, and serves no metrics."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from zostudy.cluster.environment import environment

# Ray has no setting that turns these servers off, but goes on without a server whose port cannot be opened.
NO_PORT = "65536"
WITHOUT_METRICS = {
    "RAY_enable_metrics_collection": "0",
    "AUTOSCALER_METRIC_PORT": NO_PORT,
    "DASHBOARD_METRIC_PORT": NO_PORT,
}


@contextmanager
def on_loopback() -> Iterator[None]:
    """Has a Ray that is started meanwhile keep to itself, whatever the environment says; its processes inherit this.

    The token is a fresh one. Ray remembers it in this process until ``read_token_settings`` is called.
    """
    from ray._private import ray_constants

    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    clusters = ray_constants.ENABLE_RAY_CLUSTER
    with environment(WITHOUT_METRICS | token):
        read_token_settings()
        ray_constants.ENABLE_RAY_CLUSTER = False  # then a node's address is 127.0.0.1, and all servers listen there
        try:
            yield
        finally:
            ray_constants.ENABLE_RAY_CLUSTER = clusters


def read_token_settings() -> None:
    """Has Ray read anew from the environment whether it sends a token, and which; it does so once by itself."""
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
