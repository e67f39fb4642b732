"""Which files of a dataset a recipe means: patterns against the names that a hub lists."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from pydantic import ValidationError

from thinkmix.flows.sources.patterns import match_across_folders, match_names, nearest
from thinkmix.schemas.artifact import RemoteFile
from thinkmix.schemas.errors import SourceCorrupt, SourceError, SourceNotFound
from thinkmix.schemas.files import PACKED, READABLE, extension_of, kind_of


class Entry(NamedTuple):
    """A file as a hub lists it: nothing in it has been checked yet."""

    path: str
    size: int
    sha256: str | None
    blob_sha1: str | None


class Selected(NamedTuple):
    """The files that a recipe means."""

    files: tuple[RemoteFile, ...]
    """Sorted by path."""
    matched: Mapping[str, int]
    """How many files each pattern means."""


def select(entries: Iterable[Entry], patterns: Sequence[str], *, where: str) -> Selected:
    """Return the entries that any of `patterns` means, checked.

    Raises:
        SourceNotFound: for a pattern that matches nothing.
        SourceError: for a file of an unknown kind or with a name that leaves its folder.
        SourceCorrupt: for a file that comes without a digest.
    """
    listed = {entry.path: entry for entry in entries}
    matched = {}
    for pattern in patterns:
        found = match_names(pattern, listed)
        check_match(pattern, found, listed, where=where)
        matched[pattern] = found
    chosen = {name for found in matched.values() for name in found}
    files = tuple(_checked(listed[path], where) for path in sorted(chosen))
    return Selected(files, {pattern: len(found) for pattern, found in matched.items()})


def check_match(
    pattern: str, found: Sequence[str], names: Iterable[str], *, where: str, at: str = ""
) -> None:
    """Refuse a pattern that matches nothing, or what cannot be read, and say what else there is.

    Args:
        pattern: from the recipe.
        found: names that it matches.
        names: names of all files there are, or of those nearby; asked for only if something is wrong.
        where: the source, for the error.
        at: where these files lie, for the error.

    Raises:
        SourceNotFound: if it matches nothing.
        SourceError: if it matches a file of an unknown kind.
    """
    unread = [name for name in found if kind_of(name) is None]
    if not found:
        listed = list(names)
        hint = ""
        if folder := _within(pattern, listed):
            hint = f", which is a folder (its files are {folder!r})"
        elif match_across_folders(pattern, listed):
            hint = f" (`*` does not cross folders, `**` does: {_deeper(pattern)!r})"
        msg = f"{where}: no file matches {pattern!r}{hint}; there are {nearest(pattern, listed)}{at}"
        raise SourceNotFound(msg)
    if len(unread) == len(found):
        others = [name for name in names if kind_of(name) is not None]
        msg = (
            f"{where}: {pattern!r} matches only what cannot be read: {nearest(pattern, unread)}; "
            f"kinds that are read are {READABLE}; of these there are {nearest(pattern, others)}{at}"
        )
        raise SourceError(msg)
    if unread:
        msg = f"{where}: cannot read {unread[0]!r}, which {pattern!r} matches; narrow `files` to {READABLE}"
        raise SourceError(msg)


def _deeper(pattern: str) -> str:
    """Return a pattern like it that looks in folders below, too."""
    folder, _, name = pattern.rpartition("/")
    return f"{folder}/**/{name}" if folder else f"**/{name}"


def _within(pattern: str, names: Sequence[str]) -> str | None:
    """Return a pattern for the files in the folder that a pattern names; None if it names none with any."""
    folder = f"{pattern.removeprefix('./').rstrip('/')}/"
    inside = [name.removeprefix(folder) for name in names if name.startswith(folder) and kind_of(name)]
    if not inside:
        return None
    nearest_one = min(inside, key=lambda name: (name.count("/"), name))
    packed = PurePosixPath(nearest_one).suffix if nearest_one.lower().endswith(PACKED) else ""
    deeper = "**/" if "/" in nearest_one else ""
    return f"{folder}{deeper}*{extension_of(nearest_one)}{packed}"


def _checked(entry: Entry, where: str) -> RemoteFile:
    if not entry.sha256 and not entry.blob_sha1:
        msg = f"{where}: the hub promises no digest for {entry.path!r}, so it cannot be verified"
        raise SourceCorrupt(msg)
    try:
        return RemoteFile(path=entry.path, size=entry.size, sha256=entry.sha256, blob_sha1=entry.blob_sha1)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
    msg = f"{where}: refused the listing of {entry.path!r}: {reason}"
    raise SourceError(msg)
