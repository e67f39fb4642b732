"""Evaluations that the rows were not checked against."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Gate
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class NotScanned(Gate):
    """An evaluation that the rows were not checked against, because its dataset is gated or out of reach."""

    name: ClassVar[str] = "not_scanned"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the evaluations whose questions were not available, and why."""
        for name, why in report.not_scanned.items():
            yield self.found(name, 1, 0, f"not scanned: {name} ({why})")
