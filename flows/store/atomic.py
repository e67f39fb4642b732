"""Files and folders that are on the disk whole or not at all, whatever dies while they are written."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from thinkmix.flows.store.disk_errors import full_disk


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder beside its later place, removed unless it was committed."""
    with full_disk(parent):
        make_folder(parent)
        folder = parent / f".tmp-{os.getpid()}-{os.urandom(4).hex()}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def commit(scratch: Path, final: Path, *, whole: Callable[[Path], bool]) -> bool:
    """Move a finished folder to its place so that it is whole there after any crash.

    Returns:
        False if a whole one was there already: it stays, and `scratch` is of no more use.
    """
    for path in sorted(scratch.rglob("*")):
        sync(path)
    sync(scratch)
    make_folder(final.parent)
    try:
        scratch.rename(final)
    except OSError as error:
        # NFS may repeat a rename whose answer was lost, and then finds nothing to rename: ENOENT
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.ENOENT):
            raise
        if whole(final):
            return False
        old = final.with_name(f".tmp-{os.getpid()}-{os.urandom(4).hex()}")
        final.rename(old)
        scratch.rename(final)
        remove(old)
    sync(final.parent)
    return True


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file such that its name is never that of a half of it, not after a power loss either."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it so that a power loss does not take them away again."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; one that is gone is removed already."""
    if is_folder(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder itself, not a link to one."""
    return path.is_dir() and not path.is_symlink()


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power loss."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
