"""The disk under a source cache: failures as errors of the store, folders for one process at a time."""

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from thinkmix.flows.store.locks import is_at
from thinkmix.schemas.errors import StoreError, StoreFull, ThinkmixError

_TRIES = 20


@contextmanager
def lock_folder(path: Path) -> Iterator[None]:
    """Hold the folder of `path`, and note that it is used; the kernel lets go when the process dies."""
    with _held(path) as handle:
        os.utime(handle.fileno())
        yield


def _held(path: Path) -> BinaryIO:
    """Return the file at `path`, open and locked; not one whose folder was collected meanwhile."""
    for _ in range(_TRIES):
        with on_disk(path), suppress(FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = path.open("ab")
            fcntl.flock(handle, fcntl.LOCK_EX)
            if is_at(handle, path):
                return handle
            handle.close()
    msg = f"cannot use {path}: its folder was taken away {_TRIES} times"
    raise StoreError(msg)


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Turn failures of the disk, as opposed to the network, into errors of the store."""
    try:
        yield
    except ThinkmixError:  # some of ours are OSErrors as well
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            msg = f"no space left for {path}: free some or use a store on another disk"
            raise StoreFull(msg) from error
        msg = f"cannot use {path}: {error.strerror}"
        raise StoreError(msg) from error


def replace_with(path: Path, content: bytes) -> None:
    """Give the file `content`, all of it or, if something goes wrong, none."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    with on_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(path)


def append(out: FileIO, chunk: bytes) -> None:
    """Write all of `chunk`; an unbuffered file may take less at a time."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[out.write(rest) :]
