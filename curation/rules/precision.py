"""How often a rule is right, from hits that a person read, and how often it must be right to drop rows."""

from math import sqrt

from pydantic import Field, model_validator

from thinkmix.schemas.record import Record
from thinkmix.schemas.review import Rate

LEAST = 0.9
"""A rule that is right less often than this flags at most."""

LEAST_LOW = 0.5
"""The lower limit of its interval is above this, so that a hit or two prove nothing."""

READ = 50
"""How many hits are read to measure a rule; all of them where there are fewer."""

_Z = 1.959963984540054


def wilson(share: float, count: float) -> tuple[float, float]:
    """Return the limits of Wilson's 95 % interval (1927) for a share that `count` independent trials had."""
    scale = 1 + _Z**2 / count
    middle = (share + _Z**2 / (2 * count)) / scale
    half = _Z / scale * sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def share_of(part: int, whole: int) -> Rate | None:
    """Return a share with Wilson's 95 % interval; None of nothing."""
    if not whole:
        return None
    share = part / whole
    low, high = wilson(share, whole)
    return Rate(estimate=share, low=min(low, share), high=max(high, share))


def may_drop(precision: Rate | None) -> bool:
    """Return whether a rule with this precision may drop rows."""
    return precision is not None and precision.estimate >= LEAST and precision.low > LEAST_LOW


def percent(rate: Rate) -> str:
    """Return a rate and its interval in words: `96.7 % (88.6 to 99.1 %)`."""
    return f"{100 * rate.estimate:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f} %)"


class Reviewed(Record):
    """What a person found who read hits of a rule: how many they read, and how many of them are right."""

    read: int = Field(ge=1, le=10**9)
    """Hits that were read and judged."""
    right: int = Field(ge=0, le=10**9)
    """Of these, hits in which what it marks is a defect of the row in their eyes."""

    @model_validator(mode="after")
    def _no_more_than_read(self) -> "Reviewed":
        if self.right > self.read:
            msg = f"{self.right} hits are right of {self.read} that were read; state the hits that were read"
            raise ValueError(msg)
        return self

    @property
    def precision(self) -> Rate:
        """Of the hits that were read, the share that is right."""
        found = share_of(self.right, self.read)
        assert found is not None
        return found
