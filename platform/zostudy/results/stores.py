"""Object stores: S3 and what speaks its language, and Google's; none is waited for in vain for minutes."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

from pyarrow import fs

from zostudy.errors import ResultsError

# What does not answer is told after half a minute: a driver that has lost its storage must not go on for long.
CONNECT_SECONDS, ANSWER_SECONDS, MOST_TRIES, RETRY_SECONDS = 5.0, 10.0, 3, 15.0

OPTIONS = {"file": set(), "gs": {"endpoint_override", "scheme"}, "s3": {"endpoint_override", "scheme", "region"}}


def is_uri(where: str) -> bool:
    """Returns whether a text names a place by a URI."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", where) is not None


def check_uri(uri: str) -> None:
    """Refuses a URI that results cannot go to, and one with a password, which would be shown wherever the URI is.

    Raises:
        ResultsError: the URI is such a one.
    """
    parts = urlsplit(uri)
    if "@" in parts.netloc + unquote(parts.query):
        place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        raise ResultsError(
            f"a results URI must not hold a password, but that of {place} does; "
            "leave it out: the storage's usual environment variables, files and roles are looked up"
        )
    if parts.scheme not in OPTIONS or (parts.scheme == "file") == bool(parts.netloc):
        raise ResultsError(
            f"a results URI must be s3://bucket/path, gs://bucket/path or file:///path, but is "
            f"{parts.scheme}://{parts.netloc}{parts.path}; give one of these, or a folder"
        )
    if unknown := sorted(_options(parts.query).keys() - OPTIONS[parts.scheme]):
        raise ResultsError(
            f"the query of a results URI may hold {', '.join(sorted(OPTIONS[parts.scheme])) or 'nothing'}, "
            f"but that of {parts.scheme}://{parts.netloc} holds {', '.join(unknown)}; leave it out"
        )


def open_store(scheme: str, bucket: str, query: str) -> fs.FileSystem:
    """Returns the file system of an object store; credentials are what its usual environment, files and roles give.

    Args:
        scheme: of a URI: ``s3`` or ``gs``.
        bucket: its name.
        query: of the URI, which ``check_uri`` took.

    Raises:
        OSError: the bucket's region cannot be found out.
    """
    options = _options(query)
    return _s3(bucket, **options) if scheme == "s3" else _gs(**options)


def _options(query: str) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}


def _s3(
    bucket: str, region: str | None = None, endpoint_override: str | None = None, scheme: str | None = None
) -> fs.FileSystem:
    # Arrow itself looks at the environment for credentials and the region, but not for where the store is.
    endpoint = endpoint_override or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
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
