"""Files that people bring: uploads, kept apart in the store, and the folders that `--files` names."""

import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from thinkmix.flows.store.atomic import make_folder
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.schemas.errors import NotFound, StoreError
from thinkmix.schemas.files import READABLE, kind_of

LARGEST = 1 << 30
"""Most bytes of an upload; larger files are read where they lie, with --files."""

SPARE = 256 << 20
"""Bytes that an upload leaves free on the store's disk."""

LISTED = 500
"""Most files of a folder that are offered."""

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class Offered(NamedTuple):
    """A file that can be a source."""

    path: Path
    label: str
    size: int


def uploads(root: Path) -> Path:
    """Return the folder of what was uploaded."""
    return root / ".workspace" / "uploads"


def safe_name(name: str) -> str:
    """Return the name that an upload gets: letters, digits and `._-`, never a path or a hidden file.

    Raises:
        NotFound: if files of this kind cannot be read.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    safe = "".join(letter if letter in _LETTERS else "-" for letter in last).lstrip(".-")[-100:]
    if not safe or kind_of(safe) is None:
        msg = f"{last[:100]!r} is not a kind of file that can be read, which are {READABLE}"
        raise NotFound(msg)
    return safe


async def keep_upload(root: Path, name: str, chunks: AsyncIterator[bytes], *, announced: int | None) -> Path:
    """Write an upload, whole or not at all, and return where it lies; another of its name stays beside it.

    Args:
        root: the store.
        name: what the file is called where it comes from.
        chunks: its bytes.
        announced: how many of them there will be, if the browser says so.

    Raises:
        NotFound: if files of its kind cannot be read.
        StoreError: if it is too large for the bound or the disk.
    """
    safe, folder = safe_name(name), uploads(root)
    _check_size(root, announced or 0)
    with full_disk(root):
        make_folder(folder)
        part = folder / f".part-{secrets.token_hex(6)}"
        try:
            with part.open("wb") as file:
                received = 0
                async for chunk in chunks:
                    received += len(chunk)
                    _check_size(root, received)
                    file.write(chunk)
            target = _free(folder, safe)
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)
    return target


def offered(root: Path, folders: Sequence[Path]) -> list[Offered]:
    """Return the files that can be picked: uploads first, then those of the folders, hidden ones left out."""
    found = []
    for folder in (uploads(root), *folders):
        with suppress(OSError):
            files = (path for path in sorted(folder.rglob("*")) if kind_of(path.name) and path.is_file())
            seen = [
                path
                for path in files
                if not any(part.startswith(".") for part in path.relative_to(folder).parts)
            ]
            found += [
                Offered(path, f"{folder.name}/{path.relative_to(folder).as_posix()}", path.stat().st_size)
                for path in seen[:LISTED]
                if path.resolve().is_relative_to(folder.resolve())  # no link leads out
            ]
    return found


def picked(root: Path, folders: Sequence[Path], stated: str) -> Path:
    """Return a file that was picked, if it is one of those that are offered.

    Raises:
        NotFound: if it is not.
    """
    for one in offered(root, folders):
        if str(one.path) == stated:
            return one.path
    msg = f"{stated[:200]!r} is not among the files that can be picked; --files names folders of yours"
    raise NotFound(msg)


def _check_size(root: Path, size: int) -> None:
    if size > LARGEST:
        msg = "this file is larger than 1 GiB: name its folder with --files, and it is read where it lies"
        raise StoreError(msg)
    there = root if root.is_dir() else root.parent
    if size and shutil.disk_usage(there).free < SPARE:
        msg = "the store's disk has less than 256 MB left, so nothing more is taken"
        raise StoreError(msg)


def _free(folder: Path, name: str) -> Path:
    """Return a name that no upload has yet: sources name files, and none may change under them."""
    stem, dot, end = name.partition(".")
    names = (name, *(f"{stem}-{number}{dot}{end}" for number in range(2, 1000)))
    return next(folder / one for one in names if not (folder / one).exists())
