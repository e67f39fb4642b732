"""Charts as a page shows them, read back as XML."""

from xml.etree import ElementTree

from thinkmix.flows.pages.charts.chart import Chart
from thinkmix.flows.pages.render import draw


def parsed(chart: Chart | None) -> ElementTree.Element:
    """Return the picture of a chart; what is no XML raises."""
    assert chart
    return ElementTree.fromstring(draw(chart))
