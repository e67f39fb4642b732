"""A whole and its parts as one bar.

Pages draw it of boxes and not as SVG: it is as wide as its place, and its words keep their size on a phone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from thinkmix.flows.pages.formatting import grouped


@dataclass(frozen=True)
class Segment:
    """A piece of a bar."""

    name: str
    colour: int
    share: float
    """Of the whole, from 0 to 1."""

    @property
    def percent(self) -> str:
        """Return the share for people."""
        return f"{self.share:.1%}"

    @property
    def width(self) -> str:
        """Return the share for a style sheet."""
        return f"{100 * self.share:.3f}%"


@dataclass(frozen=True)
class Stacked:
    """A whole and its pieces."""

    title: str
    total: str
    parts: tuple[Segment, ...]


def stacked_bar(title: str, amounts: Mapping[str, int], colours: Mapping[str, int]) -> Stacked:
    """Return a bar of the amounts that are there."""
    total = sum(amounts.values())
    parts = [Segment(name, colours[name], number / total) for name, number in amounts.items() if number]
    return Stacked(title, grouped(total), tuple(parts))
