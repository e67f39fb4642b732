"""Upright bars over bins of one source, each with its part in percent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from thinkmix.flows.pages.charts.chart import COLOURS, WIDTH, Chart
from thinkmix.flows.pages.formatting import percent

_HEIGHT, _FOOT, _TOP = 156, 132, 18
"""Of the chart, of the line that bars stand on, and of the longest bar's end."""
_BAR = 0.84
"""Part of its bin that a bar takes."""


class Bin(NamedTuple):
    """A bar: its middle, its size, its name and its part of the whole, which is empty where nothing is."""

    middle: float
    x: float
    y: float
    width: float
    height: float
    name: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Histogram(Chart):
    """Bars of one colour."""

    bins: tuple[Bin, ...]
    colour: int
    foot: float = _FOOT


def histogram(names: Sequence[str], counts: Sequence[int], *, place: int, label: str) -> Histogram:
    """Return bars over the bins of one source.

    Args:
        names: of the bins, in order.
        counts: how many fall into each.
        place: of the source in the recipe, for its colour.
        label: what is shown, in a sentence.
    """
    total, most = max(sum(counts), 1), max([*counts, 1])
    wide = WIDTH / max(len(names), 1)
    bins = []
    for number, (name, count) in enumerate(zip(names, counts, strict=True)):
        high = round(count / most * (_FOOT - _TOP), 1)
        middle = (number + 0.5) * wide
        bins.append(
            Bin(
                round(middle, 1),
                round(middle - _BAR * wide / 2, 1),
                round(_FOOT - high, 1),
                round(_BAR * wide, 1),
                high,
                name,
                percent(count / total) if count else "",
            )
        )
    return Histogram(label=label, height=_HEIGHT, bins=tuple(bins), colour=place % COLOURS)
