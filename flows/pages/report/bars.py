"""Horizontal bars with their names and numbers: parts of sources by group, and counts by name.

Drawn here and not by Vega-Lite: their numbers differ on most nights, and starting Vega-Lite takes longer than
the rest of the page.
"""

from collections.abc import Iterator, Sequence
from math import log10

from markupsafe import Markup

from thinkmix.flows.pages.charts import WIDTH, colour, percent
from thinkmix.flows.pages.svg import drawable

_LEAST, _LETTER, _GAP = 84, 7.4, 8
"""Room for the names: at least so much, so much for a letter of a wide font, and between name and bar."""
_ROOM = 1.18
"""The scale goes on behind the longest bar, where its number stands."""
_LINE, _BAR, _SPACE = 26, 14, 12
"""Height of a line with one bar; of a bar where there are several a group, and the space between groups."""

_NAME = Markup('<text x="{x}" y="{y}" text-anchor="end" font-size="12" fill="var(--soft)">{words}</text>')
_MARK = Markup(
    '<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{tone}"/>'
    '<text x="{end}" y="{foot}" font-size="11" fill="var(--ink)">{words}</text>'
)
_PICTURE = Markup(
    '<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{label}">{shapes}</svg>'
)


def grouped_bars(
    groups: Sequence[str], shares: Sequence[tuple[int, Sequence[float]]], *, label: str
) -> Markup:
    """Return one bar per group and source, as long as the group's part of the source.

    Args:
        groups: their names, in order.
        shares: place of each source in the recipe, and its part in every group, from 0 to 1.
        label: what is shown, in a sentence.
    """
    names = [drawable(name, longest=16) for name in groups]
    most = max((part for _, parts in shares for part in parts), default=1.0) or 1.0
    tall = _SPACE + _BAR * len(shares)

    def shapes() -> Iterator[Markup]:
        left = _left(names)
        for group, name in enumerate(names):
            top = group * tall
            yield _NAME.format(x=left - _GAP, y=top + tall / 2 + 4, words=name)
            for line, (place, parts) in enumerate(shares):
                long = parts[group] / most
                yield _mark(
                    left, top + _SPACE / 2 + line * _BAR, _BAR, long, colour(place), percent(parts[group])
                )

    return _picture(shapes(), height=tall * len(names), label=label)


def counts(names: Sequence[str], numbers: Sequence[int], *, label: str) -> Markup:
    """Return one bar per name with its number, on a scale where large and tiny are both seen."""
    shown = [drawable(name) for name in names]
    most = log10(1 + 3 * max([*numbers, 1]))

    def shapes() -> Iterator[Markup]:
        left = _left(shown)
        for line, (name, number) in enumerate(zip(shown, numbers, strict=True)):
            top = line * _LINE
            yield _NAME.format(x=left - _GAP, y=top + _LINE / 2 + 4, words=name)
            words = f"{number:,}".replace(",", "\u202f")
            yield _mark(left, top + 2, _LINE - 4, log10(1 + number) / most, "var(--soft)", words)

    return _picture(shapes(), height=_LINE * len(shown), label=label)


def _mark(left: float, top: float, height: int, long: float, tone: str, words: str) -> Markup:
    """Return a bar of a length between 0 and 1, with its number behind it."""
    width = round(long * (WIDTH - left) / _ROOM, 1)
    end, foot = round(left + width + 5, 1), top + height / 2 + 4
    return _MARK.format(x=left, y=top, width=width, height=height, tone=tone, end=end, foot=foot, words=words)


def _left(names: Sequence[str]) -> float:
    return round(max(_LEAST, _LETTER * max(map(len, names), default=0)) + _GAP, 1)


def _picture(shapes: Iterator[Markup], *, height: float, label: str) -> Markup:
    words = drawable(label, longest=400)
    return _PICTURE.format(width=WIDTH, height=max(height, 1), label=words, shapes=Markup("").join(shapes))
