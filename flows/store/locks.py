"""Who uses a folder of the store: users hold a file of it together, its collector must hold that file alone.

The kernel keeps the holds and frees them with their process, however it dies. A user also leaves the time of
its use on the file, under the hold: so whoever collects either finds the file held, or finds the new time, or
has moved the folder away before the user could hold it, which the user then sees.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What a disk without locks answers; there, the time of use is all that protects."""


@contextmanager
def shared_lock(path: Path) -> Iterator[bool]:
    """Hold a file as one of its users; yields False if it is not there, or not there any more."""
    try:
        handle = path.open("rb")
    except OSError:
        yield False
        return
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield is_at(handle, path)


def use(path: Path) -> bool:
    """Note that a file's folder is used from now on; returns False if it is gone."""
    with shared_lock(path) as there:
        if there:
            with suppress(OSError):  # another user's file, or a disk that is read only
                os.utime(path)
    return there


@contextmanager
def exclusive_lock(path: Path, *, unused_since: float) -> Iterator[bool]:
    """Hold a file alone; yields False if someone else holds it, or has used it since then.

    Args:
        path: the file.
        unused_since: seconds since the epoch.
    """
    try:
        handle = path.open("rb+")  # some network disks let only writers hold a file alone
    except OSError:
        yield False
        return
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            yield False
            return
        yield is_at(handle, path) and os.fstat(handle.fileno()).st_mtime < unused_since


def is_at(handle: IO[bytes], path: Path) -> bool:
    """Return whether an open file is still the one at `path`; its folder may have been moved away."""
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except OSError:
        return False
