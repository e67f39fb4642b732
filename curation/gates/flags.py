"""How many rows of a source a rule flags."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Gate, Points, Rate
from thinkmix.curation.gates.metrics import Drop, Drops
from thinkmix.curation.gates.results import percent, points, worst
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.ledger import VALIDATE
from thinkmix.schemas.report import Report


class Flags(Gate):
    """Rows of a source that one rule flags, of its valid ones, and how many more than in the last good build.

    The report's section on content turns amber with it.
    """

    name: ClassVar[str] = "flags"

    limit: Rate = 0.05
    """Largest fraction of a source's valid rows that one rule may flag."""
    points: Points = 2.0
    """Percentage points by which that fraction may be larger than in the last good build."""

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Yield of each source the rules that flag too much of it, or the one that flags most."""
        for source in dict.fromkeys(count.source for count in report.flags):
            now = _flagged(report, source)
            was = _flagged(before, source) if before is not None else {}
            results = [self._much(source, rule, part) for rule, part in now.items()]
            results += [
                self._more(source, rule, part, was[rule]) for rule, part in now.items() if rule in was
            ]
            yield from worst(
                results, self.found(source, 0.0, self.limit, f"{source}: no rule flags its rows")
            )

    def _much(self, source: str, rule: str, part: Drop) -> GateResult:
        sentence = f"{source}: {rule} flags {part}; the limit is {percent(self.limit)}"
        return self.found(f"{source}: {rule}", part.rate, self.limit, sentence)

    def _more(self, source: str, rule: str, part: Drop, was: Drop) -> GateResult:
        grown = max(0.0, 100 * (part.rate - was.rate))
        sentence = f"{source}: {rule} flags {part} and {percent(was.rate)} in the last good build"
        return self.found(
            f"{source}: {rule}", grown, self.points, f"{sentence}; the limit is {points(self.points)} more"
        )


def _flagged(report: Report, source: str) -> Drops:
    """Return the rows of a source that each rule flags, of its valid ones."""
    valid = report.ledger.of(VALIDATE).get(source)
    rows = valid.kept.rows if valid else 0
    return {count.rule: Drop(count.rows, rows) for count in report.flags if count.source == source}
