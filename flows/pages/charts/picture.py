"""A chart as SVG for a page, whose style gives it its colours and its font."""

from markupsafe import Markup

from thinkmix.flows.pages.render import render

WIDTH = 400
"""As wide as a phone shows a chart, so that it is scaled up a little at most, and never down."""


def picture(shape: str, label: str, *, height: float, width: int = WIDTH, **numbers: object) -> Markup:
    """Return a chart as a picture that scales with its place.

    Args:
        shape: name of the template that draws it.
        label: what is shown, in a sentence, for people who do not see it.
        height: in pixels of the chart's own.
        width: likewise.
        numbers: all else that the template asks for.
    """
    drawn = render(f"charts/{shape}.svg.jinja", label=label, height=height, width=width, **numbers)
    return Markup(drawn)  # noqa: S704 - the template escapes all that it is given
