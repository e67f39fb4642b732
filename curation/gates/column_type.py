"""Columns of a source that have another data type."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.columns import ColumnGate, pairs
from thinkmix.curation.gates.contract import Action, Asked
from thinkmix.curation.gates.results import quote_name
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class ColumnType(ColumnGate):
    """A column that has another data type, or several that do not agree."""

    name: ClassVar[str] = "column_type"

    action: Action = "fail"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the columns that have another data type."""
        for pair in pairs(report, before):
            changed = {
                name: f"was {quote_name(pair.old.types[name])} and is {quote_name(pair.new.types[name])}"
                for name in pair.both
                if pair.old.types[name] != pair.new.types[name]
            }
            yield from self.named(pair, changed, "no column has another data type")
