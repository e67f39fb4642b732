"""Datasets of the Hugging Face Hub, or of a mirror named by HF_ENDPOINT: one commit, selected files.

All that is said to the hub is said by huggingface_hub; HF_TOKEN, HF_HUB_OFFLINE,
HF_HUB_DOWNLOAD_TIMEOUT and the others of its settings work as documented there. It resumes a broken
transfer itself, but a build that was killed starts the file anew. It also waits as long as a
Retry-After says when listing or in the middle of a download, however long that is.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from httpx2 import Client, HTTPError, InvalidURL, LocalProtocolError, Request, Timeout, UnsupportedProtocol
from huggingface_hub import (
    HfApi,
    RepoFile,
    constants,
    get_session,
    get_token,
    hf_hub_download,
    set_client_factory,
)
from huggingface_hub.errors import (
    FileMetadataError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import parse_ratelimit_headers, tqdm  # type: ignore[attr-defined]

from flows.sources.failures import Transient, plain_address, refusal, wrong
from flows.sources.listing import keep_listing, recall_listing
from flows.sources.patience import PATIENT, Patience, retried
from flows.sources.selection import Entry, select
from flows.sources.transfer import Progress, fetch_files, no_progress
from schemas.artifact import InputFile, RemoteFile, Snapshot
from schemas.errors import SourceError, SourceNotFound, SourceUnavailable, ThinkmixError
from schemas.recipe import HubSource

ENDPOINT = "https://huggingface.co"

# The same as HF_HUB_DISABLE_TELEMETRY=1, also when the client was imported before. Without it, the
# first request of a process asks `/api/agent-harnesses` of the endpoint that was set at import.
constants.HF_HUB_DISABLE_TELEMETRY = True


def _shows_no_address(record: logging.LogRecord) -> bool:
    return "://" not in record.getMessage()


# They log whole addresses: signed ones of the storage, and HF_ENDPOINT with a password in it.
for _name in ("huggingface_hub.file_download", "huggingface_hub.utils._http"):
    logging.getLogger(_name).addFilter(_shows_no_address)
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


_HOOKS = get_session().event_hooks["request"]


def _client() -> Client:
    """Return the client that huggingface_hub makes for itself, with an end to its waiting."""
    return Client(event_hooks={"request": [*_HOOKS, _limit]}, follow_redirects=True, timeout=None)


def _limit(request: Request) -> None:
    """Give a timeout to requests that come without any, as those for listings do."""
    if not any(request.extensions["timeout"].values()):
        request.extensions["timeout"] = Timeout(constants.HF_HUB_DOWNLOAD_TIMEOUT).as_dict()


set_client_factory(_client)


def resolve(source: HubSource, *, into: Path, patience: Patience = PATIENT) -> Snapshot:
    """Return the files that the recipe selects, at the commit that its revision means right now.

    Asks the hub, except when the revision is a full commit whose file list is already in `into`:
    a branch is never answered from disk.

    Raises:
        SourceNotFound: no such dataset or revision, or a pattern that matches no file.
        SourceDenied: the dataset is private or gated, and HF_TOKEN does not open it.
        SourceUnavailable: the hub did not answer.
    """
    where = f"{source.dataset}@{source.revision}"
    folder = _folder(source.dataset, source.revision, into)
    entries = recall_listing(folder) if _is_commit(source.revision) else None
    commit = source.revision
    if entries is None:
        commit = retried(partial(_commit, source, where), what=where, patience=patience)
        entries = retried(partial(_tree, source.dataset, commit, where), what=where, patience=patience)
        keep_listing(_folder(source.dataset, commit, into), entries)
    files = select(entries, source.files, where=where)
    return Snapshot(dataset=source.dataset, revision=source.revision, commit=commit, files=files)


def fetch(
    snapshot: Snapshot,
    into: Path,
    *,
    threads: int = 4,
    patience: Patience = PATIENT,
    progress: Progress = no_progress,
) -> tuple[InputFile, ...]:
    """Return the snapshot's files, verified; downloads into `into` what it does not hold intact yet.

    Raises:
        SourceError: see `transfer.fetch_files`.
        StoreError: `into` cannot be written, or is full (`StoreFull`).
    """
    return fetch_files(
        snapshot,
        folder=_folder(snapshot.dataset, snapshot.commit, into),
        download=partial(_download, snapshot),
        threads=threads,
        patience=patience,
        progress=progress,
    )


def endpoint() -> str:
    """Return the address of the hub: HF_ENDPOINT as it is now, not as it was when a library was imported."""
    return (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")


def _commit(source: HubSource, where: str) -> str:
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with _translated(where):
        commit = HfApi(endpoint()).dataset_info(source.dataset, revision=source.revision, timeout=timeout).sha
    if commit is None or not _is_commit(commit):
        msg = f"{where}: {plain_address(endpoint())} names no commit for this revision"
        raise SourceError(msg)
    return commit


def _tree(dataset: str, commit: str, where: str) -> tuple[Entry, ...]:
    """Return every file at `commit`."""
    with _translated(where):
        items = HfApi(endpoint()).list_repo_tree(
            dataset, recursive=True, revision=commit, repo_type="dataset"
        )
        return tuple(_entry(item) for item in items if isinstance(item, RepoFile))


def _entry(file: RepoFile) -> Entry:
    if file.lfs:
        return Entry(file.path, file.lfs.size, file.lfs.sha256, None)
    return Entry(file.path, file.size, None, file.blob_id)


def _download(snapshot: Snapshot, file: RemoteFile, folder: Path, arrived: Callable[[int], None]) -> Path:
    """Have the client bring `file` into `folder`.

    Forced, because a file that lies there proves nothing, and because the client then tells at once
    that it cannot begin, instead of looking for something older.
    """
    with _translated(f"{file.path!r} of {snapshot.dataset}@{snapshot.commit}"):
        path = hf_hub_download(
            snapshot.dataset,
            file.path,
            repo_type="dataset",
            revision=snapshot.commit,
            endpoint=endpoint(),
            local_dir=folder,
            force_download=True,
            tqdm_class=_bar(arrived),
        )
    return Path(path)


def _bar(arrived: Callable[[int], None]) -> type[tqdm]:
    """Return a progress bar that is not drawn, but calls `arrived` with its count."""

    class Bar(tqdm):
        def __init__(self, *_: object, **settings: object) -> None:
            super().__init__(**settings | {"disable": True})
            self.count = 0

        def update(self, n: float | None = 1) -> None:
            self.count += int(n or 0)
            arrived(self.count)

    return Bar


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """Turn the client's errors into ours. Their text is not copied: it may hold an address with a secret."""
    try:
        yield
    except ThinkmixError:  # some of ours are OSErrors as well
        raise
    except (HTTPError, InvalidURL, OSError, ValueError, KeyError, TypeError) as error:
        raise _failure(error, where) from None


def _failure(error: Exception, where: str) -> Exception:
    """Return what an error of the client means for the build."""
    at = plain_address(endpoint())
    if type(error) is ValueError and isinstance(error.__cause__, Exception):
        error = error.__cause__  # a forced download that could not begin
    match error:
        case HfHubHTTPError():
            return _refusal(error, where, at)
        case OfflineModeIsEnabled():
            msg = (
                f"{where}: not on disk, and HF_HUB_OFFLINE is set; unset it, or pin a commit that was fetched"
            )
            return SourceUnavailable(msg)
        case HFValidationError():
            return SourceNotFound(f"{where}: no dataset can have this name")
        case UnsupportedProtocol() | InvalidURL() | LocalProtocolError() | UnicodeEncodeError():
            msg = f"{where}: cannot even ask {at!r}; correct HF_ENDPOINT (or HF_TOKEN, if it has odd characters)"
            return SourceError(msg)
        case HTTPError():
            return Transient(f"no answer from {at} ({type(error).__name__})")
        case OSError() if error.errno:
            return error  # of the disk
        case OSError() if not isinstance(error, FileMetadataError):
            return wrong(f"{at} sent another number of bytes than it had promised")
    # Such as the login page of a network, with status 200.
    return Transient(f"{at} answers like no hub ({type(error).__name__})")


def _refusal(error: HfHubHTTPError, where: str, at: str) -> Transient | SourceError:
    missing = "has no such dataset"
    if isinstance(error, RevisionNotFoundError):
        missing = "has the dataset, but no such revision"
    elif isinstance(error, RemoteEntryNotFoundError):
        missing = "no longer has this file"
    token = "the token it was given does not open it" if get_token() else "no HF_TOKEN was given"
    return refusal(
        error.response.status_code,
        where,
        at=at,
        denied=f"no such dataset, or it is private or gated and {token}",
        missing=missing,
        wait=_asked_wait(error.response.headers),
    )


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the hub wants to be left alone; a date is treated as if nothing was asked."""
    limit = parse_ratelimit_headers(headers)
    if limit and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    asked = headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdigit() else None


def _is_commit(revision: str) -> bool:
    return len(revision) == 40 and not revision.strip("0123456789abcdef")


def _folder(dataset: str, commit: str, into: Path) -> Path:
    return into / "hub" / dataset / commit
