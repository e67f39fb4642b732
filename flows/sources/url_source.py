"""Sources at a web address: one file, pinned by its sha256."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, field_validator, model_validator

from thinkmix.flows.sources.contract import Listed, Source
from thinkmix.flows.sources.http import (
    TRANSIENT_STATUS,
    Body,
    Opener,
    asked_wait,
    plain_address,
    range_headers,
    read_body,
)
from thinkmix.flows.sources.listing import keep_listing, recall_listing
from thinkmix.flows.sources.patience import PATIENT, Patience, Transient, retry
from thinkmix.flows.sources.selection import Entry
from thinkmix.flows.sources.transfer import Progress, no_progress
from thinkmix.schemas.artifact import InputFile, RemoteFile, Sha256, Snapshot
from thinkmix.schemas.errors import SourceCorrupt, SourceDenied, SourceError, SourceNotFound
from thinkmix.schemas.files import READABLE, kind_of
from thinkmix.schemas.formats.auto import Auto

_SCHEMES = ("http://", "https://")
_SECONDS = 30.0
"""How long a server may be silent."""


class UrlSource(Source):
    """One file at a web address, pinned by its sha256.

    The address is asked for the size until the file was fetched once; later builds need no network.
    """

    kind: Literal["url"] = "url"
    """Where the rows lie: at a web address."""
    url: Annotated[str, Field(max_length=4096)]
    """Address of the file, http or https; the manifest shows it, so it holds no password."""
    sha256: Sha256
    """sha256 of the file, in small hex digits; a file that has another one is refused."""
    file: Annotated[str, Field(max_length=255)] | None = None
    """Name of the file, whose extension says how it is read; unset means the last part of the address."""

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if not url.startswith(_SCHEMES) or not parts.hostname or not url.isprintable() or " " in url:
            msg = "an address that begins with http:// or https:// and has a host is needed"
            raise ValueError(msg)
        if "@" in parts.netloc:
            msg = "an address with a user or a password is refused, because manifests show addresses"
            raise ValueError(msg)
        return url

    @model_validator(mode="after")
    def _has_a_kind(self) -> Self:
        name = self.member
        if "/" in name or name.startswith(".") or kind_of(name) is None:
            msg = (
                f"the file's name {name!r} does not say how it is read; state `file`, with one of {READABLE}"
            )
            raise ValueError(msg)
        return self

    @property
    def member(self) -> str:
        """Return the name of the file in lineage and in the cache."""
        return self.file or _last_part(self.url)

    @property
    def asked(self) -> tuple[str, ...]:
        """Return the address, without what may be secret in it."""
        return (plain_address(self.url),)

    def resolve(
        self, *, base: Path, into: Path, verify: bool = True, patience: Patience = PATIENT
    ) -> Snapshot:
        """Return the file, at its sha256; the address is asked for its size if it was never fetched."""
        dataset = f"{urlsplit(self.url).netloc}/{self.member}"
        entries = recall_listing(into / self.kind / dataset / self.sha256)
        if entries is None:
            where = plain_address(self.url)
            size = retry(partial(_size, self.url), what=where, patience=patience)
        else:
            size = entries[0].size
        return Snapshot(
            dataset=dataset,
            revision=self.sha256,
            commit=self.sha256,
            files=(RemoteFile(path=self.member, size=size, sha256=self.sha256),),
            matched={self.member: 1},
        )

    def opener(self, snapshot: Snapshot) -> Opener:
        """Return what asks the address, whichever file is named: there is one."""
        return lambda file, start: _open(self.url, start)

    def fetch(
        self,
        snapshot: Snapshot,
        *,
        base: Path,
        into: Path,
        patience: Patience = PATIENT,
        progress: Progress = no_progress,
    ) -> tuple[InputFile, ...]:
        """Fetch the file, and keep its size once its sha256 held."""
        files = super().fetch(snapshot, base=base, into=into, patience=patience, progress=progress)
        folder = self.place(snapshot, into=into).parent
        keep_listing(folder, [Entry(file.name, file.size, file.sha256, None) for file in files])
        return files

    @classmethod
    def listed(cls, text: str, *, into: Path, patience: Patience) -> Listed | None:
        """Read the file at an address to its end, for its sha256."""
        if not text.startswith(_SCHEMES):
            return None
        name = _last_part(text)
        if kind_of(name) is None:
            msg = f"{plain_address(text)}: not a kind of file that can be read, which are {READABLE}"
            raise SourceError(msg)
        sha256, size = retry(partial(_digest, text), what=plain_address(text), patience=patience)
        source = cls(name="rows", url=text, sha256=sha256, format=Auto())
        return Listed(source, name.partition(".")[0], {name: size})


def _last_part(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2]


def _size(url: str) -> int:
    with _open(url, 0) as body:
        if body.total is None:
            msg = f"{plain_address(url)}: the server does not say how large the file is (Content-Length)"
            raise SourceError(msg)
        return body.total


def _digest(url: str) -> tuple[str, int]:
    """Return sha256 and size of what an address sends."""
    digest, size = hashlib.sha256(), 0
    with _open(url, 0) as body:
        for chunk in body.chunks:
            digest.update(chunk)
            size += len(chunk)
    if body.total not in (None, size):
        reason = f"{plain_address(url)} sent {size} bytes instead of {body.total}"
        raise Transient(reason)
    return digest.hexdigest(), size


@contextmanager
def _open(url: str, start: int) -> Iterator[Body]:
    """Ask an address for its file from byte `start` on; redirections are followed."""
    import httpx2  # noqa: PLC0415 - every recipe imports every kind

    for name in ("httpx2", "httpcore2"):  # they log whole addresses, signed ones too
        logging.getLogger(name).setLevel(logging.WARNING)
    at = plain_address(url)
    try:
        with httpx2.stream(
            "GET",
            url,
            headers={"User-Agent": "thinkmix"} | range_headers(start),
            timeout=_SECONDS,
            follow_redirects=True,
        ) as response:
            if response.status_code >= 400:
                raise _status_failure(response.status_code, at, asked_wait(response.headers))
            yield read_body(response.status_code, response.headers, response.iter_bytes())
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.LocalProtocolError):
        msg = f"{at}: cannot even ask this address; correct `url`"
        raise SourceError(msg) from None
    except httpx2.HTTPError as error:
        raise Transient(f"no answer from {at} ({type(error).__name__})") from None


def _status_failure(status: int, at: str, wait: float | None) -> Transient | SourceError:
    """Return what an HTTP status means for the build."""
    if status in TRANSIENT_STATUS:
        return Transient(f"{at} answered {status}", wait=wait)
    if status == 416:
        return Transient(f"{at} has less of this file than it sent", final=SourceCorrupt)
    if status in (401, 403):
        return SourceDenied(f"{at} answered {status}: it is private; a signed address may have run out")
    if status in (404, 410):
        return SourceNotFound(f"{at} answered {status}: there is no such file; correct `url`")
    return SourceError(f"{at} answered {status}")
