"""Columns that the files of a source no longer have."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.columns import ColumnGate, pairs
from thinkmix.curation.gates.contract import Action, Asked
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class ColumnGone(ColumnGate):
    """A column that the files of a source no longer have."""

    name: ClassVar[str] = "column_gone"

    action: Action = "fail"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the columns that are not there any more."""
        for pair in pairs(report, before):
            gone = {name: "is gone" for name in pair.old.types if name not in pair.new.types}
            yield from self.named(pair, gone, "every column is still there")
