"""The flow of the rows as a picture: from the sources past every reason into the mixture, in true proportion.

Three columns: sources; the rows that were good beside the reasons of those that were not; and of the good
ones those in the mixture beside those that were not sampled. A band is as thick as it has rows.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from thinkmix.flows.pages.charts.picture import picture
from thinkmix.flows.pages.charts.row_flow import RowFlow
from thinkmix.flows.pages.formatting import grouped

_FLOW = 250.0
"""Height of all rows together."""

_LINE = 19.0
"""A reason is never closer to the next one than its words need."""

_GAP, _NODE, _TOP = 14.0, 10.0, 46.0
"""Between blocks of a column; width of a block; room above the columns for their headings."""

_NAME, _BESIDE = 40, 212.0
"""Characters of a reason's name that are shown; pixels from its block to its sentence, at the least."""
_LETTER, _SMALL = 8.5, 7.3
"""Pixels of a letter of a name and of a sentence, in a wide font."""
_NARROW = 600
"""A picture of less width has no room for sentences."""


@dataclass
class Node:
    """A block of a column: rows that share an outcome."""

    name: str
    rows: int
    x: float
    y: float
    height: float
    entered: float = 0.0
    """How far below `y` the next band ends on its left side."""
    left: float = 0.0
    """How far below `y` the next band begins on its right side."""

    @property
    def middle(self) -> float:
        """Return the height of its label."""
        return round(self.y + max(self.height, 2) / 2, 2)


def row_flow_chart(flow: RowFlow, places: Mapping[str, int], *, width: int) -> Markup:
    """Return the picture of rows that were read.

    Args:
        flow: where they went.
        places: of the sources in the recipe, by name.
        width: of the picture, in pixels.
    """
    scale = _FLOW / flow.read.total()
    sources = _column({name: rows for name, rows in flow.read.items() if rows}, 0.0, scale, least=30)
    good = Node("good", flow.good.total(), width * 0.36, _TOP, max(flow.good.total() * scale, 1))
    below = good.y + good.height + 2 * _LINE
    reasons = _column(_totals(flow.lost), good.x, scale, least=_LINE, top=below)
    ends = _column(
        _totals({"in the mixture": flow.kept, **flow.unsampled}), width - _NODE, scale, least=2 * _LINE
    )
    bands = [
        _band(node, end, rows[node.name] * scale, places[node.name])
        for node in sources
        for end, rows in zip((good, *reasons), (flow.good, *flow.lost.values()), strict=True)
        if rows[node.name]
    ]
    bands += [
        _band(good, end, rows[name] * scale, place)
        for name, place in places.items()
        for end, rows in zip(ends, (flow.kept, *flow.unsampled.values()), strict=True)
        if rows[name]
    ]
    height = max(node.y + max(node.height, _LINE) for node in (*sources, good, *reasons, *ends)) + _GAP
    beside = max(_BESIDE, 2 * _NODE + _LETTER * max(map(_letters, reasons), default=0))
    told = f"{grouped(flow.read.total())} rows read, {grouped(good.rows)} of them good"
    return picture(
        "row_flow",
        f"{told}, {grouped(ends[0].rows)} in the mixture; the table below has every number",
        width=width,
        height=round(height, 1),
        narrow=width < _NARROW,
        places=places,
        sources=sources,
        good=good,
        reasons=reasons,
        beside=round(beside, 1),
        room=max(1, int((width - good.x - beside) / _SMALL)),
        ends=ends,
        bands=bands,
    )


def _totals(lost: Mapping[str, Counter[str]]) -> dict[str, int]:
    return {name: rows.total() for name, rows in lost.items()}


def _letters(reason: Node) -> int:
    return len(f"{grouped(reason.rows)} {reason.name[:_NAME]}")


def _column(
    parts: Mapping[str, int], x: float, scale: float, *, least: float, top: float = _TOP
) -> tuple[Node, ...]:
    """Return nodes from the top down, with room for a label beside each."""
    nodes = []
    y = top
    for name, rows in parts.items():
        height = rows * scale
        nodes.append(Node(name, rows, x, round(y, 2), round(height, 2)))
        y += max(height + (4 if least == _LINE else _GAP), height / 2 + _LINE - 3, least)
    return tuple(nodes)


def _band(start: Node, end: Node, thick: float, place: int) -> tuple[int, str]:
    """Return the band from one node to another, and note on both where the next one goes on."""
    left, right = start.x + _NODE, end.x
    above, below = start.y + start.left, end.y + end.entered
    start.left += thick
    end.entered += thick
    bend, thick = (left + right) / 2, max(thick, 0.6)
    path = (
        f"M{left:.1f} {above:.2f}C{bend:.1f} {above:.2f} {bend:.1f} {below:.2f} {right:.1f} {below:.2f}"
        f"V{below + thick:.2f}C{bend:.1f} {below + thick:.2f} {bend:.1f} {above + thick:.2f} "
        f"{left:.1f} {above + thick:.2f}Z"
    )
    return place, path
