"""The road of the rows as a picture: from the sources past every reason into the mixture, in true proportion.

Three columns: sources; the rows that were good beside the reasons of those that were not; and of the good
ones those in the mixture beside those that were not drawn. A band is as thick as it has rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from thinkmix.flows.pages.charts.chart import Chart
from thinkmix.flows.pages.formatting import grouped
from thinkmix.schemas.ledger import MIX, StageCount

_REASONS = 12
"""So many reasons have a place of their own; the smallest ones share the last."""

_FLOW = 250.0
"""Height of all rows together."""

_LINE = 19.0
"""A reason is never closer to the next one than its words need."""

_GAP = 14.0
_NODE = 10.0
_TOP = 46.0
"""Room above the columns for their headings."""

_NAME = 40
"""Characters of a reason's name that are shown."""
_LETTER, _SMALL = 8.5, 7.3
"""Pixels of a letter of a name and of a sentence, in a wide font."""
_BESIDE = 212.0
"""Pixels from a reason's block to its sentence, at the least."""

GOOD, MIXTURE = "good", "mixture"


@dataclass
class Node:
    """A block of a column: rows that share a fate."""

    name: str
    rows: int
    x: float
    y: float
    height: float
    place: int | None = None
    """Of the source in the recipe; unset for what all sources share."""
    entered: float = field(init=False)
    """Where the next band ends on its left side."""
    left: float = field(init=False)
    """Where the next band begins on its right side."""

    def __post_init__(self) -> None:
        self.entered = self.left = self.y

    @property
    def middle(self) -> float:
        """Return the height of its label."""
        return round(self.y + max(self.height, 2) / 2, 2)


@dataclass(frozen=True)
class Band:
    """Rows of one source on their way from one node to another."""

    place: int
    path: str


@dataclass(frozen=True, kw_only=True)
class Road(Chart):
    """Nodes, and the bands between them."""

    sources: tuple[Node, ...]
    good: Node
    reasons: tuple[Node, ...]
    ends: tuple[Node, ...]
    """Rows of the mixture, and good rows that were not drawn."""
    bands: tuple[Band, ...]
    read: int
    beside: float
    """Pixels from a reason's block to the sentence that says what it means."""
    room: int
    """Characters of that sentence that fit."""
    folded: tuple[str, ...] = ()
    """Reasons that share the last place."""


def road(stages: Sequence[StageCount], places: Mapping[str, int], *, width: int) -> Road | None:
    """Return the picture of a ledger, or None if no row was read.

    Args:
        stages: counts of all stages, in order; the last one is the draw.
        places: of the sources in the recipe, by name.
        width: of the picture, in pixels.
    """
    read = {name: _first(stages, name) for name in places}
    total = sum(read.values())
    if not total:
        return None
    scale = _FLOW / total
    lost, folded = _folded(_lost(stages, drawn=False))
    undrawn = _lost(stages, drawn=True)
    good = {name: read[name] - sum(rows.get(name, 0) for rows in lost.values()) for name in places}
    kept = {name: good[name] - sum(rows.get(name, 0) for rows in undrawn.values()) for name in places}

    column = (0.0, width * 0.36, width - _NODE)
    sources = _column([(name, rows) for name, rows in read.items() if rows], column[0], scale, least=30)
    for node in sources:
        node.place = places[node.name]
    middle = Node(GOOD, sum(good.values()), column[1], _TOP, max(sum(good.values()) * scale, 1))
    below = middle.y + middle.height + 2 * _LINE
    reasons = _column(
        [(name, sum(rows.values())) for name, rows in lost.items()], column[1], scale, least=_LINE, top=below
    )
    ends = _column(
        [(MIXTURE, sum(kept.values())), *((name, sum(rows.values())) for name, rows in undrawn.items())],
        column[2], scale, least=2 * _LINE,
    )  # fmt: skip

    bands: list[Band] = []
    for node in sources:
        for end, rows in zip((middle, *reasons), (good, *lost.values()), strict=True):
            if number := rows.get(node.name, 0):
                bands.append(_band(node, end, number, scale, place=places[node.name]))
    for name, place in places.items():
        for end, rows in zip(ends, (kept, *undrawn.values()), strict=True):
            if number := rows.get(name, 0):
                bands.append(_band(middle, end, number, scale, place=place))
    height = max(node.y + max(node.height, _LINE) for node in (*sources, middle, *reasons, *ends)) + _GAP
    longest = max((len(f"{grouped(node.rows)} {node.name[:_NAME]}") for node in reasons), default=0)
    beside = max(_BESIDE, 2 * _NODE + _LETTER * longest)
    told = f"{grouped(total)} rows read, {grouped(middle.rows)} of them good"
    return Road(
        label=f"{told}, {grouped(ends[0].rows)} in the mixture; the table below has every number",
        height=round(height, 1),
        width=width,
        sources=sources,
        good=middle,
        reasons=reasons,
        ends=ends,
        bands=tuple(bands),
        read=total,
        beside=round(beside, 1),
        room=max(1, int((width - column[1] - beside) / _SMALL)),
        folded=folded,
    )


def _first(stages: Sequence[StageCount], source: str) -> int:
    return next((count.read.rows for count in stages if count.source == source), 0)


def _lost(stages: Sequence[StageCount], *, drawn: bool) -> dict[str, dict[str, int]]:
    """Return rows by reason and source: those the draw had no room for, or all others."""
    rows: dict[str, dict[str, int]] = {}
    for count in stages:
        if (count.stage == MIX) is drawn:
            for reason, amount in count.dropped.items():
                if amount.rows:
                    mine = rows.setdefault(reason, {})
                    mine[count.source] = mine.get(count.source, 0) + amount.rows
    return dict(sorted(rows.items(), key=lambda item: (-sum(item[1].values()), item[0])))


def _folded(lost: dict[str, dict[str, int]]) -> tuple[dict[str, dict[str, int]], tuple[str, ...]]:
    """Return the reasons with the smallest ones added up, and which these were."""
    if len(lost) <= _REASONS:
        return lost, ()
    names = list(lost)
    rest: dict[str, int] = {}
    for name in names[_REASONS - 1 :]:
        for source, rows in lost[name].items():
            rest[source] = rest.get(source, 0) + rows
    shown = {name: lost[name] for name in names[: _REASONS - 1]}
    folded = tuple(names[_REASONS - 1 :])
    return {**shown, f"{len(folded)} more reasons": rest}, folded


def _column(
    parts: Iterable[tuple[str, int]], x: float, scale: float, *, least: float, top: float = _TOP
) -> tuple[Node, ...]:
    """Return nodes from the top down, with room for a label beside each."""
    nodes = []
    y = top
    for name, rows in parts:
        height = rows * scale
        nodes.append(Node(name, rows, x, round(y, 2), round(height, 2)))
        y += max(height + (4 if least == _LINE else _GAP), height / 2 + _LINE - 3, least)
    return tuple(nodes)


def _band(start: Node, end: Node, rows: int, scale: float, *, place: int) -> Band:
    """Return the band of `rows`, and note on both sides where the next one goes on."""
    thick = rows * scale
    left, right = start.x + _NODE, end.x
    above, below = start.left, end.entered
    start.left += thick
    end.entered += thick
    bend = (left + right) / 2
    drawn = max(thick, 0.6)
    path = (
        f"M{left:.1f} {above:.2f}C{bend:.1f} {above:.2f} {bend:.1f} {below:.2f} {right:.1f} {below:.2f}"
        f"V{below + drawn:.2f}C{bend:.1f} {below + drawn:.2f} {bend:.1f} {above + drawn:.2f} "
        f"{left:.1f} {above + drawn:.2f}Z"
    )
    return Band(place, path)
