"""How often dedup is right: what reading pairs came to, and the duplicates that are planted in the sample.

One reader, an author of the rules, judged pairs of 25,755 real rows, in which `numbers` were distinguished;
benchmarks/judged_pairs.txt holds every verdict, and docs/recipes.md says which pairs were wrong.
"""

from collections.abc import Mapping
from math import sqrt
from types import MappingProxyType
from typing import NamedTuple

from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.report import Precision

_Z = 1.959964


class Counted(NamedTuple):
    """What was counted of rows left out for one reason."""

    right: int
    pairs: int
    planted: int


COUNTED: Mapping[Reason, Counted] = MappingProxyType(
    {
        Reason.NEAR_DUP: Counted(right=198, pairs=202, planted=54),
        Reason.SOLUTION_CAP: Counted(right=100, pairs=100, planted=198),
    }
)


def measured_precision() -> tuple[Precision, ...]:
    """Return the figures of this release, with their intervals."""
    return tuple(
        Precision(reason=reason.value, low=low, high=high, **counted._asdict())
        for reason, counted in COUNTED.items()
        for low, high in [interval(counted.right, counted.pairs)]
    )


def interval(right: int, judged: int) -> tuple[float, float]:
    """Return the bounds of the 95 % interval of a part (Wilson 1927)."""
    part = right / judged
    middle = (part + _Z**2 / (2 * judged)) / (1 + _Z**2 / judged)
    half = _Z * sqrt(part * (1 - part) / judged + _Z**2 / (4 * judged**2)) / (1 + _Z**2 / judged)
    return middle - half, middle + half
