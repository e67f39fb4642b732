"""Files on this machine: named relative to the recipe, identified by their content, never copied."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from glob import escape, glob, has_magic
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Protocol

from pydantic import ValidationError

from thinkmix.flows.sources.contract import Matches
from thinkmix.flows.sources.digest import BLOCK, Memory
from thinkmix.flows.sources.disk import on_disk
from thinkmix.flows.sources.selection import check_match
from thinkmix.flows.sources.transfer import Progress, no_progress
from thinkmix.schemas.artifact import InputFile, RemoteFile, Snapshot, digest_of
from thinkmix.schemas.errors import SourceCorrupt, SourceError, SourceNotFound

_AT_ONCE = 4

_NEARBY = 2000
"""Files and folders that are looked at, about, to say what there is instead of what a pattern names."""

_TICK = 2_000_000_000
"""The coarsest clock of a file system, in ns."""


class Stated(Protocol):
    """What says which files are meant: a source, or a benchmark."""

    @property
    def name(self) -> str:
        """What the recipe calls it."""

    @property
    def files(self) -> Sequence[str]:
        """Patterns of files."""


def resolve(source: Stated, *, base: Path, into: Path, verify: bool = True) -> Snapshot:
    """Return the files that the recipe's patterns match, and their sha256.

    Args:
        source: its patterns start at `base` unless they are absolute.
        base: the recipe's folder.
        into: where digests are remembered.
        verify: hash every file, instead of trusting an unchanged size and time.

    Raises:
        SourceNotFound: for a pattern that matches no file.
        SourceError: for a file of an unknown kind, or two files that would have the same name.
    """
    paths, matched = matches(source, base)
    stamps = {name: _stamp(path) for name, path in paths.items()}
    with ThreadPoolExecutor(_AT_ONCE) as threads:  # hashing lets go of the interpreter
        found = threads.map(lambda path: _digest(path, into, verify), paths.values())
        digests = dict(zip(paths, found, strict=True))
    commit = digest_of(digests.items())
    try:
        files = tuple(
            RemoteFile(path=name, size=path.stat().st_size, sha256=digests[name], stamp=stamps[name])
            for name, path in paths.items()
        )
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
    else:
        return Snapshot(dataset=source.name, revision=commit, commit=commit, files=files, matched=matched)
    msg = f"source {source.name}: {reason}; rename the file"
    raise SourceError(msg)


def fetch(
    source: Stated,
    snapshot: Snapshot,
    *,
    base: Path,
    into: Path,
    verify: bool = True,
    progress: Progress = no_progress,
) -> tuple[InputFile, ...]:
    """Return where the snapshot's files lie, after checking that they are still what they were.

    A file is not hashed a second time if nobody wrote to it since it was hashed for the snapshot: a snapshot
    lives as long as one build, and what the build reads is checked for the same once more, after reading.

    Raises:
        SourceNotFound: a file is gone.
        SourceCorrupt: a file has changed since the snapshot was taken.
    """
    paths = matches(source, base).paths
    inputs = []
    for file in snapshot.files:
        path = paths.get(file.path)
        if path is None:
            msg = f"source {source.name}: {file.path!r} was there a moment ago and is gone"
            raise SourceNotFound(msg)
        modified, stamp = path.stat().st_mtime_ns, _stamp(path)
        untouched = stamp is not None and stamp == file.stamp
        if file.sha256 is None or not (untouched or _digest(path, into, verify) == file.sha256):
            msg = f"source {source.name}: {file.path!r} changed during the build; build again"
            raise SourceCorrupt(msg)
        progress(file.path, file.size, file.size)
        inputs.append(
            InputFile(name=file.path, path=path, sha256=file.sha256, size=file.size, modified=modified)
        )
    return tuple(inputs)


def matches(source: Stated, base: Path) -> Matches:
    """Return the files that a source's patterns match now, none of them read.

    Raises:
        SourceNotFound: for a pattern that matches no file.
        SourceError: for a file of an unknown kind, or two files that would have the same name.
    """
    found: dict[str, Path] = {}
    matched: dict[str, int] = {}
    where = f"source {source.name}"
    for pattern in source.files:
        paths = _glob(pattern, base)
        named = [(_name(path, pattern, base), path) for path in paths]
        check_match(
            pattern, [name for name, _ in named], _nearby(pattern, base), where=where, at=f" in {base}"
        )
        matched[pattern] = len(paths)
        for name, path in named:
            other = found.setdefault(name, path)
            if not other.samefile(path):
                msg = f"{where}: {other} and {path} would both be {name!r}; split the source"
                raise SourceError(msg)
    return Matches(dict(sorted(found.items())), matched)


def _glob(pattern: str, base: Path) -> list[Path]:
    """Return the files that a pattern means, as `patterns.matching` would among the names of all."""
    for asked in (escape(pattern), pattern):
        paths = {base / match for match in glob(asked, root_dir=base, recursive=True)}  # noqa: PTH207
        if files := sorted(path for path in paths if path.is_file()):
            return files
    return []


def _nearby(pattern: str, base: Path) -> Iterator[str]:
    """Yield names of files, as a pattern could state them, in the deepest folder of it that there is."""
    folder = base / pattern
    while not os.path.isdir(folder):  # noqa: PTH112 - false, too, for a name that no disk takes
        folder = folder.parent
    if folder == folder.parent:  # not the whole disk
        return
    seen = 0
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = PurePath(place, name)
            yield str(path) if PurePath(pattern).is_absolute() else os.path.relpath(path, base)
        seen += len(files) + len(folders)
        if seen > _NEARBY:
            return


def _name(path: Path, pattern: str, base: Path) -> str:
    """Return the path from `base`, or for files outside of it from where the pattern stops being literal."""
    inside = os.path.relpath(path, base)
    if not PurePath(pattern).is_absolute() and not inside.startswith(".."):
        return PurePath(inside).as_posix()
    literal = PurePath(pattern)
    while has_magic(str(literal)):
        literal = literal.parent
    start = base / literal
    return PurePath(os.path.relpath(path, start if start.is_dir() else start.parent)).as_posix()


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    """Return what any write to a file changes; None if it was written to a moment ago.

    Clocks of file systems tick, so that a second write within one tick leaves no trace.
    """
    status = path.stat()
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _TICK:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _digest(path: Path, into: Path, verify: bool) -> str:
    """Return the sha256 of a file, reading a block at a time."""
    memory = Memory(into / "digests")
    if not verify and (known := memory.recall(path)):
        return known
    digest = sha256()
    with on_disk(path), path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
        memory.remember(path, digest.hexdigest())
    return digest.hexdigest()
