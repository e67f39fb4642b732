"""One figure over the last runs, with a mark for how each run ended."""

from collections.abc import Sequence

from markupsafe import Markup

from thinkmix.flows.pages.charts.picture import WIDTH, picture
from thinkmix.flows.pages.charts.scale import Scale, path, room
from thinkmix.schemas.run import PastRun

_HEIGHT, _EDGE, _LEAST = 128, 6, 42
"""Of the chart, of the free edge around it, and of the room for the numbers of its scale."""


def trend(past_runs: Sequence[PastRun], numbers: Sequence[float], *, label: str) -> Markup:
    """Return a figure over the runs, oldest first.

    A run that failed has no figure: its mark lies at the foot, and the line passes it by. The scale does not
    begin at zero, unless the figures do.

    Args:
        past_runs: the runs.
        numbers: the figure of each.
        label: what is shown, in a sentence.
    """
    ended = [past.status for past in past_runs]
    low, high = _frame([number for status, number in zip(ended, numbers, strict=True) if status != "failed"])
    down = Scale(low, high, _HEIGHT - _EDGE, _EDGE)
    ticks = down.ticks(3)
    left = room([tick.words for tick in ticks], least=_LEAST)
    across = Scale(-0.5, len(ended) - 0.5, left, WIDTH - _EDGE)
    marks = [
        (across(at), down(low if status == "failed" else number), status)
        for at, (status, number) in enumerate(zip(ended, numbers, strict=True))
    ]
    line = path([(x, y) for x, y, status in marks if status != "failed"])
    return picture("trend", label, height=_HEIGHT, left=left, down=ticks, marks=marks, line=line)


def _frame(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the least and the most of the scale: one percent must not look like a cliff."""
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    space = max(high - low, 0.12 * high) or 1
    return max(0.0, (low + high) / 2 - 0.75 * space), (low + high) / 2 + 0.75 * space
