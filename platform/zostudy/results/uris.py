"""Results locations: the path of a folder, and the parts of a URI.

Of a refused URI only the scheme is shown, as the rest may hold a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote

from zostudy.errors import ResultsError
from zostudy.wording import suggestion, undecoded

_REGION, _ENDPOINT = r"[a-z0-9-]+", r"(https?://)?([\w.-]+|\[[0-9a-f:.]+\])(:\d+)?/?"
OPTIONS: dict[str, dict[str, str]] = {
    "file": {},
    "gs": {"endpoint_override": _ENDPOINT, "scheme": "https?"},
    "s3": {"endpoint_override": _ENDPOINT, "region": _REGION, "scheme": "https?"},
}
"""By scheme: what its query may hold, and what each value must look like."""

_OTHER_SCHEMES = "s3a|s3n|gcs|https?|ftps?|hdfs|abfss?|wasbs?|az|azure|oss|r2|minio"
_FORM = re.compile(
    r"(?P<scheme>(?P<file>file)|s3|gs)://(?P<bucket>(?(file)|[a-z0-9][a-z0-9._-]*))(?P<path>(?(file)/[^?#]*|(?:/[^?#]*)?))"
    r"(?:\?(?P<query>[^#]*))?",
    re.IGNORECASE,
)
_BEGINNING = re.compile(
    rf"\s*(?:(?P<known>file|s3|gs|{_OTHER_SCHEMES})\s*(?::|//|/.*:.*@)|[a-z][a-z0-9+.-]+\s*:\s*[/\\]|.*://)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Uri:
    """A URI that names a results location.

    Attributes:
        scheme: ``s3``, ``gs`` or ``file``.
        path: the bucket and what lies below it; of ``file`` the path, still with its percent signs.
        uri_query: without its question mark.
        options: what the query says.
    """

    scheme: str
    path: str
    uri_query: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def bucket(self) -> str:
        """The first part of the path."""
        return self.path.partition("/")[0]


def local_path(text: str) -> str:
    """Returns a folder's absolute path.

    Raises:
        ResultsError: the text names no folder.
    """
    path, fault, remedy = text, None, "give another one"
    try:
        if text.strip() and "\0" not in text:
            path = str(Path(text).expanduser().absolute())
            path.encode()
            return path
        fault = "is empty" if not text.strip() else "has a NUL character"
    except UnicodeEncodeError:
        fault, remedy = undecoded()
    except RuntimeError:
        fault = "names the home of an unknown user"
    except FileNotFoundError:
        fault = "is relative to a working directory that is gone"
    raise ResultsError("a results location must be a folder or a URI", got=f"{path!r} {fault}", remedy=remedy)


def is_uri(where: str) -> bool:
    """Returns whether a text is a URI, or is like one that was mistyped."""
    return _BEGINNING.match(where) is not None


def parse_uri(text: str) -> Uri:
    """Returns the parts of a URI that results can go to.

    Raises:
        ResultsError: it is none such, or holds a password, which would be shown wherever the URI is.
    """
    form, shown = _FORM.fullmatch(text), _scheme(text)
    if _holds_password(text, form):
        raise ResultsError(
            "a results URI must not hold a password",
            got=f"this {shown} does, or has an @ as before a host",
            remedy="leave it out: the storage's usual environment variables, files and roles are looked up",
        )
    if form is None or not text.isprintable() or text != text.strip():
        raise ResultsError(
            "a results URI must be s3://bucket/path, gs://bucket/path or file:///path",
            got=f"this {shown} is not",
            remedy="give one of these, or a folder (one whose name is like a URI as ./NAME)",
        )
    scheme, query = form["scheme"].lower(), form["query"] or ""
    return Uri(scheme, (form["bucket"] + form["path"]).rstrip("/") or "/", query, _options(scheme, query))


def _scheme(text: str) -> str:
    """Returns how a URI begins, as far as that can be no secret."""
    beginning = _BEGINNING.match(text)
    return f"{beginning['known'].lower()} URI" if beginning and beginning["known"] else "URI"


def _holds_password(text: str, form: re.Match[str] | None) -> bool:
    """Returns whether there is an @; in the path of a file it may stand, as long as no colon comes before it."""
    if form and form["file"]:
        return re.search(":.*@", _decoded(form["path"]), re.DOTALL) is not None
    return "@" in _decoded(text)


def _decoded(text: str) -> str:
    """Returns the text without percent signs, also those that were encoded themselves, and in its plainest letters."""
    for _ in range(5):
        text = unquote(text)
    return text.replace("\uff20", "@").replace("\ufe6b", "@").replace("\uff1a", ":")


def _options(scheme: str, query: str) -> dict[str, str]:
    given, known = parse_qs(query, keep_blank_values=True), OPTIONS[scheme]
    for key, values in given.items():
        if key not in known:
            raise ResultsError(
                f"the query of a results URI may hold {', '.join(known) or 'nothing'}",
                got=f"that of this {scheme} URI holds something else",
                remedy=suggestion(key, known, "leave it out"),
            )
        if len(values) > 1 or not re.fullmatch(known[key], values[0], re.IGNORECASE):
            raise ResultsError(
                f"the query of a results URI must hold {key} once and in its usual form",
                got=f"that of this {scheme} URI does not",
                remedy="write scheme=http or https, region=us-east-1, endpoint_override=host:9000, for example",
            )
    return {key: values[0] for key, values in given.items()}
