"""Scales: from values to pixels, with round numbers to read them by."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import NamedTuple

_GAP = 6
"""Pixels between a scale and its words."""

_LETTER = 7.8
"""Pixels of a letter in a wide font, at 12 pixels high; DejaVu Sans and monospace fonts take less."""
_ROUNDING = 1e-9
"""Part of a step by which a multiple of it may miss the end of a scale that it stands for."""
_TINY = 1e-5
"""Numbers in steps below this are written with an exponent."""


class Tick(NamedTuple):
    """A round number of a scale."""

    at: float
    """Pixel."""
    words: str


@dataclass(frozen=True)
class Scale:
    """The values from `low` to `high`, spread evenly from one pixel to another."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; of a scale with one value, the middle."""
        part = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + part * (self.end - self.start), 1)

    def ticks(self, about: int, *, whole: bool = False, decimals: int | None = None) -> tuple[Tick, ...]:
        """Return round numbers, a multiple of 1, 2 or 5 apart, in order.

        Args:
            about: how many there are, more or less.
            whole: whether the values are whole numbers.
            decimals: how many every number has at the least; None drops zeros at the end.
        """
        step = _step((self.high - self.low) / about)
        step = max(step, 1) if whole else step
        first, last = ceil(self.low / step - _ROUNDING), floor(self.high / step + _ROUNDING)
        numbers = [place * step for place in range(first, last + 1)]
        return tuple(Tick(self(number), _word(number, step, decimals)) for number in numbers)


def room(words: Sequence[str], *, least: float) -> float:
    """Return the pixels that the longest of some words needs in a wide font, with the gap behind it."""
    return round(max(least, _LETTER * max(map(len, words), default=0)) + _GAP, 1)


def inside(tick: Tick, width: int) -> Tick:
    """Return a number below a scale, moved where its words would leave a picture of that width."""
    return Tick(round(min(tick.at, width - _LETTER * len(tick.words) / 2), 1), tick.words)


def path(places: Sequence[tuple[float, float]]) -> str:
    """Return the path through some places; empty without places."""
    return f"M{'L'.join(f'{x} {y}' for x, y in places)}" if places else ""


def _step(apart: float) -> float:
    """Return the multiple of 1, 2 or 5 that is nearest, as a ratio; limits are their geometric means."""
    if apart <= 0:
        return 1
    power = 10.0 ** floor(log10(apart))
    factor = apart / power
    return power * (10 if factor >= 50**0.5 else 5 if factor >= 10**0.5 else 2 if factor >= 2**0.5 else 1)


def _word(number: float, step: float, decimals: int | None) -> str:
    """Return a number with all digits that tell it from the next one, and a letter for thousands."""
    if abs(number) < step / 2:
        number = 0.0
    if number and step < _TINY:
        mantissa, _, exponent = f"{number:.6e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    size, letter = next(
        ((size, letter) for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if abs(number) >= size),
        (1.0, ""),
    )
    digits = max(decimals or 0, -floor(log10(step / size) + _ROUNDING), 0)
    word = f"{number / size:.{digits}f}"
    if decimals is None and digits:
        word = word.rstrip("0").rstrip(".")
    return f"{word}{letter}"
