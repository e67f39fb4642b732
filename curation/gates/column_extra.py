"""Columns that the files of a source did not have."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.columns import ColumnGate, pairs
from thinkmix.curation.gates.contract import Asked
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class ColumnExtra(ColumnGate):
    """A column that the files of a source did not have."""

    name: ClassVar[str] = "column_extra"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the columns that were not there before."""
        for pair in pairs(report, before):
            extra = {name: "was not there before" for name in pair.new.types if name not in pair.old.types}
            if pair.new.cut and not pair.old.cut:
                extra["…"] = (
                    f"and others: there are more columns than the {len(pair.new.types)} that are listed"
                )
            yield from self.named(pair, extra, "no column has come")
