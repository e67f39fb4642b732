"""The figures of a training's page: each a curve, what it shows in a sentence, and its numbers as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median

from thinkmix.flows.pages.charts.curve import MOST, Point, curve, thin_out
from thinkmix.flows.pages.figure import Figure
from thinkmix.flows.pages.formatting import grouped
from thinkmix.flows.pages.training.change import MODES, Change
from thinkmix.flows.pages.training.timing import StepTime
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.output.result import Evaluation
from thinkmix.train.run.schedule import learning_rate

MOST_FIGURES = 24
"""Sources and modes that get a curve of their own; the table has all."""

_TITLES: Mapping[tuple[str, str], str] = {
    ("all", ""): "Held-out loss",
    **{("mode", mode): name.capitalize() for mode, name in MODES.items()},
}


@dataclass(frozen=True)
class _Axis:
    """What the values of a curve are called, and how they are written."""

    head: str
    """Over their column of the table."""
    word: str = "{:.3f}"
    """How one is written in sentences and in the table."""
    decimals: int | None = 2
    """Of those beside the curve, at the least; None writes no more than they need."""
    zero: bool = False
    """Whether the scale begins at zero."""


_LOSS = _Axis("loss")
_HELD_OUT = _Axis("held-out loss")
_RATE = _Axis("rate", "{:.3g}", None, zero=True)
_SPEED = _Axis("tokens a second", "{:.0f}", None, zero=True)
_SECONDS = _Axis("seconds", "{:.3g}", None, zero=True)

_BAND = "a point is the mean of {} steps, the band their lowest to highest"


def training_loss(losses: Sequence[float], *, first: int = 1) -> Figure | None:
    """Return the loss of each step's trained tokens; None if there was no step."""
    points = thin_out(losses, first=first)
    if not points:
        return None
    width = -(-len(losses) // MOST)
    note = "nats per trained token" + (f"; {_BAND.format(width)}" if width > 1 else ", of each step")
    return _figure("Loss while training", note, points, _LOSS, place=0)


def rate(plan: TrainPlan, steps: int) -> Figure:
    """Return the learning rate of each step."""
    every = max(1, -(-steps // MOST))
    shown = sorted({*range(0, steps, every), steps - 1})
    values = [learning_rate(plan, step=step, steps=steps) for step in shown]
    points = [Point(step + 1, value, value, value) for step, value in zip(shown, values, strict=True)]
    note = f"{plan.schedule}, up to {plan.learning_rate:g} after {plan.warmup:.0%} of the steps"
    return _figure("Learning rate", note, points, _RATE, place=5)


def held_out(
    evals: Sequence[Evaluation], moved: Sequence[Change], *, kept: int | None = None
) -> list[Figure]:
    """Return the held-out loss over the steps: of all rows, per source and per mode.

    Args:
        evals: the points of the curve.
        moved: whose curves are drawn.
        kept: step whose weights were written.
    """
    return [
        _figure(
            _TITLES.get((change.kind, change.key), change.name),
            f"{change.told} on {grouped(change.rows)} rows" + _line(change),
            [Point(point.step, loss, loss, loss) for point, loss in _losses(evals, change)],
            _HELD_OUT,
            place={"all": 0, "source": 2, "mode": 3}[change.kind],
            limit=None if change.tolerance is None else change.before + change.tolerance,
            kept=kept,
        )
        for change in moved[:MOST_FIGURES]
    ]


def pace(steps: Sequence[StepTime]) -> list[Figure]:
    """Return how many tokens a second were read, and how long steps took; nothing if no step was timed."""
    if not steps:
        return []
    width = -(-len(steps) // MOST)
    mean = f", mean of {width} steps" if width > 1 else ""
    groups = [steps[start : start + width] for start in range(0, len(steps), width)]
    seconds = [sum(one.seconds for one in mine) for mine in groups]
    read = [sum(one.tokens for one in mine) for mine in groups]
    speeds = [
        (mine[-1].step, tokens / max(took, 1e-9))
        for mine, tokens, took in zip(groups, read, seconds, strict=True)
    ]
    times = [(mine[-1].step, took / len(mine)) for mine, took in zip(groups, seconds, strict=True)]
    typical = median(one.tokens / max(one.seconds, 1e-9) for one in steps)
    taken = median(one.seconds for one in steps)
    return [
        _figure(
            "Tokens a second",
            f"{grouped(typical)} in the median step{mean}; padding not counted",
            [Point(step, value, value, value) for step, value in speeds],
            _SPEED,
            place=1,
        ),
        _figure(
            "Seconds a step",
            f"{taken:.3g} in the median step{mean}; measurements between steps are part of it",
            [Point(step, value, value, value) for step, value in times],
            _SECONDS,
            place=1,
        ),
    ]


def _losses(evals: Sequence[Evaluation], change: Change) -> list[tuple[Evaluation, float]]:
    found = []
    for point in evals:
        group = {"all": {"": point.total}, "source": point.by_source, "mode": point.by_mode}[change.kind]
        if change.key in group and isfinite(group[change.key].loss):
            found.append((point, group[change.key].loss))
    return found


def _line(change: Change) -> str:
    return "" if change.tolerance is None else f"; dashed: it may rise by {change.tolerance:g}"


def _figure(
    title: str,
    note: str,
    points: Sequence[Point],
    axis: _Axis,
    *,
    place: int,
    limit: float | None = None,
    kept: int | None = None,
) -> Figure:
    word = axis.word
    told = "nothing was measured"
    if points:
        first, last = points[0], points[-1]
        told = (
            f"{word.format(first.value)} at step {first.step}, {word.format(last.value)} at step {last.step}"
        )
    return Figure(
        title=title,
        note=note,
        picture=curve(
            points,
            label=f"{title} over steps: {told}",
            place=place,
            limit=limit,
            kept=kept,
            zero=axis.zero,
            decimals=axis.decimals,
        ),
        head=("step", axis.head),
        rows=tuple((grouped(point.step), word.format(point.value)) for point in points),
    )
