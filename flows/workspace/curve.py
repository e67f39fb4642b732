"""The curve of a training while it runs: points of a picture, made of steps and losses."""

from collections.abc import Sequence
from typing import NamedTuple

from thinkmix.flows.workspace.children import Point

WIDTH, HEIGHT, LEFT, EDGE = 640, 200, 48, 8


class Curve(NamedTuple):
    """Lines as SVG reads them, and what their ends mean."""

    line: str
    heldout: str
    low: float
    high: float
    last: int


def curve(losses: Sequence[Point], heldout: Sequence[Point]) -> Curve | None:
    """Return the curve of a training; None before its second point.

    Args:
        losses: of steps, in their order.
        heldout: measurements on held-out rows.
    """
    every = [point for point in (*losses, *heldout) if point.loss == point.loss]  # NaN has no place
    if len(every) < 2:
        return None
    low, high = min(point.loss for point in every), max(point.loss for point in every)
    last = max(point.step for point in every) or 1
    span = (high - low) or 1.0

    def places(points: Sequence[Point]) -> str:
        return " ".join(
            f"{LEFT + (WIDTH - LEFT - EDGE) * point.step / last:.1f},"
            f"{EDGE + (HEIGHT - 3 * EDGE) * (high - point.loss) / span:.1f}"
            for point in points
            if point.loss == point.loss
        )

    return Curve(places(losses), places(heldout), low, high, last)
