"""Object stores: S3 and what speaks its language, and Google's; none is waited for in vain for minutes."""

from __future__ import annotations

import os
from datetime import timedelta

from pyarrow import fs

from zostudy.errors import ResultsError
from zostudy.results.uris import Uri

# What does not answer is told after half a minute: a driver that has lost its storage must not go on for long.
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
            "the address of an object store must not hold a password, but AWS_ENDPOINT_URL does; "
            "give it in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
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
