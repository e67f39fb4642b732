"""Horizontal bars with their names and numbers: parts of sources by group, and counts by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import NamedTuple

from thinkmix.flows.pages.charts.chart import COLOURS, WIDTH, Chart
from thinkmix.flows.pages.charts.scale import room
from thinkmix.flows.pages.formatting import grouped, percent, printable

_LEAST = 84
"""Room for names, at the least."""
_ROOM = 1.18
"""The scale goes on behind the longest bar, where its number stands."""
_LINE, _BAR, _SPACE = 26, 14, 12
"""Height of a line with one bar; of a bar where there are several a group, and the space between groups."""


class Name(NamedTuple):
    """The name of a group, and the height of its middle."""

    y: float
    words: str


class Bar(NamedTuple):
    """A bar, with its number behind it."""

    y: float
    width: float
    height: int
    words: str
    colour: int | None
    """None for one that belongs to no source."""


@dataclass(frozen=True, kw_only=True)
class Bars(Chart):
    """Bars that begin at one line, with names before it."""

    left: float
    names: tuple[Name, ...]
    bars: tuple[Bar, ...]


def grouped_bars(groups: Sequence[str], shares: Sequence[tuple[int, Sequence[float]]], *, label: str) -> Bars:
    """Return one bar per group and source, as long as the group's part of the source.

    Args:
        groups: their names, in order.
        shares: place of each source in the recipe, and its part in every group, from 0 to 1.
        label: what is shown, in a sentence.
    """
    names = [printable(name, longest=16) for name in groups]
    left = room(names, least=_LEAST)
    most = max((part for _, parts in shares for part in parts), default=1.0) or 1.0
    tall = _SPACE + _BAR * len(shares)
    bars = [
        Bar(
            group * tall + _SPACE / 2 + line * _BAR,
            _width(parts[group] / most, left),
            _BAR,
            percent(parts[group]),
            place % COLOURS,
        )
        for group in range(len(names))
        for line, (place, parts) in enumerate(shares)
    ]
    return _bars(names, bars, left=left, tall=tall, label=label)


def counts(groups: Sequence[str], numbers: Sequence[int], *, label: str) -> Bars:
    """Return one bar per name with its number, on a scale where large and tiny are both seen."""
    names = [printable(name, longest=24) for name in groups]
    left = room(names, least=_LEAST)
    most = log10(1 + 3 * max([*numbers, 1]))
    bars = [
        Bar(line * _LINE + 2, _width(log10(1 + number) / most, left), _LINE - 4, grouped(number), None)
        for line, number in enumerate(numbers)
    ]
    return _bars(names, bars, left=left, tall=_LINE, label=label)


def _width(part: float, left: float) -> float:
    """Return the pixels of a bar, given its part of the longest one."""
    return round(part * (WIDTH - left) / _ROOM, 1)


def _bars(names: Sequence[str], bars: Sequence[Bar], *, left: float, tall: int, label: str) -> Bars:
    heights = [Name((line + 0.5) * tall, name) for line, name in enumerate(names)]
    return Bars(
        label=label, height=max(tall * len(names), 1), left=left, names=tuple(heights), bars=tuple(bars)
    )
