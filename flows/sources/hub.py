"""Datasets of the Hugging Face Hub, or of a mirror named by HF_ENDPOINT: one commit, selected files.

Speaks through huggingface_hub's own session, token, addresses and errors. Not through its
`hf_hub_download` and `list_repo_tree`, which wait as long as a Retry-After says, restart broken
files at byte 0, have no timeout for listings, and fall back to older files when the hub is down;
nor through its `build_hf_headers`, which asks a second address who is calling.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

from httpx2 import HTTPError, InvalidURL, LocalProtocolError, Response, UnsupportedProtocol
from huggingface_hub import constants, get_session, get_token, hf_hub_url, hf_raise_for_status
from huggingface_hub.errors import (
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

from thinkmix.flows.sources.http import (
    TRANSIENT_STATUS,
    Body,
    Opener,
    asked_wait,
    plain_address,
    range_headers,
    read_body,
)
from thinkmix.flows.sources.listing import is_commit, keep_listing, recall_listing
from thinkmix.flows.sources.patience import PATIENT, Patience, Transient, retry
from thinkmix.flows.sources.selection import Entry, select
from thinkmix.flows.sources.settings import HubSource
from thinkmix.schemas.artifact import RemoteFile, Snapshot
from thinkmix.schemas.errors import (
    SourceCorrupt,
    SourceDenied,
    SourceError,
    SourceNotFound,
    SourceUnavailable,
)

ENDPOINT = "https://huggingface.co"

_MIRROR = "set HF_ENDPOINT to a mirror, or read files of this machine with `kind: local`"
"""What to do where the hub does not answer."""

# They log whole addresses: signed ones of the storage, and HF_ENDPOINT with a password in it.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def resolve(source: HubSource, *, into: Path, patience: Patience = PATIENT) -> Snapshot:
    """Return the files that the recipe selects, at the commit that its revision means right now.

    Asks the hub, except when the revision is a full commit whose file list is already in `into`:
    a branch is never answered from disk.

    Raises:
        SourceNotFound: no such dataset or revision, or a pattern that matches no file.
        SourceDenied: the dataset is private or gated, and HF_TOKEN does not open it.
        SourceUnavailable: the hub did not answer.
    """
    commit, entries = listing(source, into=into, patience=patience)
    files, matched = select(entries, source.files, where=_where(source))
    return Snapshot(
        dataset=source.dataset, revision=source.revision, commit=commit, files=files, matched=matched
    )


def listing(source: HubSource, *, into: Path, patience: Patience = PATIENT) -> tuple[str, tuple[Entry, ...]]:
    """Return the commit that a source's revision means right now, and all files of the dataset in it.

    Raises:
        SourceError: as `resolve` does, patterns aside.
    """
    where = _where(source)
    folder = _folder(source.dataset, source.revision, into)
    entries = recall_listing(folder) if is_commit(source.revision) else None
    commit = source.revision
    if entries is None:
        commit = retry(partial(_commit, source, where), what=where, patience=patience)
        entries = retry(partial(_tree, source.dataset, commit, where), what=where, patience=patience)
        keep_listing(_folder(source.dataset, commit, into), entries)
    return commit, entries


def _where(source: HubSource) -> str:
    return f"{source.dataset}@{source.revision}"


def opener(snapshot: Snapshot) -> Opener:
    """Return what asks the hub for the snapshot's files."""
    return partial(_open, snapshot)


def endpoint() -> str:
    """Return the address of the hub: HF_ENDPOINT as it is now, not as it was when a library was imported."""
    return (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")


def headers() -> dict[str, str]:
    """Return who asks: the token of this user, unless the user keeps it back."""
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    return {"User-Agent": "thinkmix"} | ({"Authorization": f"Bearer {token}"} if token else {})


def _commit(source: HubSource, where: str) -> str:
    with _parsed(), _translated(where):
        about = _ask(f"api/datasets/{source.dataset}/revision/{quote(source.revision, safe='')}", {}).json()
        commit = str(about["sha"])
    if not is_commit(commit):
        msg = f"{where}: {plain_address(endpoint())} names no commit for this revision"
        raise SourceError(msg)
    return commit


def _tree(dataset: str, commit: str, where: str) -> tuple[Entry, ...]:
    """Return every file at `commit`."""
    entries: list[Entry] = []
    page: Mapping[str, str] | None = {"recursive": "true"}
    while page is not None:
        with _parsed(), _translated(where):
            response = _ask(f"api/datasets/{dataset}/tree/{commit}", page)
            entries += [_entry(item) for item in response.json() if item["type"] == "file"]
        page = _next_page(response)
    return tuple(entries)


def _next_page(response: Response) -> Mapping[str, str] | None:
    """Return the query of the next page; its host is not believed, as mirrors name the original there."""
    url = response.links.get("next", {}).get("url")
    return dict(parse_qsl(urlsplit(url).query)) if url else None


def _entry(item: Mapping[str, object]) -> Entry:
    lfs = item.get("lfs")
    if isinstance(lfs, Mapping):
        return Entry(str(item["path"]), int(str(lfs["size"])), str(lfs["oid"]), None)
    return Entry(str(item["path"]), int(str(item["size"])), None, str(item["oid"]))


def _ask(path: str, query: Mapping[str, str]) -> Response:
    response = get_session().get(
        f"{endpoint()}/{path}",
        params=dict(query),
        headers=headers(),
        timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
        follow_redirects=True,
    )
    hf_raise_for_status(response)
    return response


@contextmanager
def _open(snapshot: Snapshot, file: RemoteFile, start: int) -> Iterator[Body]:
    """Ask for `file` from byte `start` on."""
    dataset, commit = snapshot.dataset, snapshot.commit
    address = hf_hub_url(dataset, file.path, repo_type="dataset", revision=commit, endpoint=endpoint())
    with (
        _translated(f"{file.path!r} of {dataset}@{commit}"),
        get_session().stream(
            "GET",
            address,
            headers=headers() | range_headers(start),
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
            follow_redirects=True,
        ) as response,
    ):
        hf_raise_for_status(response)
        yield read_body(response.status_code, response.headers, response.iter_bytes())


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """Turn the client's errors into ours. Their text is not copied: it may hold an address with a secret."""
    at = plain_address(endpoint())
    try:
        yield
    except HfHubHTTPError as error:
        raise _status_failure(error, where) from None
    except OfflineModeIsEnabled:
        msg = f"{where}: not on disk, and HF_HUB_OFFLINE is set; unset it, or pin a commit that was fetched"
        raise SourceUnavailable(msg) from None
    except (UnsupportedProtocol, InvalidURL, LocalProtocolError, UnicodeEncodeError):
        msg = f"{where}: cannot even ask {at!r}; correct HF_ENDPOINT (or HF_TOKEN, if it has odd characters)"
        raise SourceError(msg) from None
    except HTTPError as error:
        raise Transient(f"no answer from {at} ({type(error).__name__})", way=_MIRROR) from None


@contextmanager
def _parsed() -> Iterator[None]:
    """Turn an answer that is not a hub's, such as a proxy's login page, into a failure that may pass."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{plain_address(endpoint())} answers like no hub ({type(error).__name__})"
        raise Transient(reason) from None


def _status_failure(error: HfHubHTTPError, where: str) -> Transient | SourceError:
    """Return what an HTTP status means for the build."""
    status, headers, at = error.response.status_code, error.response.headers, plain_address(endpoint())
    if status in TRANSIENT_STATUS:
        limit = parse_ratelimit_headers(headers) if status == 429 else None
        wait = float(limit.reset_in_seconds) if limit and limit.remaining == 0 else asked_wait(headers)
        return Transient(f"{at} answered {status}", wait=wait)
    if status == 416:
        return Transient(f"{at} has less of this file than it sent", final=SourceCorrupt)
    if status in (401, 403):
        token = "the token it was given does not open it" if get_token() else "no HF_TOKEN was given"
        msg = f"{where}: {at} answered {status}: no such dataset, or it is private or gated and {token}"
        return SourceDenied(f"{msg}; check the name, or set HF_TOKEN after its page gave you access")
    if status == 404:
        missing = "has no such dataset; check the name (owner/name), or set HF_TOKEN if it is private"
        if isinstance(error, RevisionNotFoundError):
            missing = "has the dataset, but no such revision"
        elif isinstance(error, RemoteEntryNotFoundError):
            missing = "no longer has this file"
        return SourceNotFound(f"{where}: {at} {missing}")
    return SourceError(f"{where}: {at} answered {status}")


def _folder(dataset: str, commit: str, into: Path) -> Path:
    return into / "hub" / dataset / commit
