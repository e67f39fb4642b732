"""The curve of a training run as a picture: a figure over the steps, drawn as the audit's charts are."""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from thinkmix.flows.pages.charts import INK, ROWS, SOFT, WIDER, WIDTH, drawn

if TYPE_CHECKING:
    import altair as alt

MOST = 80
"""Points of a curve: a phone shows no more of them apart."""

_MARKED = 24
"""A curve of so many points or fewer has a dot at each."""


class Point(NamedTuple):
    """One or more steps in a row."""

    step: int
    """The last of them."""
    value: float
    low: float
    high: float
    """The least and the most of its steps."""


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
    tone: str = "var(--c0)",
    limit: float | None = None,
    kept: int | None = None,
    zero: bool = False,
    form: str = ".2f",
) -> Markup:
    """Return a line over the steps, with a band where points stand for several steps.

    Args:
        points: in order of their steps.
        label: what is shown, in a sentence.
        tone: colour of the line.
        limit: value that the line should stay under, drawn dashed.
        kept: step whose weights were written, marked if it is not the last.
        zero: whether the scale begins at zero.
        form: how its numbers are written, in d3's words.
    """
    values: list[dict[str, object]] = [
        {"kind": "line", "step": point.step, "value": point.value, "low": point.low, "high": point.high}
        for point in points
    ]
    marks = [("limit", points[-1].step if points else 0, limit)]
    marks += [("kept", point.step, point.value) for point in points[:-1] if point.step == kept]
    values += [
        {"kind": kind, "step": step, "value": value} for kind, step, value in marks if value is not None
    ]
    return drawn(
        _curve,
        values,
        label,
        tone=tone,
        band=any(point.low < point.high for point in points),
        dots=len(points) <= _MARKED,
        zero=zero,
        form=form,
    )


def _curve(*, tone: str, band: bool, dots: bool, zero: bool, form: str) -> "alt.LayerChart":
    import altair as alt  # noqa: PLC0415 - slow, and only pages need it

    across = alt.Axis(
        tickCount=5,
        format="~s" if band else "d",
        tickMinStep=1,
        ticks=False,
        labelFlush=True,
        title="step",
        titleColor=SOFT,
        titleFontWeight="normal",
        titleFontSize=11 * WIDER,
        titleAnchor="end",
        titlePadding=2,
    )
    down = alt.Axis(tickCount=4, format=form, ticks=False, domain=False, minExtent=38)
    scale = alt.Scale(zero=True) if zero else alt.Scale(zero=False, padding=6)
    base = alt.Chart(alt.NamedData(ROWS), width=WIDTH, height=168)
    line = base.transform_filter("datum.kind === 'line'").encode(
        x=alt.X("step:Q", axis=across, scale=alt.Scale(zero=False, nice=False)),
        y=alt.Y("value:Q", title=None, axis=down, scale=scale),
    )
    layers = []
    if band:
        layers.append(line.mark_area(color=tone, opacity=0.2).encode(y=alt.Y("low:Q"), y2="high:Q"))
    layers.append(line.mark_line(color=tone, strokeWidth=2))
    if dots:
        layers.append(line.mark_point(color=tone, filled=True, size=34, opacity=1))
    limit = base.transform_filter("datum.kind === 'limit'").encode(y="value:Q")
    layers.append(limit.mark_rule(color="var(--bad)", strokeDash=[5, 4], strokeWidth=1.5))
    kept = base.transform_filter("datum.kind === 'kept'").encode(x="step:Q", y="value:Q")
    layers.append(kept.mark_point(color=INK, filled=False, size=150, opacity=1, strokeWidth=2))
    return alt.layer(*layers)
