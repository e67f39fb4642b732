"""The store on disk: versions that appear whole or not at all, and a cache that is never believed.

STORE/<mixture>/versions/<digest>/   published, named by the sha256 of its manifest.json
STORE/<mixture>/CURRENT              the digest of the newest good version, written last
STORE/<mixture>/report.html          what the newest run came to, for people
STORE/<mixture>/runs/<run>/          report.html, report.json and summary.md of one run; of one that made
                                     no version report.html, failed.json, and the rows that were dropped
STORE/<mixture>/runs.jsonl           when which build ran and how it ended, a line a run
STORE/<mixture>/accepted.jsonl       who promoted which blocked version, and why
STORE/<mixture>/rollbacks.jsonl      who returned to which earlier version, from which, and why
STORE/<mixture>/places.json          where the last build's source files lie on this machine
STORE/<mixture>/running.json         the build that is under way, or was killed
STORE/<mixture>/outputs.json         outputs of stages that the last build with any used, and why
STORE/<mixture>/trained/<name>/      what builds whose recipe says so trained on their versions
STORE/<mixture>/trainings.jsonl      when which of these was trained and how it ended, a line each
STORE/.cache/LAYOUT                  number of the way in which outputs are named
STORE/.cache/<stage>/<key>/          outputs of stages, named by all that decides them
STORE/.cache/hub/                    downloaded files
STORE/.cache/tokens/<version>/       rows of a version as token ids, encoded once for all trainings on it

One lock per mixture keeps builders apart, and the kernel frees it with its holder.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import IO

from thinkmix.flows.store.atomic import make_folder, remove
from thinkmix.flows.store.cache import ABANDONED_AFTER, Cache
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.store.log import RunLog
from thinkmix.flows.store.versions import Versions
from thinkmix.schemas.errors import StoreBusy, StoreError

_LOOK = 0.25
"""Seconds that a builder waits for a lock: whoever looks whether one is there holds it for an instant."""


@dataclass(frozen=True)
class Store:
    """A folder that holds mixtures and the cache from which they are rebuilt."""

    root: Path

    @property
    def cache(self) -> Cache:
        """Outputs of stages, shared by all mixtures."""
        return Cache(self.root)

    @property
    def versions(self) -> Versions:
        """What was published."""
        return Versions(self.root)

    @property
    def log(self) -> RunLog:
        """How runs ended."""
        return RunLog(self.root)

    def mixtures(self) -> tuple[str, ...]:
        """Return the names of the mixtures that were ever built here, or are for the first time, in order."""
        folders = self.root.iterdir() if self.root.is_dir() else ()
        signs = (".lock", "CURRENT", "runs.jsonl", "versions")
        return tuple(
            sorted(folder.name for folder in folders if any((folder / sign).exists() for sign in signs))
        )

    @contextmanager
    def lock(self, mixture: str) -> Iterator[None]:
        """Hold the mixture's lock: one builder at a time.

        Raises:
            StoreBusy: at once, if another process holds it.
        """
        folder = self.root / mixture
        with full_disk(self.root):
            make_folder(folder)
        with (folder / ".lock").open("a") as handle:
            if not _lock(handle):
                msg = f"another build of {mixture} is running in {self.root}; try again when it has ended"
                raise StoreBusy(msg)
            os.utime(handle.fileno())
            self._sweep(folder)
            yield

    def building_since(self, mixture: str) -> float | None:
        """Return since when a builder holds the mixture's lock, in seconds since the epoch, or None."""
        try:
            handle = (self.root / mixture / ".lock").open("rb")
        except FileNotFoundError:
            return None
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return os.fstat(handle.fileno()).st_mtime
        return None

    def _sweep(self, mixture: Path) -> None:
        """Remove what builds that were killed left behind; builds of other mixtures may be running."""
        leavings = ("versions/.tmp-*", "runs/.tmp-*", ".CURRENT.*", ".report.html.*", ".*.json.*")
        for left in (left for pattern in leavings for left in mixture.glob(pattern)):
            remove(left)
        abandoned = time.time() - ABANDONED_AFTER
        for left in self.root.glob(".cache/*/.tmp-*"):
            with suppress(FileNotFoundError):
                if left.stat().st_mtime < abandoned:
                    remove(left)


def make_root(root: Path) -> None:
    """Make a store's folder; refuse one whose name a reader of parquet files would take for a pattern.

    Raises:
        StoreError: naming the folder, if it cannot be made or may not hold a store.
    """
    if has_magic(str(root.resolve())):
        msg = f"{root.resolve()} cannot hold a store: its path has one of the characters * ? [ ]; use another"
        raise StoreError(msg)
    try:
        with full_disk(root):
            make_folder(root)
    except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        msg = f"{root} cannot be made ({error.strerror}); name another folder with --store"
        raise StoreError(msg) from error


def _lock(handle: IO[str]) -> bool:
    """Take a lock alone if nobody has it, apart from those who only look."""
    until = time.monotonic() + _LOOK
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK / 25)
        else:
            return True
