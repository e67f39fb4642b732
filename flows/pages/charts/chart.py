"""What all charts have: a size, a sentence for people who do not see them, and a template that draws them."""

from dataclasses import dataclass

WIDTH = 400
"""As wide as a phone shows a chart, so that it is scaled up a little at most, and never down."""

COLOURS = 6
"""The page's style has this many colours for sources; the seventh source has the colour of the first."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture in pixels of its own; the page scales it to its place."""

    label: str
    """What is shown, in a sentence."""
    height: float
    width: int = WIDTH

    @property
    def template(self) -> str:
        """Return the name of the template that draws it."""
        return f"charts/{type(self).__name__.lower()}.svg.jinja"
