"""Rows of a source without a value in a column, beside the last good build."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.columns import pairs
from thinkmix.curation.gates.contract import Asked, Gate, Points
from thinkmix.curation.gates.results import percent, points, quote_name, worst
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class ColumnNulls(Gate):
    """Rows of a source that have no value in a column."""

    name: ClassVar[str] = "column_nulls"

    points: Points = 1.0
    """Percentage points."""

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Compare how many rows have no value in a column."""
        limit = f"the limit is {points(self.points)} more"
        for pair in pairs(report, before):
            results = []
            for name in pair.both:
                was = pair.old.missing.get(name, 0) / max(pair.old_rows, 1)
                now = pair.new.missing.get(name, 0) / max(pair.new_rows, 1)
                sentence = (
                    f"{pair.source}: column {quote_name(name)} is null in {percent(now)} of the rows, "
                    f"and in {percent(was)} in the last good build; {limit}"
                )
                grown = max(0.0, 100 * (now - was))
                results.append(self.found(pair.subject(name), grown, self.points, sentence))
            calm = f"{pair.source}: no column is null more often than in the last good build; {limit}"
            yield from worst(results, self.found(pair.source, 0.0, self.points, calm))
