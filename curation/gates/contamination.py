"""Rows of a source that are questions of a benchmark."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Rate
from thinkmix.curation.gates.kinds import RateGate
from thinkmix.curation.gates.metrics import CONTAMINATION, all_drops, rows_read
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Contamination(RateGate):
    """Rows of a source that are left out because they are questions of a benchmark (`eval_overlap`)."""

    name: ClassVar[str] = "contamination"

    limit: Rate = 0.01

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Look at the rows that are questions of a benchmark; say nothing if nobody looked for any."""
        for source in rows_read(report):
            overlap = {
                reason: part for _, reason, part in all_drops(report, source) if reason == CONTAMINATION
            }
            if overlap:
                yield from self.rates(source, overlap)
