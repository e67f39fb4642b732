"""A gate that there is not: sources with rows beyond a number that nobody would set."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, FirstRows, Gate
from thinkmix.curation.gates.metrics import rows_read
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Toy(Gate):
    """Rows that a toy has room for."""

    name: ClassVar[str] = "toy"

    room: int = 1000
    """Most rows of a source."""

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Count the rows of each source."""
        yield from self.judge_first_rows(report, recipe)

    def judge_first_rows(self, rows: FirstRows, recipe: Asked) -> Iterator[GateResult]:
        """Count what was read."""
        for source, number in rows_read(rows).items():
            yield self.found(
                source, number, self.room, f"{source} has {number} rows, a toy takes {self.room}"
            )
