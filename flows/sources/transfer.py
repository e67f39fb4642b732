"""Files of one snapshot, fetched in parallel into a folder where only verified files have their real name."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from hashlib import sha256
from io import FileIO
from pathlib import Path
from threading import Event, Lock

from thinkmix.flows.sources.digest import Checksum
from thinkmix.flows.sources.disk import append, lock_folder, on_disk
from thinkmix.flows.sources.http import Body, Opener
from thinkmix.flows.sources.patience import PATIENT, Patience, Transient, retry
from thinkmix.schemas.artifact import InputFile, RemoteFile, Snapshot
from thinkmix.schemas.errors import SourceCorrupt, SourceUnavailable, StoreFull

Progress = Callable[[str, int, int], None]
"""Called with a file's name, its bytes so far and its bytes in all; one call at a time."""

_AT_ONCE = 4
"""Files in transfer at once."""

SPARE_BYTES = 64 << 20
"""What must stay free on the disk beyond the files themselves."""


def no_progress(name: str, done: int, total: int) -> None:
    """Report nothing."""


def fetch_files(
    snapshot: Snapshot,
    *,
    folder: Path,
    opener: Opener,
    patience: Patience = PATIENT,
    progress: Progress = no_progress,
) -> tuple[InputFile, ...]:
    """Return the files of `snapshot`, verified, downloading only those that `folder` does not hold intact.

    A file gets its name under `folder/files` by a rename, after its digest held. What a broken
    transfer left in `folder/partial` is continued, also by another process. One process at a time
    works on a folder; others wait for it.

    Args:
        snapshot: what to fetch.
        folder: belongs to this dataset at this commit.
        opener: asks the hub for one file.
        patience: applies to each file.
        progress: called for every piece that arrives, some tens of kilobytes.

    Raises:
        SourceError: a file cannot be had, or not with the bytes that were promised.
        StoreFull: the missing files do not fit on the disk.
        StoreError: the folder cannot be written.
    """
    haul = _Haul(snapshot.dataset, folder, opener, progress)
    with lock_folder(folder / "lock"):
        held = {file.path: _held(file, folder) for file in snapshot.files}
        missing = [file for file in snapshot.files if held[file.path] is None]
        _check_room(missing, folder)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch") as pool:
            try:
                futures = {file.path: pool.submit(haul.bring, file, patience) for file in missing}
                ended = wait(futures.values(), return_when=FIRST_EXCEPTION).done
                fetched = {path: future.result() for path, future in futures.items() if future in ended}
            finally:
                haul.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
    return tuple(held[file.path] or fetched[file.path] for file in snapshot.files)


def _held(file: RemoteFile, folder: Path) -> InputFile | None:
    """Return the file if it lies there intact; remove it if it does not hold its promise."""
    path = folder / "files" / file.path
    with on_disk(path):
        if not path.is_file():
            return None
        checksum = Checksum(file)
        if path.stat().st_size == file.size:
            checksum.read(path)
        if not checksum.holds():
            path.unlink()
            return None
    return InputFile(name=file.path, path=path, sha256=checksum.sha256, size=file.size)


def _check_room(missing: list[RemoteFile], folder: Path) -> None:
    need = sum(file.size - _size(_partial(file, folder)) for file in missing) + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if missing and need > free:
        msg = (
            f"{need / 1e9:.2f} GB needed for the download but {free / 1e9:.2f} GB free in {folder}: "
            f"free {(need - free) / 1e9:.2f} GB or use a store on another disk"
        )
        raise StoreFull(msg)


@dataclass(frozen=True)
class _Haul:
    """One fetch: everything that its files have in common."""

    dataset: str
    folder: Path
    opener: Opener
    progress: Progress
    stop: Event = field(default_factory=Event)
    """Set when a file failed for good: the others need not go on."""
    talking: Lock = field(default_factory=Lock)

    def bring(self, file: RemoteFile, patience: Patience) -> InputFile:
        """Return `file`, downloaded and verified."""
        what = f"file {file.path!r} of {self.dataset}"
        return retry(lambda: self._attempt(file), what=what, patience=patience)

    def _attempt(self, file: RemoteFile) -> InputFile:
        """Try once; what arrived is kept for the next try unless it is known to be wrong."""
        partial, path = _partial(file, self.folder), self.folder / "files" / file.path
        with on_disk(partial):
            partial.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            out = partial.open("ab", buffering=0)
        try:
            with out:
                checksum = self._fill(file, out, partial)
            if not checksum.holds():
                raise _wrong(f"its content has not the digest {file.digest[:16]}… that the hub promised")
        except Transient as failure:
            if failure.final is SourceCorrupt:
                partial.unlink(missing_ok=True)
            raise
        with on_disk(path):
            partial.replace(path)
        return InputFile(name=file.path, path=path, sha256=checksum.sha256, size=file.size)

    def _fill(self, file: RemoteFile, out: FileIO, partial: Path) -> Checksum:
        """Append to `out` what is missing; return the digests of all of it."""
        with on_disk(partial):
            kept, checksum = _size(partial), Checksum(file)
            if kept:
                checksum.read(partial)
        if kept < file.size or kept == 0:
            with self.opener(file, kept) as body:
                if _starts_over(body, file, kept):
                    out.truncate(0)
                    kept, checksum = 0, Checksum(file)
                for chunk in body.chunks:
                    kept += len(chunk)
                    self._check(file, kept)
                    with on_disk(partial):
                        append(out, chunk)
                    checksum.update(chunk)
            if kept < file.size:
                raise _wrong(f"the hub sent {kept} bytes ({body.kind}) instead of {file.size}")
        with on_disk(partial):
            os.fsync(out.fileno())
        return checksum

    def _check(self, file: RemoteFile, done: int) -> None:
        if self.stop.is_set():
            msg = f"{file.path!r} of {self.dataset}: stopped, because another file failed"
            raise SourceUnavailable(msg)
        if done > file.size:
            raise _wrong(f"the hub sent more than the {file.size} bytes it had promised")
        with self.talking:
            self.progress(file.path, done, file.size)


def _starts_over(body: Body, file: RemoteFile, kept: int) -> bool:
    """Return whether `body` sends the file from byte 0 although `kept` bytes are there."""
    if body.total is not None and body.total != file.size:
        raise _wrong(f"the hub sent {body.total} bytes ({body.kind}) instead of {file.size}")
    if body.start not in (0, kept):
        raise _wrong(f"the hub continued at byte {body.start} instead of {kept}")
    return body.start != kept


def _wrong(reason: str) -> Transient:
    """Return the failure that makes the bytes so far worthless: the next try starts at byte 0."""
    return Transient(reason, final=SourceCorrupt)


def _partial(file: RemoteFile, folder: Path) -> Path:
    return folder / "partial" / sha256(f"{file.path}\0{file.digest}".encode()).hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
