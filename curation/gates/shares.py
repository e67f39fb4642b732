"""A source's part of the mixture beside its part of the last good one."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Gate, Points
from thinkmix.curation.gates.metrics import fractions, mixture
from thinkmix.curation.gates.results import percent, points
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report

_UNITS = ("examples", "tokens", "trainable_tokens")


class Shares(Gate):
    """A source's part of the mixture in examples, tokens and trainable tokens, whichever moved farthest."""

    name: ClassVar[str] = "shares"

    points: Points = 2.0
    """Percentage points."""

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Compare each source's part of the mixture, in the unit in which it moved farthest."""
        if before is None:
            return
        moves: dict[str, tuple[str, float, float]] = {}
        for unit in _UNITS:
            old, new = fractions(mixture(before, unit)), fractions(mixture(report, unit))
            for source in sorted({*old, *new}):
                was, now = old.get(source, 0.0), new.get(source, 0.0)
                if source not in moves or abs(now - was) > abs(moves[source][2]):
                    moves[source] = (unit.replace("_", " "), was, now - was)
        for source, (unit, was, move) in moves.items():
            moved = abs(100 * move)
            sentence = (
                f"{source} went from {percent(was)} to {percent(was + move)} of the {unit}, "
                f"by {points(moved)}; the limit is {self.points:g}"
            )
            yield self.found(source, moved, self.points, sentence)
