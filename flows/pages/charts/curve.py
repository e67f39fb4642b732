"""A figure over the steps of a training, with a band where a point stands for several steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from thinkmix.flows.pages.charts.chart import COLOURS, WIDTH, Chart
from thinkmix.flows.pages.charts.scale import Scale, Tick, inside, room

MOST = 80
"""Points of a curve: a phone shows no more of them apart."""

_MARKED = 24
"""A curve with this many points or fewer has a dot at each."""

_HEIGHT, _TOP, _FOOT, _RIGHT = 168, 6, 126, WIDTH - 10
"""Of the chart, and of the field in it: below stand the steps."""
_LEAST = 38
"""Room for the numbers of the scale, at the least."""


class Point(NamedTuple):
    """One or more steps in a row."""

    step: int
    """The last of them."""
    value: float
    low: float
    high: float
    """The least and the most of its steps."""


class Place(NamedTuple):
    """A point in pixels."""

    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Curve(Chart):
    """A line of one colour, and what is marked on it."""

    colour: int
    left: float
    down: tuple[Tick, ...]
    across: tuple[Tick, ...]
    line: str
    """The path; empty if there is no point."""
    band: str
    """The path around it; empty if each point is one step."""
    dots: tuple[Place, ...]
    ring: Place | None
    """The point whose weights were kept."""
    limit: float | None
    """Height of the dashed line."""
    foot: float = _FOOT


def thinned(values: Sequence[float], *, first: int = 1, most: int = MOST) -> list[Point]:
    """Return the means of equally many steps in a row, and how far these steps lie apart.

    Args:
        values: one of each step, in order; those that are no number are passed over.
        first: number of the first step.
        most: how many points there may be.
    """
    width = max(1, -(-len(values) // most))
    points = []
    for start in range(0, len(values), width):
        mine = [value for value in values[start : start + width] if isfinite(value)]
        if mine:
            step = first + min(start + width, len(values)) - 1
            points.append(Point(step, sum(mine) / len(mine), min(mine), max(mine)))
    return points


def curve(
    points: Sequence[Point],
    *,
    label: str,
    place: int = 0,
    limit: float | None = None,
    kept: int | None = None,
    zero: bool = False,
    decimals: int | None = None,
) -> Curve:
    """Return a line over the steps, with a band where points stand for several steps.

    Args:
        points: in order of their steps.
        label: what is shown, in a sentence.
        place: of the line's colour.
        limit: value that the line should stay under.
        kept: step whose weights were written, marked if it is not the last.
        zero: whether the scale begins at zero.
        decimals: of its numbers; None writes no more than they need.
    """
    limit = limit if limit is not None and isfinite(limit) else None
    ends = [end for point in points for end in (point.low, point.high)]
    low, high = _frame(ends if limit is None else [*ends, limit], zero=zero)
    down = Scale(low, high, _FOOT, _TOP)
    ticks = down.ticks(4, decimals=decimals)
    left = room([tick.words for tick in ticks], least=_LEAST)
    across = Scale(points[0].step, points[-1].step, left, _RIGHT) if points else None
    places = [Place(across(point.step), down(point.value)) for point in points] if across else []
    return Curve(
        label=label,
        height=_HEIGHT,
        colour=place % COLOURS,
        left=left,
        down=ticks,
        across=tuple(map(inside, across.ticks(5, whole=True))) if across else (),
        line=_path(places),
        band=_band(points, across, down)
        if across and any(point.low < point.high for point in points)
        else "",
        dots=tuple(places) if len(places) <= _MARKED else (),
        ring=next((at for point, at in zip(points[:-1], places, strict=False) if point.step == kept), None),
        limit=None if limit is None else down(limit),
    )


def _frame(values: Sequence[float], *, zero: bool) -> tuple[float, float]:
    """Return the least and the most of the scale, with a little space behind the values."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    low = min(low, 0.0) if zero else low
    space = 0.05 * (high - low) or 0.05 * abs(high) or 1
    return low if zero and low == 0 else low - space, high + space


def _path(places: Sequence[Place]) -> str:
    return f"M{'L'.join(f'{x} {y}' for x, y in places)}" if places else ""


def _band(points: Sequence[Point], across: Scale, down: Scale) -> str:
    """Return the path along the highest steps and back along the lowest."""
    there = [Place(across(point.step), down(point.high)) for point in points]
    back = [Place(across(point.step), down(point.low)) for point in reversed(points)]
    return f"{_path([*there, *back])}Z"
