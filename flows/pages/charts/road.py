"""The road of the rows as a picture: from the sources past every reason into the mixture, in true proportion.

Three columns: sources; the rows that were good beside the reasons of those that were not; and of the good
ones those in the mixture beside those that were not drawn. A band is as thick as it has rows.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from thinkmix.flows.pages.charts.picture import picture
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
_NARROW = 600
"""A picture of less width has no room for sentences."""

GOOD, MIXTURE = "good", "mixture"


@dataclass
class Node:
    """A block of a column: rows that share a fate."""

    name: str
    rows: int
    x: float
    y: float
    height: float
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
class Road:
    """Nodes, and the bands between them, in pixels."""

    width: int
    height: float
    places: Mapping[str, int]
    """Of the sources in the recipe."""
    sources: tuple[Node, ...]
    good: Node
    reasons: tuple[Node, ...]
    ends: tuple[Node, ...]
    """Rows of the mixture, and good rows that were not drawn."""
    bands: tuple[tuple[int, str], ...]
    """Place of the source and path of the rows that go from one node to another."""
    read: int
    folded: tuple[str, ...]
    """Reasons that share the last place."""

    @property
    def picture(self) -> Markup:
        """Return it as SVG; a sentence says what each reason means where the width has room for it."""
        longest = max((len(f"{grouped(node.rows)} {node.name[:_NAME]}") for node in self.reasons), default=0)
        beside = max(_BESIDE, 2 * _NODE + _LETTER * longest)
        told = f"{grouped(self.read)} rows read, {grouped(self.good.rows)} of them good"
        return picture(
            "road",
            f"{told}, {grouped(self.ends[0].rows)} in the mixture; the table below has every number",
            narrow=self.width < _NARROW,
            beside=round(beside, 1),
            room=max(1, int((self.width - self.good.x - beside) / _SMALL)),
            **vars(self),
        )


def road(stages: Sequence[StageCount], places: Mapping[str, int], *, width: int) -> Road | None:
    """Return the picture of a ledger, or None if no row was read.

    Args:
        stages: counts of all stages, in order; the last one is the draw.
        places: of the sources in the recipe, by name.
        width: of the picture, in pixels.
    """
    read = Counter({name: _first(stages, name) for name in places})
    if not read.total():
        return None
    scale = _FLOW / read.total()
    lost, folded = _folded(_lost(stages, drawn=False))
    undrawn = _lost(stages, drawn=True)
    good = read - sum(lost.values(), Counter())
    kept = good - sum(undrawn.values(), Counter())

    sources = _column({name: rows for name, rows in read.items() if rows}, 0.0, scale, least=30)
    middle = Node(GOOD, good.total(), width * 0.36, _TOP, max(good.total() * scale, 1))
    below = middle.y + middle.height + 2 * _LINE
    reasons = _column(_totals(lost), middle.x, scale, least=_LINE, top=below)
    ends = _column(_totals({MIXTURE: kept, **undrawn}), width - _NODE, scale, least=2 * _LINE)

    bands = [
        _band(node, end, rows[node.name] * scale, places[node.name])
        for node in sources
        for end, rows in zip((middle, *reasons), (good, *lost.values()), strict=True)
        if rows[node.name]
    ]
    bands += [
        _band(middle, end, rows[name] * scale, place)
        for name, place in places.items()
        for end, rows in zip(ends, (kept, *undrawn.values()), strict=True)
        if rows[name]
    ]
    height = max(node.y + max(node.height, _LINE) for node in (*sources, middle, *reasons, *ends)) + _GAP
    return Road(
        width, round(height, 1), places, sources, middle, reasons, ends, tuple(bands), read.total(), folded
    )


def _first(stages: Sequence[StageCount], source: str) -> int:
    return next((count.read.rows for count in stages if count.source == source), 0)


def _lost(stages: Sequence[StageCount], *, drawn: bool) -> dict[str, Counter[str]]:
    """Return rows by reason and source: those the draw had no room for, or all others."""
    lost: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for count in stages:
        for reason, amount in count.dropped.items():
            if amount.rows and (count.stage == MIX) is drawn:
                lost[reason][count.source] += amount.rows
    return dict(sorted(lost.items(), key=lambda item: (-item[1].total(), item[0])))


def _folded(lost: dict[str, Counter[str]]) -> tuple[dict[str, Counter[str]], tuple[str, ...]]:
    """Return the reasons with the smallest ones added up, and which these were."""
    if len(lost) <= _REASONS:
        return lost, ()
    names = tuple(lost)
    shown, folded = names[: _REASONS - 1], names[_REASONS - 1 :]
    rest = sum((lost[name] for name in folded), Counter[str]())
    return {**{name: lost[name] for name in shown}, f"{len(folded)} more reasons": rest}, folded


def _totals(lost: Mapping[str, Counter[str]]) -> dict[str, int]:
    return {name: rows.total() for name, rows in lost.items()}


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
    above, below = start.left, end.entered
    start.left += thick
    end.entered += thick
    bend, thick = (left + right) / 2, max(thick, 0.6)
    path = (
        f"M{left:.1f} {above:.2f}C{bend:.1f} {above:.2f} {bend:.1f} {below:.2f} {right:.1f} {below:.2f}"
        f"V{below + thick:.2f}C{bend:.1f} {below + thick:.2f} {bend:.1f} {above + thick:.2f} "
        f"{left:.1f} {above + thick:.2f}Z"
    )
    return place, path
