"""Datasets of ModelScope, through modelscope-hub: the same guarantees as for the Hugging Face Hub.

MODELSCOPE_ENDPOINT, MODELSCOPE_API_TOKEN and the client's other settings are honoured. The client
itself repeats what fails, resumes broken files, and verifies sizes and digests. ModelScope's listing
names no commit, so a branch resolves to the digest of its whole file list; the sha256 of each file,
also from the list, ensures that what is downloaded is that state of the branch and no later one.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from modelscope_hub import HubApi
from modelscope_hub.config import HubConfig
from modelscope_hub.errors import APIError, FileIntegrityError, HubError
from requests import RequestException
from requests.exceptions import InvalidHeader, InvalidURL, MissingSchema

from flows.sources.failures import Transient, plain_address, refusal, wrong
from flows.sources.listing import keep_listing, recall_listing
from flows.sources.patience import ONCE, retried
from flows.sources.selection import Entry, select
from flows.sources.transfer import Progress, fetch_files, no_progress
from schemas.artifact import InputFile, RemoteFile, Snapshot, digest_of
from schemas.errors import SourceError
from schemas.recipe import ModelScopeSource

# They log whole addresses, signed ones of the storage too, and every page of a listing.
for _name in ("modelscope_hub", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def resolve(source: ModelScopeSource, *, into: Path) -> Snapshot:
    """Return the files that the recipe selects, as the revision stands right now.

    Asks the hub, except when the revision is a full commit whose file list is already in `into`.

    Raises:
        SourceNotFound: no such dataset or revision, or a pattern that matches no file.
        SourceDenied: the dataset is private, and MODELSCOPE_API_TOKEN does not open it.
        SourceUnavailable: the hub did not answer.
    """
    where = f"{source.dataset}@{source.revision}"
    pinned = _is_commit(source.revision)
    entries = recall_listing(_folder(source.dataset, source.revision, into)) if pinned else None
    listed = entries is None
    if entries is None:
        entries = retried(partial(_tree, source, where), what=where, patience=ONCE)
    commit = source.revision if pinned else digest_of((entry.path, entry.sha256 or "") for entry in entries)
    if listed:
        keep_listing(_folder(source.dataset, commit, into), entries)
    files = select(entries, source.files, where=where)
    return Snapshot(dataset=source.dataset, revision=source.revision, commit=commit, files=files)


def fetch(
    snapshot: Snapshot, into: Path, *, threads: int = 4, progress: Progress = no_progress
) -> tuple[InputFile, ...]:
    """Return the snapshot's files, verified; downloads into `into` what it does not hold intact yet.

    Raises:
        SourceError: see `transfer.fetch_files`; a branch that moved since `resolve` is `SourceCorrupt`.
        StoreError: `into` cannot be written, or is full (`StoreFull`).
    """
    return fetch_files(
        snapshot,
        folder=_folder(snapshot.dataset, snapshot.commit, into),
        download=partial(_download, HubApi(HubConfig()), snapshot),
        threads=threads,
        patience=ONCE,
        progress=progress,
    )


def _tree(source: ModelScopeSource, where: str) -> tuple[Entry, ...]:
    """Return every file at the revision."""
    client = HubApi(HubConfig())  # with the endpoint and token that the environment names now
    with _translated(client, where):
        items = client.legacy.list_dataset_files_paginated(source.dataset, revision=source.revision)
        return tuple(_entry(item) for item in items if item.get("Type") != "tree")


def _entry(item: Mapping[str, Any]) -> Entry:
    return Entry(str(item["Path"]), int(item["Size"]), str(item.get("Sha256") or "").lower() or None, None)


def _download(
    client: HubApi, snapshot: Snapshot, file: RemoteFile, folder: Path, _: Callable[[int], None]
) -> Path:
    """Have the client bring `file` into `folder`; its function for one file does not tell of progress."""
    with _translated(client, f"{file.path!r} of {snapshot.dataset}@{snapshot.revision}"):
        path: Path = client.download_file(
            snapshot.dataset,
            "dataset",
            file.path,
            revision=snapshot.revision,
            local_dir=folder,
            cache_dir=folder,  # for its locks
            expected_sha256=file.sha256,
            file_size=file.size,
        )
        return path


@contextmanager
def _translated(client: HubApi, where: str) -> Iterator[None]:
    """Turn the client's errors into ours. Their text is not copied: it may hold an address with a secret."""
    try:
        yield
    except (HubError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _failure(error, where, plain_address(client.legacy.endpoint)) from None


def _failure(error: Exception, where: str, at: str) -> Exception:
    """Return what an error of the client means for the build."""
    match error:
        case APIError():
            return refusal(
                error.status_code,
                where,
                at=at,
                denied="it is private, and MODELSCOPE_API_TOKEN does not open it",
                missing="has no such dataset, revision or file",
            )
        case FileIntegrityError():
            return wrong(f"what {at} sent has not the size or digest that it had promised")
        case InvalidHeader() | InvalidURL() | MissingSchema() | UnicodeEncodeError():
            msg = f"{where}: cannot even ask {at!r}; correct MODELSCOPE_ENDPOINT or MODELSCOPE_API_TOKEN"
            return SourceError(msg)
        case HubError() | RequestException():
            return Transient(f"no answer from {at} ({type(error).__name__})")
        case OSError() if error.errno:
            return error  # of the disk
    # Such as the login page of a network, with status 200.
    return Transient(f"{at} answers like no hub ({type(error).__name__})")


def _is_commit(revision: str) -> bool:
    return len(revision) == 40 and not revision.strip("0123456789abcdef")


def _folder(dataset: str, commit: str, into: Path) -> Path:
    return into / "modelscope" / dataset / commit
