"""How many of a source's examples think, beside those of the last good build."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Gate, Points
from thinkmix.curation.gates.metrics import Drop
from thinkmix.curation.gates.results import percent, points
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Thinking(Gate):
    """Examples of a source with a trace, of those that it brings into the mixture.

    A hybrid model learns from their share how often to think.
    """

    name: ClassVar[str] = "thinking"

    points: Points = 5.0
    """Percentage points by which their share may move, up or down."""

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Compare the share of each source that brings examples into both versions."""
        old = {} if before is None else _thinking(before)
        for source, now in _thinking(report).items():
            was = old.get(source)
            if was is not None and was.read and now.read:
                moved = abs(100 * (now.rate - was.rate))
                sentence = (
                    f"{source}: {now.rows:,} of its {now.read:,} examples have a trace "
                    f"({percent(now.rate)}), and {percent(was.rate)} in the last good build; "
                    f"the limit is {points(self.points)}"
                )
                yield self.found(source, moved, self.points, sentence)


def _thinking(report: Report) -> dict[str, Drop]:
    """Return the examples with a trace of each source, both splits together."""
    found: dict[str, Drop] = {}
    for share in report.shares:
        rows, read = found.get(share.source, Drop(0, 0))
        found[share.source] = Drop(rows + share.thinking, read + share.examples)
    return found
