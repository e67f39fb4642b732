"""How long a build waits for a hub: which failures pass, how often to try again, and when to stop."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from thinkmix.schemas.errors import SourceError, SourceUnavailable

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Transient(Exception):
    """A failure that may pass; it becomes the error `final` only if it lasts.

    `reason` is a clause for people, `wait` what the hub asked for in seconds, `way` what to do if it lasts.
    """

    def __init__(
        self,
        reason: str,
        *,
        wait: float | None = None,
        final: type[SourceError] = SourceUnavailable,
        way: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait
        self.final = final
        self.way = way


@dataclass(frozen=True)
class Patience:
    """When to try again after a transient failure. Waits are seconds."""

    tries: int = 5
    first_wait: float = 0.5
    """Doubled with every try."""
    longest_wait: float = 60
    """A hub that asks for more (Retry-After) is given up at once."""
    sleep: Callable[[float], None] = time.sleep

    def wait(self, key: str, attempt: int, asked: float | None) -> float:
        """Return the seconds to wait after failed `attempt` (from 0): at least what was asked, plus jitter.

        The jitter is a hash of `key`, so that files spread out and two runs behave alike.
        """
        jitter = sha256(f"{key}\0{attempt}".encode()).digest()[0] / 256
        if asked is not None:
            return asked + jitter
        return min(self.first_wait * float(2**attempt) * (0.5 + jitter), self.longest_wait)


PATIENT = Patience()
"""Five tries within about eight seconds, unless the hub asks for more."""


def retry(action: Callable[[], T], *, what: str, patience: Patience) -> T:
    """Return what `action` returns, repeating it after `Transient` failures as `patience` says.

    Args:
        action: does the work; raises `Transient`, or a permanent error that is passed on at once.
        what: names the work in the error: "file X of dataset Y".
        patience: how often and how long.

    Raises:
        SourceError: of the class that the last `Transient` names, when tries ran out.
    """
    for attempt in range(patience.tries):
        try:
            return action()
        except Transient as failure:
            reason, asked, final, way = failure.reason, failure.wait, failure.final, failure.way
        if asked is not None and asked > patience.longest_wait:
            msg = f"{what}: {reason}; the hub asks to wait {asked:.0f} s, try again after that"
            raise SourceUnavailable(msg)
        if attempt + 1 < patience.tries:
            wait = patience.wait(what, attempt, asked)
            logger.warning("%s: %s; trying again in %.1f s", what, reason, wait)
            patience.sleep(wait)
    msg = f"{what}: {reason}; gave up after {patience.tries} tries"
    raise final(f"{msg}: {way}" if way else msg)
