"""Open files: how many a build wants and needs, and the sentence where the system allows fewer."""

import errno
import resource
from collections.abc import Iterator

from thinkmix.schemas.errors import TooFewFiles

_AT_REST, _OF_A_WORKER = 512, 16
"""Open files that a build may want, and one more worker; all with plenty to spare."""

_LEAST, _LEAST_OF_A_WORKER = 32, 8
"""Below these a build is not begun. It held 20 at most, and 8 a worker."""


def files_needed(workers: int) -> int:
    """Return how many open files leave a build with so many workers room for everything."""
    return _AT_REST + _OF_A_WORKER * workers


def allow(workers: int) -> None:
    """Raise the soft limit on open files, by default 1024, as far as many workers want and may.

    Args:
        workers: processes that this one is going to start.

    Raises:
        TooFewFiles: if even then a build could not end well.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return
    room = files_needed(workers) if hard == resource.RLIM_INFINITY else min(files_needed(workers), hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, room), hard))
    least = _LEAST + _LEAST_OF_A_WORKER * workers
    if max(soft, room) < least:
        many = f"{workers} worker{'s' * (workers != 1)}"
        msg = f"a build with {many} needs {least} open files, and this process may open {max(soft, room)}"
        ways = f"ulimit -n {files_needed(workers)}{', or fewer --workers' * (workers > 1)}"
        raise TooFewFiles(f"{msg}: {ways}")


def ran_out(error: BaseException) -> bool:
    """Return whether an error, or one that led to it, says that no more files can be opened.

    Rust and Arrow say so in words alone.
    """
    return any(
        getattr(one, "errno", None) in (errno.EMFILE, errno.ENFILE) or "Too many open files" in str(one)
        for one in _causes(error)
    )


def refusal(what: str) -> str:
    """Return the sentence for a limit that was reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    way = f"ulimit -n {hard}" if soft < hard else "raise the hard limit"
    return f"{what}, and this process may open {soft}: {way}, or use fewer --workers"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
