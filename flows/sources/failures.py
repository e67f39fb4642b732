"""What goes wrong between a hub and a build: failures that may pass, those that do not, and their words."""

from urllib.parse import urlsplit

from schemas.errors import SourceCorrupt, SourceDenied, SourceError, SourceNotFound, SourceUnavailable

TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504)


class Transient(Exception):
    """A failure that may pass; it becomes the error `final` only if it lasts.

    `reason` is a clause for people, `wait` what the hub asked for in seconds.
    """

    def __init__(
        self, reason: str, *, wait: float | None = None, final: type[SourceError] = SourceUnavailable
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait
        self.final = final


def wrong(reason: str) -> Transient:
    """Return the failure that a file is not what the hub promised: another try may bring the right one."""
    return Transient(reason, final=SourceCorrupt)


def refusal(
    status: int | None, where: str, *, at: str, denied: str, missing: str, wait: float | None = None
) -> Transient | SourceError:
    """Return what an HTTP error status means for a build.

    Args:
        status: of the answer.
        where: what was asked for.
        at: who was asked.
        denied: what to say of 401 and 403.
        missing: what to say of 404.
        wait: seconds that the hub asks for before the next try.
    """
    if status in TRANSIENT_STATUS:
        return Transient(f"{at} answered {status}", wait=wait)
    if status in (401, 403):
        return SourceDenied(f"{where}: {at} answered {status}: {denied}")
    if status == 404:
        return SourceNotFound(f"{where}: {at} {missing}")
    return SourceError(f"{where}: {at} answered {status}")


def plain_address(url: str) -> str:
    """Return `url` fit for a message: without the parts that may hold a secret (user, password, query)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
