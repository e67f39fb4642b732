"""Digests of files on disk, and a memory of them that spares hashing unchanged files again."""

import hashlib
from pathlib import Path

import orjson

from thinkmix.flows.sources.disk import replace_with
from thinkmix.schemas.artifact import RemoteFile

BLOCK = 1 << 20


class Checksum:
    """Digests that grow with the bytes: sha256 always, git's blob id where that is what was promised."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._git = None
        if file.sha256 is None:
            self._git = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)

    def update(self, block: bytes) -> None:
        """Take in the next bytes."""
        self._sha256.update(block)
        if self._git is not None:
            self._git.update(block)

    def read(self, path: Path) -> None:
        """Take in a whole file, a block at a time."""
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                self.update(block)

    @property
    def sha256(self) -> str:
        """Return the sha256 of all bytes so far."""
        return self._sha256.hexdigest()

    def holds(self) -> bool:
        """Return whether the bytes so far are the ones that were promised."""
        got = self._sha256 if self._git is None else self._git
        return got.hexdigest() == self._file.digest


class Memory:
    """Digests of files by path, believed while size, times and inode stay as they were.

    A write to a file changes these; a disk that rots does not. So it saves reading 40 GB in
    a quick rebuild, while hashing again, as a build does, is what finds bit rot.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, path: Path) -> str | None:
        """Return the sha256 of `path` if it was seen, and is untouched since."""
        try:
            known = orjson.loads(self._note(path).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        if not isinstance(known, list) or known[:-1] != _stamp(path):
            return None
        return str(known[-1])

    def remember(self, path: Path, sha256: str) -> None:
        """Note that `path`, as it lies there now, has this sha256."""
        replace_with(self._note(path), orjson.dumps([*_stamp(path), sha256]))

    def _note(self, path: Path) -> Path:
        return self._folder / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()}.json"


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
