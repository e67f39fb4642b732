"""Rows of a source that one reason takes, beside the last good build."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Action, Asked, Points
from thinkmix.curation.gates.kinds import GrowthGate
from thinkmix.curation.gates.metrics import rule_drops
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class QuarantineGrowth(GrowthGate):
    """The rows of `quarantine`, against the last good build."""

    name: ClassVar[str] = "quarantine_growth"

    action: Action = "fail"
    points: Points = 5.0

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Compare the rows that are left out for each reason."""
        yield from self.growths(report, before, rule_drops)
