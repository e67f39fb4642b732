"""One figure over the last runs, with a mark for how each run ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from thinkmix.flows.pages.charts.chart import WIDTH, Chart
from thinkmix.flows.pages.charts.scale import Scale, Tick, room
from thinkmix.schemas.run import Night, Status

_HEIGHT, _EDGE, _LEAST = 128, 6.0, 42
"""Of the chart, of the free edge above and below, and of the room for the numbers of the scale."""


class Mark(NamedTuple):
    """A run: where its mark lies, and how it ended, which decides shape and colour."""

    x: float
    y: float
    ended: Status


@dataclass(frozen=True, kw_only=True)
class Trend(Chart):
    """A line through the runs that have a figure."""

    left: float
    down: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    line: str
    """The path; empty if no run has a figure."""


def trend(nights: Sequence[Night], numbers: Sequence[float], *, label: str) -> Trend:
    """Return a figure over the runs, oldest first.

    A run that failed has no figure: its mark lies at the foot, and the line passes it by. The scale does not
    begin at zero, unless the figures do.

    Args:
        nights: the runs.
        numbers: the figure of each.
        label: what is shown, in a sentence.
    """
    ended = [night.status for night in nights]
    low, high = _frame([number for status, number in zip(ended, numbers, strict=True) if status != "failed"])
    down = Scale(low, high, _HEIGHT - _EDGE, _EDGE)
    ticks = down.ticks(3)
    left = room([tick.words for tick in ticks], least=_LEAST)
    across = Scale(-0.5, len(ended) - 0.5, left, WIDTH - _EDGE)
    marks = tuple(
        Mark(across(at), down(low if status == "failed" else number), status)
        for at, (status, number) in enumerate(zip(ended, numbers, strict=True))
    )
    line = "L".join(f"{mark.x} {mark.y}" for mark in marks if mark.ended != "failed")
    return Trend(
        label=label, height=_HEIGHT, left=left, down=ticks, marks=marks, line=f"M{line}" if line else ""
    )


def _frame(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the least and the most of the scale: one percent must not look like a cliff."""
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    space = max(high - low, 0.12 * high) or 1
    return max(0.0, (low + high) / 2 - 0.75 * space), (low + high) / 2 + 0.75 * space
