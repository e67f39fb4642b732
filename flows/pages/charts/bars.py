"""Horizontal bars with their names and numbers: parts of sources by group, and counts by name."""

from collections.abc import Sequence
from math import log10

from markupsafe import Markup

from thinkmix.flows.pages.charts.picture import WIDTH, picture
from thinkmix.flows.pages.charts.scale import room
from thinkmix.flows.pages.formatting import grouped, percent
from thinkmix.schemas.plain import plain

_LEAST = 84
"""Room for names, at the least."""
_BEHIND = 1.18
"""The scale goes on behind the longest bar, where its number stands."""

_Bar = tuple[float, str, int | None]
"""Its part of the longest one, its number, and its source's place, if it belongs to a source."""


def grouped_bars(
    groups: Sequence[str], shares: Sequence[tuple[int, Sequence[float]]], *, label: str
) -> Markup:
    """Return one bar per group and source, as long as the group's part of the source.

    Args:
        groups: their names, in order.
        shares: place of each source in the recipe, and its part in every group, from 0 to 1.
        label: what is shown, in a sentence.
    """
    most = max((part for _, parts in shares for part in parts), default=1.0) or 1.0
    bars = [
        [(parts[at] / most, percent(parts[at]), place) for place, parts in shares]
        for at in range(len(groups))
    ]
    return _bars([plain(name, 16) for name in groups], bars, high=14, apart=12, label=label)


def counts(names: Sequence[str], numbers: Sequence[int], *, label: str) -> Markup:
    """Return one bar per name with its number, on a scale where large and tiny are both seen."""
    most = log10(1 + 3 * max([*numbers, 1]))
    bars = [[(log10(1 + number) / most, grouped(number), None)] for number in numbers]
    return _bars([plain(name, 24) for name in names], bars, high=22, apart=4, label=label)


def _bars(
    names: Sequence[str], bars: Sequence[Sequence[_Bar]], *, high: int, apart: int, label: str
) -> Markup:
    """Return the bars of each name, `high` pixels each, and `apart` between two names."""
    left = room(names, least=_LEAST)
    longest = (WIDTH - left) / _BEHIND
    tall = apart + high * max(map(len, bars), default=0)
    groups = [
        (name, [(round(part * longest, 1), words, place) for part, words, place in mine])
        for name, mine in zip(names, bars, strict=True)
    ]
    height = max(tall * len(names), 1)
    return picture("bars", label, height=height, left=left, groups=groups, tall=tall, high=high, apart=apart)
