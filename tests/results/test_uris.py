"""Which URIs are taken, and that none that is refused shows a secret."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.errors import ResultsError
from zostudy.results.storage import Storage
from zostudy.results.uris import is_uri, parse_uri

KEY, SECRET = "AKIAhiddenKEY", "wJalr/hidden+SECRET="


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("s3://bucket", "bucket"),
        ("S3://Bucket_1/a b/c=d/", "Bucket_1/a b/c=d"),
        ("gs://my.bucket-1/results?scheme=http&endpoint_override=localhost:9000", "my.bucket-1/results"),
        ("s3://b/p?region=eu-west-1&endpoint_override=https://[::1]:9000/&scheme=https", "b/p"),
        ("file:///a%20folder/b@c", "/a%20folder/b@c"),
    ],
)
def test_a_uri_is_parted(text: str, path: str) -> None:
    assert parse_uri(text).path == path
    assert parse_uri(text).scheme == text.partition(":")[0].lower()


@pytest.mark.parametrize(
    "text", ["results", "./s3:x", "my:folder", "a/s3://", "../gs/x", "C:results", "s3", "s3/x", "s3x//y"]
)
def test_a_folder_is_no_uri(text: str) -> None:
    assert is_uri(text) == ("://" in text)


SPELLINGS = st.tuples(
    st.sampled_from(["", " ", "\t", "x", "'"]),
    st.sampled_from(["s3", "S3", "s3a", "gs", "GS", "gcs", "file", "https", "hdfs", "my-store", "s3+x"]),
    st.sampled_from([":", ":/", "://", ":///", "//", "//:", " ://", ": //", ":\\\\", "://[", "%3A//", ":%2F%2F"]),
    st.sampled_from(["", " ", "/", "bucket/", "user@"]),
    st.sampled_from([":", "%3A", "%253A", " : "]),
    st.sampled_from(["@", "%40", "%2540", "\uff20", " @ "]),
    st.sampled_from(["b", "b/path", "b/path?region=r", "", "b#x", "[b]", "b\nc"]),
    st.booleans(),
)
QUERIES = [
    "access_key={}&secret_key={}",
    "region={}:{}",
    "{}={}",
    "region=r&endpoint_override={}:{}@h",
    "{}{}",
    "scheme={}/{}",
]


def refused(text: str) -> str:
    """Returns what is said of a place, with what a traceback would say too."""
    with pytest.raises(ResultsError) as caught:
        Storage.at(text)
    return f"{caught.value}{caught.value.__cause__ or ''}"


@settings(max_examples=300)
@given(SPELLINGS)
def test_no_spelling_of_a_uri_with_a_secret_shows_it(spelling: tuple[str, ...]) -> None:
    before, scheme, colon, slashes, parting, at, after, is_quoted = spelling
    key, secret = (quote(KEY, safe=""), quote(SECRET, safe="")) if is_quoted else (KEY, SECRET)
    text = f"{before}{scheme}{colon}{slashes}{key}{parting}{secret}{at}{after}"
    if not is_uri(text):  # such as x%3A//KEY:SECRET@b, which is a folder to anyone
        return
    said = refused(text)
    assert said.isprintable()
    assert "hidden" not in said


@pytest.mark.parametrize("text", [f"s3://{KEY}/{SECRET}@b/p", f"GS://b/{KEY}/{quote(SECRET)}%2540b"])
def test_an_object_store_has_no_at_in_its_path(text: str) -> None:
    assert "hidden" not in refused(text)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("start", ["s3://b/p?", "gs://b?", "file:///p?", "S3:/b?"])
def test_no_query_with_a_secret_shows_it(start: str, query: str) -> None:
    assert "hidden" not in refused(start + query.format(KEY, SECRET))


def test_a_secret_in_the_environment_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{KEY}:{SECRET}@localhost")
    said = refused("s3://bucket/path")
    assert "AWS_ENDPOINT_URL" in said
    assert "hidden" not in said
