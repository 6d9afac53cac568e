"""The head node of a Ray cluster, over HTTP: transient errors are retried, other errors become one line."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import re
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.parse import urlsplit

from zostudy.cluster.auth import find_token
from zostudy.cluster.driver_process import environment
from zostudy.cluster.head_errors import has_cause, http_status, in_short, is_transient, remedy
from zostudy.errors import ZostudyError

PATIENCE_SECONDS = 60.0
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 60.0
SILENT_LOG_SECONDS = 60.0
"""After this time without a line, a connection that gives a job's log is opened again, as it may have been lost."""
OTHER_ADDRESSES = {"RAY_ADDRESS": None, "RAY_API_SERVER_ADDRESS": None}
"""Ray would prefer these variables to the address that its caller gives."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class NotThereError(ZostudyError):
    """The head has nothing of the name that was asked for."""


class HeadNode:
    """A head node whose dashboard answers and lets us in."""

    def __init__(self, address: str, patience: float = PATIENCE_SECONDS) -> None:
        """Connects.

        Args:
            address: of the dashboard, such as ``http://HEAD:8265``; ``RAY_ADDRESS`` is ignored.
            patience: seconds for which requests are repeated after errors that may pass.

        Raises:
            ZostudyError: the address is malformed, nothing or something else answers there, or it does not let us in.
        """
        self.address = _checked(address)
        self._patience = patience
        self._token = find_token(os.environ, self.on_this_machine)
        self.ray_version = self._tried(self._version)
        self._client = self._tried(self._connect)

    @property
    def on_this_machine(self) -> bool:
        """True if the address is a loopback one: the head runs here, or at the far end of a tunnel."""
        host = urlsplit(self.address).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def ask(self, request: Callable[[Any], T]) -> T:
        """Returns the result of a request.

        Args:
            request: given Ray's ``JobSubmissionClient``; may be called again after an error.

        Raises:
            NotThereError: the head answered that there is no such thing.
            ZostudyError: the head did not answer, or with an error.
        """
        return self._tried(lambda: request(self._client))

    def tail(self, job_id: str) -> Iterator[str]:
        """Yields a job's log from its beginning, and new text as it comes, until job or connection end."""
        from aiohttp import ClientError

        with asyncio.Runner() as runner:
            log = self._client.tail_job_logs(job_id)
            while True:
                try:
                    yield runner.run(_next(log))
                except (StopAsyncIteration, ClientError, OSError, RuntimeError):
                    return

    def check_version(self) -> None:
        """Checks that both sides run the same Ray.

        Raises:
            ZostudyError: they do not.
        """
        import ray

        if ray.__version__ != self.ray_version:
            raise ZostudyError(
                "a study must be submitted with the cluster's version of Ray",
                got=f"{self.address} runs {self.ray_version} and this machine {ray.__version__}",
                remedy=f"run here: pip install 'ray[default,tune]=={self.ray_version}'",
            )

    def _version(self) -> str:
        import requests

        url, limits = f"{self.address}/api/version", (CONNECT_SECONDS, ANSWER_SECONDS)
        try:
            answer = requests.get(url, headers=self._headers, timeout=limits, allow_redirects=False)
        except requests.exceptions.ConnectionError as error:
            if has_cause(error, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)):
                raise
            if has_cause(error, (HTTPException,)):
                raise self._no_dashboard() from None
            raise ZostudyError(
                "a Ray dashboard must answer at `address`",
                got=f"none does at {self.address} ({in_short(error)})",
                remedy="check the address, and that the head runs, with ray[default] installed",
            ) from error
        if answer.status_code in (401, 403):
            raise self._refused(answer.status_code)
        if answer.status_code >= 500:
            raise RuntimeError(f"status code {answer.status_code}: {answer.reason}")
        try:
            return str(answer.json()["ray_version"])
        except (ValueError, KeyError, TypeError):
            raise self._no_dashboard() from None

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": self._token.header} if self._token else {}

    def _connect(self) -> Any:
        from ray.job_submission import JobSubmissionClient

        class Client(JobSubmissionClient):
            """Sends a request as Ray does, but with a timeout: Ray has none, and offers no other way to set one."""

            def _do_request(self, *arguments: Any, **options: Any) -> Any:
                limits = {"timeout": (CONNECT_SECONDS, ANSWER_SECONDS)}
                return super()._do_request(*arguments, **(limits | options))

        for name in ("dashboard.modules.dashboard_sdk", "dashboard.modules.job.sdk", "_private.runtime_env.packaging"):
            logging.getLogger(f"ray.{name}").setLevel(logging.ERROR)
        with environment(OTHER_ADDRESSES):
            return Client(self.address, headers=self._headers)

    def _tried(self, request: Callable[[], T]) -> T:
        """Returns the result of the request, repeated for a while if its error may pass."""
        from ray.exceptions import AuthenticationError
        from requests.exceptions import RequestException
        from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

        retrying = Retrying(
            retry=retry_if_exception(is_transient),
            stop=stop_after_delay(self._patience),
            wait=wait_exponential(0.5, max=5.0),
            before_sleep=self._log_first_failure,
            reraise=True,
        )
        try:
            return retrying(request)
        except AuthenticationError as error:
            raise self._refused(401 if "required" in error.message else 403) from None
        except (RequestException, ConnectionError, RuntimeError) as error:
            if http_status(error) == 404:
                raise NotThereError(in_short(error)) from error
            raise ZostudyError(
                f"the head at {self.address} does not do as asked ({in_short(error)})", remedy=remedy(error)
            ) from error

    def _log_first_failure(self, state: Any) -> None:
        if state.attempt_number == 1:
            fault = in_short(state.outcome.exception())
            _log.info("%s: %s; trying again for %.0f seconds", self.address, fault, self._patience)

    def _no_dashboard(self) -> ZostudyError:
        return ZostudyError(
            "a Ray dashboard must answer at `address`",
            got=f"something else does at {self.address}",
            remedy="give the head's address with the dashboard's port, such as http://HEAD:8265",
        )

    def _refused(self, status: int) -> ZostudyError:
        set_token = "set RAY_AUTH_TOKEN to the cluster's token, or RAY_AUTH_TOKEN_PATH to a file that holds it"
        if self._token is not None:
            return ZostudyError(
                f"the cluster at {self.address} refuses the token of {self._token.source}", remedy=set_token
            )
        is_disabled = os.environ.get("RAY_AUTH_MODE", "").lower() == "disabled"
        return ZostudyError(
            f"the cluster at {self.address} wants a token ({status})",
            got="RAY_AUTH_MODE=disabled forbids to send one" if is_disabled else "none was sent",
            remedy=f"unset it, and {set_token}" if is_disabled else set_token,
        )


async def _next(log: Any) -> str:
    async with asyncio.timeout(SILENT_LOG_SECONDS):
        return str(await anext(log))


def _checked(address: str) -> str:
    try:
        parts = urlsplit(address)
        bad = parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.port == 0
        bad = bad or not (parts.hostname or "").encode("idna")
    except ValueError:  # a malformed port or host name
        bad = True
    if bad:
        shown = re.sub(r"//.*@", "//...@", address)
        raise ZostudyError(
            "`address` must be the http or https address of the head's dashboard, without a password in it",
            got=f"got '{shown}'",
            remedy="give it as http://HEAD:8265",
        )
    return address.rstrip("/")
