"""Datasets of ModelScope, through modelscope-hub: the same guarantees as for the Hugging Face Hub.

MODELSCOPE_ENDPOINT and MODELSCOPE_API_TOKEN are honoured. ModelScope's listing names no commit, so
a branch resolves to the digest of its whole file list; the sha256 of each file, also from the list,
ensures that what is downloaded is that state of the branch and no later one.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from modelscope_hub import HubApi
from modelscope_hub.config import HubConfig
from modelscope_hub.errors import APIError, HubError
from requests import RequestException
from requests.exceptions import InvalidHeader, InvalidURL, MissingSchema

from thinkmix.flows.sources.http import (
    TRANSIENT_STATUS,
    Body,
    Opener,
    plain_address,
    range_headers,
    read_body,
)
from thinkmix.flows.sources.listing import is_commit, keep_listing, recall_listing
from thinkmix.flows.sources.patience import PATIENT, Patience, Transient, retry
from thinkmix.flows.sources.selection import Entry, select
from thinkmix.flows.sources.settings import ModelScopeSource
from thinkmix.schemas.artifact import RemoteFile, Snapshot, digest_of
from thinkmix.schemas.errors import SourceCorrupt, SourceDenied, SourceError, SourceNotFound

# They log whole addresses, signed ones of the storage too, and every page of a listing.
for _name in ("modelscope_hub", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_CHUNK = 1 << 16
"""Bytes that a broken connection may cost; what came before is kept."""


def resolve(source: ModelScopeSource, *, into: Path, patience: Patience = PATIENT) -> Snapshot:
    """Return the files that the recipe selects, as the revision stands right now.

    Asks the hub, except when the revision is a full commit whose file list is already in `into`.

    Raises:
        SourceNotFound: no such dataset or revision, or a pattern that matches no file.
        SourceDenied: the dataset is private, and MODELSCOPE_API_TOKEN does not open it.
        SourceUnavailable: the hub did not answer.
    """
    where = f"{source.dataset}@{source.revision}"
    pinned = is_commit(source.revision)
    entries = recall_listing(_folder(source.dataset, source.revision, into)) if pinned else None
    listed = entries is None
    if entries is None:
        # The client repeats failed pages itself.
        entries = retry(partial(_tree, source, where), what=where, patience=replace(patience, tries=1))
    commit = source.revision if pinned else digest_of((entry.path, entry.sha256 or "") for entry in entries)
    if listed:
        keep_listing(_folder(source.dataset, commit, into), entries)
    files, matched = select(entries, source.files, where=where)
    return Snapshot(
        dataset=source.dataset, revision=source.revision, commit=commit, files=files, matched=matched
    )


def opener(snapshot: Snapshot) -> Opener:
    """Return what asks the hub for the snapshot's files."""
    return partial(_open, _client(), snapshot)


def _client() -> HubApi:
    """Return a client for the endpoint and token that the environment names now."""
    return HubApi(HubConfig())


def _tree(source: ModelScopeSource, where: str) -> tuple[Entry, ...]:
    """Return every file at the revision."""
    client = _client()
    with _parsed(client), _translated(client, where):
        items = client.legacy.list_dataset_files_paginated(source.dataset, revision=source.revision)
        return tuple(_entry(item) for item in items if item.get("Type") != "tree")


def _entry(item: Mapping[str, Any]) -> Entry:
    return Entry(str(item["Path"]), int(item["Size"]), str(item.get("Sha256") or "").lower() or None, None)


@contextmanager
def _open(client: HubApi, snapshot: Snapshot, file: RemoteFile, start: int) -> Iterator[Body]:
    """Ask for `file` from byte `start` on."""
    with _translated(client, f"{file.path!r} of {snapshot.dataset}@{snapshot.revision}"):
        response = client.legacy.download_stream(
            snapshot.dataset, "dataset", file.path, snapshot.revision, headers=range_headers(start)
        )
        with response:
            yield read_body(response.status_code, response.headers, response.iter_content(_CHUNK))


@contextmanager
def _translated(client: HubApi, where: str) -> Iterator[None]:
    """Turn the client's errors into ours. Their text is not copied: it may hold an address with a secret."""
    at = plain_address(client.legacy.endpoint)
    try:
        yield
    except APIError as error:
        raise _status_failure(error, at, where) from None
    except (InvalidHeader, InvalidURL, MissingSchema, UnicodeEncodeError):
        msg = f"{where}: cannot even ask {at!r}; correct MODELSCOPE_ENDPOINT or MODELSCOPE_API_TOKEN"
        raise SourceError(msg) from None
    except (HubError, RequestException) as error:
        way = "correct MODELSCOPE_ENDPOINT, or read files of this machine with `kind: local`"
        raise Transient(f"no answer from {at} ({type(error).__name__})", way=way) from None


@contextmanager
def _parsed(client: HubApi) -> Iterator[None]:
    """Turn an answer that is not a hub's, such as a proxy's login page, into a failure that may pass."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{plain_address(client.legacy.endpoint)} answers like no hub ({type(error).__name__})"
        raise Transient(reason) from None


def _status_failure(error: APIError, at: str, where: str) -> Transient | SourceError:
    """Return what an HTTP status means for the build."""
    status = error.status_code
    if error.retryable or status in TRANSIENT_STATUS:
        asked = getattr(error, "retry_after", None)
        return Transient(f"{at} answered {status}", wait=None if asked is None else float(asked))
    if status == 416:
        return Transient(f"{at} has less of this file than it sent", final=SourceCorrupt)
    if status in (401, 403):
        msg = f"{where}: {at} answered {status}: it is private, and MODELSCOPE_API_TOKEN does not open it"
        return SourceDenied(msg)
    if status == 404:
        return SourceNotFound(f"{where}: {at} has no such dataset, revision or file")
    return SourceError(f"{where}: {at} answered {status}")


def _folder(dataset: str, commit: str, into: Path) -> Path:
    return into / "modelscope" / dataset / commit
