"""A figure over the steps of a training, with a band where a point stands for several steps."""

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from markupsafe import Markup

from thinkmix.flows.pages.charts.picture import WIDTH, picture
from thinkmix.flows.pages.charts.scale import Scale, inside, path, room

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


def thin_out(values: Sequence[float], *, first: int = 1, most: int = MOST) -> list[Point]:
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
) -> Markup:
    """Return a line over the steps, with a band where points stand for several steps.

    Args:
        points: in order of their steps.
        label: what is shown, in a sentence.
        place: of the line's colour.
        limit: value that the line should stay under, drawn dashed.
        kept: step whose weights were written, marked if it is not the last.
        zero: whether the scale begins at zero.
        decimals: of its numbers; None writes no more than they need.
    """
    limit = limit if limit is not None and isfinite(limit) else None
    ends = [end for point in points for end in (point.low, point.high)]
    down = Scale(*_frame(ends if limit is None else [*ends, limit], zero=zero), _FOOT, _TOP)
    ticks = down.ticks(4, decimals=decimals)
    left = room([tick.words for tick in ticks], least=_LEAST)
    steps = [point.step for point in points]
    across = Scale(steps[0] if steps else 0, steps[-1] if steps else 0, left, _RIGHT)
    line = [(across(point.step), down(point.value)) for point in points]
    wide = any(point.low < point.high for point in points)
    high = [(across(point.step), down(point.high)) for point in points if wide]
    low = [(across(point.step), down(point.low)) for point in points if wide]
    return picture(
        "curve",
        label,
        height=_HEIGHT,
        foot=_FOOT,
        left=left,
        down=ticks,
        across=[inside(tick, WIDTH) for tick in across.ticks(5, whole=True)] if steps else [],
        place=place,
        band=path([*high, *reversed(low)]),
        line=path(line),
        dots=line if len(line) <= _MARKED else [],
        limit=None if limit is None else down(limit),
        ring=next((at for step, at in zip(steps[:-1], line, strict=False) if step == kept), None),
    )


def _frame(values: Sequence[float], *, zero: bool) -> tuple[float, float]:
    """Return the least and the most of the scale, with a little space behind the values."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    low = min(low, 0.0) if zero else low
    space = 0.05 * (high - low) or 0.05 * abs(high) or 1
    return low if zero and low == 0 else low - space, high + space
