"""Files of one snapshot, fetched in parallel into a folder where only verified files have their real name."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import file_digest, sha1
from pathlib import Path
from threading import Event, Lock

from flows.sources.disk import locked, on_disk
from flows.sources.failures import Transient, wrong
from flows.sources.patience import PATIENT, Patience, retried
from flows.store import digest
from schemas.artifact import InputFile, RemoteFile, Snapshot
from schemas.errors import SourceUnavailable, StoreFull

Progress = Callable[[str, int, int], None]
"""Called with a file's name, its bytes so far and its bytes in all; one call at a time."""

Download = Callable[[RemoteFile, Path, Callable[[int], None]], Path]
"""Has a hub's client bring a file into a folder and returns where it lies; raises `Transient` or a
`SourceError`. May call back with the bytes of the file so far, and must let through what that raises."""

SPARE_BYTES = 64 << 20
"""What must stay free on the disk beyond the files themselves."""


def no_progress(name: str, done: int, total: int) -> None:
    """Report nothing."""


def fetch_files(
    snapshot: Snapshot,
    *,
    folder: Path,
    download: Download,
    threads: int = 4,
    patience: Patience = PATIENT,
    progress: Progress = no_progress,
) -> tuple[InputFile, ...]:
    """Return the files of `snapshot`, verified, downloading only those that `folder` does not hold intact.

    A file gets its name under `folder/files` by a rename, after its digest held. One process at a
    time works on a folder; others wait for it.

    Args:
        snapshot: what to fetch.
        folder: belongs to this dataset at this commit.
        download: brings one file.
        threads: files in transfer at once.
        patience: applies to each file.
        progress: called now and then for each file, the last time with all its bytes.

    Raises:
        SourceError: a file cannot be had, or not with the bytes that were promised.
        StoreFull: the missing files do not fit on the disk.
        StoreError: the folder cannot be written.
    """
    with locked(folder / "lock"), _scratch(folder) as scratch:
        haul = _Haul(snapshot.dataset, folder, scratch, download, progress)
        held = {file.path: haul.held(file) for file in snapshot.files}
        missing = [file for file in snapshot.files if held[file.path] is None]
        _check_room(missing, folder)
        with ThreadPoolExecutor(threads, thread_name_prefix="fetch") as pool:
            try:
                futures = {file.path: pool.submit(haul.bring, file, patience) for file in missing}
                ended = wait(futures.values(), return_when=FIRST_EXCEPTION).done
                fetched = {path: future.result() for path, future in futures.items() if future in ended}
            finally:
                haul.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
    return tuple(held[file.path] or fetched[file.path] for file in snapshot.files)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Yield an empty folder for what is not verified yet; whatever a killed build left there is removed."""
    path = folder / "scratch"
    with on_disk(path):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _check_room(missing: list[RemoteFile], folder: Path) -> None:
    need = sum(file.size for file in missing) + SPARE_BYTES
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
    scratch: Path
    download: Download
    progress: Progress
    stop: Event = field(default_factory=Event)
    """Set when a file failed for good: the others need not go on."""
    talking: Lock = field(default_factory=Lock)

    def held(self, file: RemoteFile) -> InputFile | None:
        """Return the file if it lies there intact; remove it if it does not hold its promise."""
        path = self._place(file)
        with on_disk(path):
            if not path.is_file():
                return None
            try:
                sha256 = _verified(path, file)
            except Transient:
                path.unlink()
                return None
        return self._done(file, sha256)

    def bring(self, file: RemoteFile, patience: Patience) -> InputFile:
        """Return `file`, downloaded and verified."""
        what = f"file {file.path!r} of {self.dataset}"
        return retried(lambda: self._attempt(file), what=what, patience=patience)

    def _attempt(self, file: RemoteFile) -> InputFile:
        def arrived(count: int) -> None:
            self._check_stop(file)
            self._report(file, min(count, file.size))

        self._check_stop(file)
        place = self._place(file)
        with on_disk(place):
            path = self.download(file, self.scratch, arrived)
            sha256 = _verified(path, file)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
        return self._done(file, sha256)

    def _check_stop(self, file: RemoteFile) -> None:
        if self.stop.is_set():
            msg = f"{file.path!r} of {self.dataset}: stopped, because another file failed"
            raise SourceUnavailable(msg)

    def _done(self, file: RemoteFile, sha256: str) -> InputFile:
        self._report(file, file.size)
        return InputFile(name=file.path, path=self._place(file), sha256=sha256, size=file.size)

    def _report(self, file: RemoteFile, count: int) -> None:
        with self.talking:
            self.progress(file.path, count, file.size)

    def _place(self, file: RemoteFile) -> Path:
        return self.folder / "files" / file.path


def _verified(path: Path, file: RemoteFile) -> str:
    """Return the sha256 of what lies at `path`, if it is what the hub promised.

    Raises:
        Transient: it is not; if that lasts, the file is corrupt at the hub.
    """
    size = path.stat().st_size
    if size != file.size:
        msg = f"the hub sent {size} bytes instead of {file.size}"
        raise wrong(msg)
    sha256 = digest(path)
    if (sha256 if file.sha256 else _blob_id(path, size)) != file.digest:
        msg = f"its content has not the digest {file.digest[:16]}… that the hub promised"
        raise wrong(msg)
    return sha256


def _blob_id(path: Path, size: int) -> str:
    """Return git's id of a file's content."""
    with path.open("rb") as stream:
        start = sha1(b"blob %d\0" % size, usedforsecurity=False)
        return file_digest(stream, lambda: start).hexdigest()
