"""Rows of a source that another row repeats, beside the last good build."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Points
from thinkmix.curation.gates.kinds import GrowthGate
from thinkmix.curation.gates.metrics import duplicate_drops
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class DuplicatesGrowth(GrowthGate):
    """The rows of `duplicates`, against the last good build."""

    name: ClassVar[str] = "duplicates_growth"

    points: Points = 5.0

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Compare the rows that are left out because another one says the same."""
        yield from self.growths(report, before, duplicate_drops)
