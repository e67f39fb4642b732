"""Rows of a source that another row repeats."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Rate
from thinkmix.curation.gates.kinds import RateGate
from thinkmix.curation.gates.metrics import duplicate_drops, rows_read
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Duplicates(RateGate):
    """Rows of a source that are left out because another row says the same."""

    name: ClassVar[str] = "duplicates"

    limit: Rate = 0.75

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Look at the rows that are left out because another one says the same."""
        for source in rows_read(report):
            yield from self.rates(source, duplicate_drops(report, source))
