"""The columns of a source in two versions, for gates on what changed in them.

A source that is new, or whose columns nobody noted, is compared with nothing.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from thinkmix.curation.gates.contract import Gate
from thinkmix.curation.gates.metrics import rows_read
from thinkmix.curation.gates.results import quote_name
from thinkmix.schemas.columns import Columns
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Pair(NamedTuple):
    """The columns of one source in both versions."""

    source: str
    old: Columns
    new: Columns
    old_rows: int
    new_rows: int

    @property
    def both(self) -> list[str]:
        """Return the columns that both have."""
        return [name for name in self.new.types if name in self.old.types]

    def subject(self, column: str) -> str:
        """Return what a finding about a column is about."""
        return f"{self.source}: {quote_name(column)}"


def pairs(report: Report, before: Report | None) -> Iterator[Pair]:
    """Yield the sources whose columns are known on both sides."""
    old = {} if before is None else {columns.source: columns for columns in before.columns}
    for new in report.columns:
        if before is not None and new.source in old:
            was, now = (rows_read(side).get(new.source, 0) for side in (before, report))
            yield Pair(new.source, old[new.source], new, was, now)


class ColumnGate(Gate):
    """A gate that names columns."""

    def named(self, pair: Pair, changed: Mapping[str, str], calm: str) -> Iterator[GateResult]:
        """Yield a finding for each column, or one that says `calm` if no column changed."""
        for column, words in changed.items():
            sentence = f"{pair.source}: column {quote_name(column)} {words}"
            yield self.found(pair.subject(column), 1, 0, sentence)
        if not changed:
            yield self.found(pair.source, 0, 0, f"{pair.source}: {calm}")
