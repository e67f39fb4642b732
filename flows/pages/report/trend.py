"""The trend as a picture: one figure over the last runs, with a mark for how each run ended.

Drawn here and not by Vega-Lite: it differs every night, and starting Vega-Lite takes as long as all the rest
of the page.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10, sqrt

from markupsafe import Markup

from thinkmix.flows.pages.svg import drawable
from thinkmix.schemas.run import Night, Status

WIDTH, HEIGHT = 400, 128
_LEFT, _EDGE = 48.0, 6.0
"""Room for the numbers of the scale, and at the other edges."""

_TICKS = 3

_DOT = "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0"
_DIAMOND = "m0 -5.5l4 5.5l-4 5.5l-4 -5.5"
_CROSS = "m-1.6 -4.8h3.2v3.2h3.2v3.2h-3.2v3.2h-3.2v-3.2h-3.2v-3.2h3.2"
_MARKS: Mapping[Status, tuple[str, str]] = {
    "published": ("good", _DOT),
    "unchanged": ("soft", _DOT),
    "held": ("warn", _DIAMOND),
    "failed": ("bad", _CROSS),
}
"""By how a run ended: colour of the page, and path around the place of the mark."""

_MARK = Markup('<path d="M{x} {y}{shape}Z" fill="var(--{tone})"/>')
_LINE = Markup('<path d="{path}" fill="none" stroke="var(--soft)" stroke-width="1.5"/>')
_GRID = Markup(
    '<line x1="48" x2="400" y1="{y}" y2="{y}" stroke="var(--line)"/>'
    '<text x="42" y="{foot}" text-anchor="end" font-size="12" fill="var(--soft)">{words}</text>'
)
_PICTURE = Markup(
    '<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{label}">{shapes}</svg>'
)


def trend(nights: Sequence[Night], numbers: Sequence[float], *, label: str) -> Markup:
    """Return a figure over the runs, oldest first.

    A run that failed has no figure: its mark lies at the foot, and the line passes it by. The scale does not
    begin at zero, unless the figures do.

    Args:
        nights: the runs.
        numbers: the figure of each.
        label: what is shown, in a sentence.
    """
    ended = [night.status for night in nights]
    good = [number for status, number in zip(ended, numbers, strict=True) if status != "failed"]
    low, high = _frame(good)

    def across(at: int) -> float:
        return round(_LEFT + (at + 0.5) / len(ended) * (WIDTH - _LEFT - _EDGE), 1)

    def down(number: float) -> float:
        return round(_EDGE + (high - number) / (high - low) * (HEIGHT - 2 * _EDGE), 1)

    shapes = [
        _GRID.format(y=down(tick), foot=round(down(tick) + 4, 1), words=_word(tick))
        for tick in _ticks(low, high)
    ]
    points = [
        (status, across(at), down(low if status == "failed" else number))
        for at, (status, number) in enumerate(zip(ended, numbers, strict=True))
    ]
    line = [f"{x} {y}" for status, x, y in points if status != "failed"]
    if line:
        shapes.append(_LINE.format(path=f"M{'L'.join(line)}"))
    marks = [(x, y, *_MARKS[status]) for status, x, y in points]
    shapes += [_MARK.format(x=x, y=y, tone=tone, shape=shape) for x, y, tone, shape in marks]
    words = drawable(label, longest=400)
    return _PICTURE.format(width=WIDTH, height=HEIGHT, label=words, shapes=Markup("").join(shapes))


def _frame(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the least and the most of the scale: one percent must not look like a cliff."""
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    room = max(high - low, 0.12 * high, 1e-9)
    return max(0.0, (low + high) / 2 - 0.75 * room), (low + high) / 2 + 0.75 * room


def _ticks(low: float, high: float) -> Iterator[float]:
    """Yield about three round numbers of the scale, a multiple of 1, 2 or 5 apart."""
    apart = (high - low) / _TICKS
    power = 10.0 ** floor(log10(apart))
    step = power * next((factor for factor in (10, 5, 2) if apart / power >= sqrt(factor * factor / 2)), 1)
    for number in range(ceil(low / step), floor(high / step) + 1):
        yield number * step


def _word(number: float) -> str:
    """Return a number of the scale in at most three digits and a letter."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"
