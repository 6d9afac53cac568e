"""The file systems under a storage: opens object stores, writes whole files to disk, and explains their errors."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from zostudy.errors import ResultsError
from zostudy.results.uris import Uri
from zostudy.wording import one_line

UNFINISHED = ".unfinished"
"""Ends the name of a file that is still being written."""

# A store that does not answer is an error after half a minute: a driver that has lost its storage must soon end.
CONNECT_SECONDS, ANSWER_SECONDS, MOST_TRIES, RETRY_SECONDS = 5.0, 10.0, 3, 15.0


def open_store(uri: Uri) -> fs.FileSystem:
    """Returns the file system of an object store; credentials are what its usual environment, files and roles give.

    Raises:
        OSError: the bucket's region cannot be found out.
        ResultsError: the environment's endpoint holds a password.
    """
    return _s3(uri.bucket, **uri.options) if uri.scheme == "s3" else _gs(**uri.options)


def _s3(
    bucket: str, region: str | None = None, endpoint_override: str | None = None, scheme: str | None = None
) -> fs.FileSystem:
    # Arrow itself looks at the environment for credentials and the region, but not for where the store is.
    endpoint = endpoint_override or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    if "@" in endpoint:
        raise ResultsError(
            "the address of an object store must not hold a password",
            got="AWS_ENDPOINT_URL does",
            remedy="give it in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    named_scheme, _, host = endpoint.rpartition("://")
    region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not (region or endpoint):
        region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        region=region,
        endpoint_override=host.rstrip("/") or None,
        scheme=scheme or named_scheme or None,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=ANSWER_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=MOST_TRIES),
    )


def _gs(endpoint_override: str | None = None, scheme: str | None = None) -> fs.FileSystem:
    return fs.GcsFileSystem(
        anonymous=scheme == "http",  # a token must not travel where anyone can read it
        endpoint_override=endpoint_override,
        scheme=scheme,
        retry_time_limit=timedelta(seconds=RETRY_SECONDS),
    )


def is_replaceable(path: Path) -> bool:
    """Returns whether a rename may put a file at a path: never in the place of a folder, a pipe or a device."""
    return path.is_file() or not path.exists()


def write_by_rename(path: Path, content: bytes | pa.Buffer) -> None:
    """Writes a file under another name in the same folder, brings it to disk, and only then renames it."""
    if not is_replaceable(path):
        raise OSError(errno.EINVAL, "it is a folder, a pipe or a device", str(path))
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def store_errors_explained(location: str, wanted: str, remedy: str) -> Iterator[None]:
    """Turns any error of a file system into a ``ResultsError``.

    Args:
        location: of the file or folder.
        wanted: what it must be, such as ``readable``.
        remedy: what to do.

    Raises:
        ResultsError: the file system raised something.
    """
    try:
        yield
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ResultsError(
            f"a location must be {wanted}", got=f"{location} is not ({short_reason(error)})", remedy=remedy
        ) from error


def short_reason(error: Exception) -> str:
    """Returns the message of an error, at most 200 characters; of an object store only what its server said."""
    text = one_line(error.strerror or error if isinstance(error, OSError) else error)
    begins = r"(?:Message|Details|Detail: \[errno \d+\]|operation:|last message of):?"
    answer = re.search(begins + r" (.+?)(?: \(Request ID.*| Learn more.*| error_info.*)?$", text)
    return (answer[1] if answer else text).rstrip(".")[:200]
