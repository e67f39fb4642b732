"""Which files of a dataset a recipe means: glob patterns against the names that a hub lists."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import NamedTuple

from pydantic import ValidationError

from schemas.artifact import RemoteFile
from schemas.errors import SourceCorrupt, SourceError, SourceNotFound

SUFFIXES = (
    ".parquet",
    ".jsonl",
    ".jsonl.gz",
    ".jsonl.zst",
    ".json",
    ".json.gz",
    ".json.zst",
)
"""Names that a source file may end with."""


class Entry(NamedTuple):
    """A file as a hub lists it: nothing in it has been checked yet."""

    path: str
    size: int
    sha256: str | None
    blob_sha1: str | None


def select(entries: Iterable[Entry], patterns: Sequence[str], *, where: str) -> tuple[RemoteFile, ...]:
    """Return the entries that any of `patterns` matches, checked, sorted by path.

    `*` also matches `/`, as in the hub client's `allow_patterns`.

    Raises:
        SourceNotFound: for a pattern that matches nothing.
        SourceError: for a file of an unknown kind or with a name that leaves its folder.
        SourceCorrupt: for a file that comes without a digest.
    """
    listed = {entry.path: entry for entry in entries}
    chosen: dict[str, Entry] = {}
    for pattern in patterns:
        matches = {path: entry for path, entry in listed.items() if fnmatchcase(path, pattern)}
        if not matches:
            msg = f"{where}: no file matches {pattern!r}; there are {_some_names(listed)}"
            raise SourceNotFound(msg)
        chosen |= matches
    return tuple(_checked(chosen[path], where) for path in sorted(chosen))


def check_suffix(name: str, *, where: str) -> None:
    """Raise SourceError if the name does not say that the file can be read."""
    if not PurePosixPath(name).name.endswith(SUFFIXES):
        msg = f"{where}: cannot read {name!r}; narrow `files` to parquet, jsonl or json (also .gz or .zst)"
        raise SourceError(msg)


def _checked(entry: Entry, where: str) -> RemoteFile:
    check_suffix(entry.path, where=where)
    if not entry.sha256 and not entry.blob_sha1:
        msg = f"{where}: the hub promises no digest for {entry.path!r}, so it cannot be verified"
        raise SourceCorrupt(msg)
    try:
        return RemoteFile(path=entry.path, size=entry.size, sha256=entry.sha256, blob_sha1=entry.blob_sha1)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
    msg = f"{where}: refused the listing of {entry.path!r}: {reason}"
    raise SourceError(msg)


def _some_names(listed: Iterable[str]) -> str:
    """Return up to five names; readable ones first."""
    names = sorted(listed, key=lambda name: (not name.endswith(SUFFIXES), name))
    if not names:
        return "no files at all"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(name) for name in names[:5]) + more
