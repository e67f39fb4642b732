"""What validation found in rows that teaches a model something wrong."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, FirstRows
from thinkmix.curation.gates.kinds import CountGate
from thinkmix.schemas.findings import Finding
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class RowFindings(CountGate):
    """What validation found in the rows of a source that teaches a model something wrong.

    Answers against their switch, calls without a response, marks and scores that say nothing.
    """

    name: ClassVar[str] = "findings"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name what was found in rows that teaches a model something wrong."""
        yield from self.judge_first_rows(report, recipe)

    def judge_first_rows(self, rows: FirstRows, recipe: Asked) -> Iterator[GateResult]:
        """Look at the rows that were read, of one source or of all."""
        for one in rows.findings:
            seen = [
                (word, times, f"{times:,} {Finding(word).sentence}")
                for word, times in one.found.items()
                if word in list(Finding) and Finding(word).warns
            ]
            calm = f"{one.source}: nothing was found in its rows that teaches a model something wrong"
            yield from self.counts(one.source, seen, calm)
