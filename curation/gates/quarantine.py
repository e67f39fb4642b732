"""Rows of a source that one reason takes."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, FirstRows, Rate
from thinkmix.curation.gates.kinds import RateGate
from thinkmix.curation.gates.metrics import Counted, rows_read, rule_drops
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Quarantine(RateGate):
    """Rows of a source that are left out for one reason, of those that its stage read.

    Duplicates and rows that were not sampled do not count.
    """

    name: ClassVar[str] = "quarantine"
    needs_examples: ClassVar[bool] = True

    limit: Rate = 0.25

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Look at the rows that are left out for each reason."""
        yield from self._judge(report)

    def judge_first_rows(self, rows: FirstRows, recipe: Asked) -> Iterator[GateResult]:
        """Look at the first rows in the same way."""
        yield from self._judge(rows)

    def _judge(self, report: Counted) -> Iterator[GateResult]:
        for source in rows_read(report):
            yield from self.rates(source, rule_drops(report, source))
