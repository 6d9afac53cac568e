"""The head node of a Ray cluster, asked over HTTP: what passes is tried again, what does not is told in one line."""

from __future__ import annotations

import ipaddress
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.parse import urlsplit

from zostudy.cluster.auth import find_token
from zostudy.errors import ZostudyError

PATIENCE_SECONDS = 60.0
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 60.0
NO_AGENT = re.compile("No available agent|Failed to get head node agent")
OTHER_ADDRESSES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")

T = TypeVar("T")

_log = logging.getLogger(__name__)


class NotThereError(ZostudyError):
    """The head knows nothing of that name."""


class HeadNode:
    """A head node whose dashboard answers and lets us in."""

    def __init__(self, address: str, patience: float = PATIENCE_SECONDS) -> None:
        """Connects.

        Args:
            address: of the dashboard, such as ``http://HEAD:8265``; what ``RAY_ADDRESS`` says is not looked at.
            patience: seconds for which what may pass is tried again.

        Raises:
            ZostudyError: the address is none, nothing or something else answers there, or it does not let us in.
        """
        self.address = _checked(address)
        self._patience = patience
        self._token = find_token(os.environ, self.on_this_machine)
        self.ray_version = self._tried(self._version)
        self._client = self._tried(self._connect)

    @property
    def on_this_machine(self) -> bool:
        """Whether the address is a loopback one: the head runs here, or at the far end of a tunnel."""
        host = urlsplit(self.address).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def ask(self, request: Callable[[Any], T]) -> T:
        """Returns what a request makes of Ray's ``JobSubmissionClient``.

        Args:
            request: given the client; may be called again after an error.

        Raises:
            NotThereError: the head answered that there is no such thing.
            ZostudyError: the head did not answer, or with an error.
        """
        return self._tried(lambda: request(self._client))

    def check_version(self) -> None:
        """Checks that both sides run the same Ray.

        Raises:
            ZostudyError: they do not.
        """
        import ray

        if ray.__version__ != self.ray_version:
            raise ZostudyError(
                f"a study must be submitted with the cluster's version of Ray, but {self.address} runs "
                f"{self.ray_version} and this machine {ray.__version__}; "
                f"run here: pip install 'ray[default,tune]=={self.ray_version}'"
            )

    def _version(self) -> str:
        import requests

        url, limits = f"{self.address}/api/version", (CONNECT_SECONDS, ANSWER_SECONDS)
        try:
            answer = requests.get(url, headers=self._headers, timeout=limits, allow_redirects=False)
        except requests.exceptions.ConnectionError as error:
            if _has_cause(error, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)):
                raise
            if _has_cause(error, (HTTPException,)):
                raise self._no_dashboard() from None
            raise self._unreachable(error) from error
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
        return {"Authorization": f"Bearer {self._token.value}"} if self._token else {}

    def _connect(self) -> Any:
        from ray.job_submission import JobSubmissionClient

        class Client(JobSubmissionClient):
            """Ray's, but it does not wait for ever for an answer."""

            def _do_request(self, *arguments: Any, **options: Any) -> Any:
                limits = {"timeout": (CONNECT_SECONDS, ANSWER_SECONDS)}
                return super()._do_request(*arguments, **(limits | options))

        for name in ("ray.dashboard.modules.dashboard_sdk", "ray._private.runtime_env.packaging"):
            logging.getLogger(name).setLevel(logging.ERROR)
        with _without(OTHER_ADDRESSES):
            return Client(self.address, headers=self._headers)

    def _tried(self, request: Callable[[], T]) -> T:
        """Returns what the request gives, made again for a while where its error may pass."""
        from ray.exceptions import AuthenticationError
        from requests.exceptions import RequestException
        from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

        retrying = Retrying(
            retry=retry_if_exception(_may_pass),
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
            raise self._failed(error) from error

    def _log_first_failure(self, state: Any) -> None:
        if state.attempt_number == 1:
            fault = _fault(state.outcome.exception())
            _log.info("%s: %s; trying again for %.0f seconds", self.address, fault, self._patience)

    def _failed(self, error: Exception) -> ZostudyError:
        fault = _fault(error)
        if _status(error) == 404:
            return NotThereError(fault)
        if NO_AGENT.search(str(error)):
            remedy = "give the cluster time to start; else the head's dashboard_agent.log says why there is none"
        elif _may_pass(error):
            remedy = "see that the head lives, and try again"
        else:
            remedy = "the head's dashboard.log says more"
        return ZostudyError(f"the head at {self.address} does not do as asked ({fault}); {remedy}")

    def _unreachable(self, error: Exception) -> ZostudyError:
        return ZostudyError(
            f"a Ray dashboard must answer at --address, but none does at {self.address} ({_fault(error)}); "
            "check the address, and that the head runs, with ray[default] installed"
        )

    def _no_dashboard(self) -> ZostudyError:
        return ZostudyError(
            f"a Ray dashboard must answer at --address, but something else does at {self.address}; "
            "give the head's address with the dashboard's port, such as http://HEAD:8265"
        )

    def _refused(self, status: int) -> ZostudyError:
        remedy = "set RAY_AUTH_TOKEN to the cluster's token, or RAY_AUTH_TOKEN_PATH to a file that holds it"
        if self._token is None:
            disabled = os.environ.get("RAY_AUTH_MODE", "").lower() == "disabled"
            none = "RAY_AUTH_MODE=disabled forbids to send one" if disabled else "none was sent"
            return ZostudyError(
                f"the cluster at {self.address} wants a token ({status}), but {none}; "
                f"{'unset it, and ' if disabled else ''}{remedy}"
            )
        return ZostudyError(f"the cluster at {self.address} refuses the token of {self._token.source}; {remedy}")


def _checked(address: str) -> str:
    try:
        parts = urlsplit(address)
        bad = parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.port == 0
        bad = bad or not (parts.hostname or "").encode("idna")
    except ValueError:  # a port that is no number, a name that is none
        bad = True
    if bad:
        shown = re.sub(r"//.*@", "//...@", address)
        raise ZostudyError(
            "--address must be the http or https address of the head's dashboard, without a password in it, "
            f"but got '{shown}'; give it as http://HEAD:8265"
        )
    return address.rstrip("/")


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Hides environment variables, which Ray would prefer to what its caller says."""
    hidden = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _may_pass(error: BaseException) -> bool:
    from requests.exceptions import ChunkedEncodingError, Timeout
    from requests.exceptions import ConnectionError as ConnectionFault

    if isinstance(error, ZostudyError):
        return False
    if isinstance(error, ConnectionFault | Timeout | ChunkedEncodingError | ConnectionError):
        return True
    return (_status(error) or 0) >= 500


def _status(error: BaseException) -> int | None:
    """Returns the HTTP status that Ray's client put into an error, or None."""
    response = getattr(error, "response", None)
    if response is not None:
        return int(response.status_code)
    found = re.search(r"status code (\d{3})", str(error))
    return int(found[1]) if found else None


def _has_cause(error: BaseException | None, kinds: tuple[type[BaseException], ...]) -> bool:
    """Whether an error is one of these kinds, or came of one."""
    while error is not None:
        if isinstance(error, kinds):
            return True
        error = error.__cause__ or error.__context__
    return False


def _fault(error: BaseException) -> str:
    """Returns what an error says, short: of a traceback the last line, of nested connection errors the system's."""
    text = str(error)
    if NO_AGENT.search(text):
        return "it has no job agent yet"
    if system := re.search(r"\[Errno -?\d+\] ([^'\")]+)", text):
        return system[1]
    if "timed out" in text:
        return "no answer in time"
    lines = [line.strip() for line in text.splitlines() if line.strip(" .")]
    return (lines[-1] if lines else type(error).__name__)[:200].rstrip(".")
