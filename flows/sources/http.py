"""What an HTTP answer says about the file in it, and addresses that may be shown to people."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from urllib.parse import urlsplit

from thinkmix.schemas.artifact import RemoteFile

TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Body:
    """A hub's answer to the request for a file from some byte on."""

    start: int
    """Position in the file of the first byte: 0 if the hub ignored the range, -1 if it made no sense."""
    total: int | None
    """Size of the whole file as the answer states it, in bytes."""
    kind: str
    """Content-Type, for the error message when a proxy answers with a web page."""
    chunks: Iterator[bytes]


Opener = Callable[[RemoteFile, int], AbstractContextManager[Body]]
"""Asks a hub for a file from a byte on; raises `Transient` or a `SourceError`, also between chunks."""


def range_headers(start: int) -> dict[str, str]:
    """Return the headers that ask for a file from byte `start` on."""
    # Compression on the way would make byte positions meaningless.
    return {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})


def read_body(status: int, headers: Mapping[str, str], chunks: Iterator[bytes]) -> Body:
    """Return what an answer's status and headers state about the file in its body."""
    kind = headers.get("Content-Type", "no content type")
    if status == 206:
        span, _, total = headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        start = _number(span.partition("-")[0])
        return Body(-1 if start is None else start, _number(total), kind, chunks)
    encoded = headers.get("Content-Encoding", "identity") != "identity"
    return Body(0, None if encoded else _number(headers.get("Content-Length", "")), kind, chunks)


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for; a date there is treated as if nothing was asked."""
    return _number(headers.get("Retry-After", ""))


def plain_address(url: str) -> str:
    """Return `url` fit for a message: without the parts that may hold a secret (user, password, query)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def why_silent(error: BaseException) -> str:
    """Return why an address did not answer, in words that cannot hold it, as those of the error may."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return getattr(error, "strerror", None) or type(error).__name__


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
