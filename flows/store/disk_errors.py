"""Errors of the disk as errors of the store: it is full, it fails, it may not be written."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from thinkmix.flows.system import files
from thinkmix.schemas.errors import StoreError, StoreFull, ThinkmixError, TooFewFiles

_REFUSALS = (errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def full_disk(where: Path) -> Iterator[None]:
    """Turn the many faces of a full disk into one clear error, and those of a broken one into another.

    Raises:
        StoreFull: instead of any OSError that says that no space is left.
        TooFewFiles: instead of any that says that no more files can be opened.
        StoreError: instead of one that says that the disk fails or may not be written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, ThinkmixError):
            raise
        if _says_full(error):
            msg = f"no space left under {where}; free some and build again, what is published is untouched"
            raise StoreFull(msg) from error
        if files.ran_out(error):
            msg = files.refusal(f"too many open files under {where}")
            raise TooFewFiles(msg) from error
        if error.errno in _REFUSALS:
            msg = f"{error.filename or where}: {error.strerror}; what is published is untouched"
            raise StoreError(msg) from error
        raise


def _says_full(error: OSError) -> bool:
    """Return whether the disk is full: Arrow reports it without a number, numpy with its own message."""
    words = str(error)
    numpy_says = " requested and " in words and words.endswith(" written")
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "No space left" in words or numpy_says
