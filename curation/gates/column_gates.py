"""Gates on the columns of raw files: what changed in their names, types, values and nulls.

A source that is new, or whose columns nobody noted, is compared with nothing.
"""

from collections.abc import Iterator
from typing import NamedTuple

from thinkmix.curation.gates.metrics import rows_read
from thinkmix.curation.gates.results import gate_result, percent, points, quote_name, worst
from thinkmix.curation.gates.settings import Asked, Gate
from thinkmix.schemas.columns import Columns
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report

REPEATS = 10
"""How often a value must stand, on average, for the values of a column to be a closed list."""

_LISTED = 5


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


def column_gone(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Name the columns that are not there any more."""
    for pair in _pairs(report, before):
        gone = {name: "is gone" for name in pair.old.types if name not in pair.new.types}
        yield from _told("column_gone", recipe.gates.column_gone, pair, gone, "every column is still there")


def column_extra(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Name the columns that were not there before."""
    for pair in _pairs(report, before):
        extra = {name: "was not there before" for name in pair.new.types if name not in pair.old.types}
        if pair.new.cut and not pair.old.cut:
            extra["…"] = f"and others: there are more columns than the {len(pair.new.types)} that are listed"
        yield from _told("column_extra", recipe.gates.column_extra, pair, extra, "no column has come")


def column_type(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Name the columns that have another data type."""
    for pair in _pairs(report, before):
        changed = {
            name: f"was {quote_name(pair.old.types[name])} and is {quote_name(pair.new.types[name])}"
            for name in pair.both
            if pair.old.types[name] != pair.new.types[name]
        }
        yield from _told(
            "column_type", recipe.gates.column_type, pair, changed, "no column has another data type"
        )


def column_values(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Name the columns that had few values, each of them often, and have others now."""
    for pair in _pairs(report, before):
        changed = {}
        for name in pair.both:
            old, new = pair.old.values.get(name), pair.new.values.get(name)
            if not old or len(old) * REPEATS > pair.old_rows:
                continue
            if new is None:
                if pair.old.types[name] == pair.new.types[name]:  # or else the type's gate speaks of it
                    changed[name] = f"had only {_listed(old)} and has many values or long ones"
            elif old != new:
                come, gone = sorted(set(new) - set(old)), sorted(set(old) - set(new))
                sides = [f"has {_listed(come)} now"] if come else []
                sides += [f"has {_listed(gone)} no longer"] if gone else []
                changed[name] = " and ".join(sides)
        yield from _told(
            "column_values", recipe.gates.column_values, pair, changed, "no closed list of values changed"
        )


def column_nulls(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Compare how many rows have no value in a column."""
    gate = recipe.gates.column_nulls
    for pair in _pairs(report, before):
        limit = f"the limit is {points(gate.points)} more"
        results = []
        for name in pair.both:
            was = pair.old.missing.get(name, 0) / max(pair.old_rows, 1)
            now = pair.new.missing.get(name, 0) / max(pair.new_rows, 1)
            sentence = (
                f"{pair.source}: column {quote_name(name)} is null in {percent(now)} of the rows, "
                f"and in {percent(was)} in the last good build; {limit}"
            )
            grown = max(0.0, 100 * (now - was))
            results.append(
                gate_result("column_nulls", pair.subject(name), gate, grown, gate.points, sentence)
            )
        calm = f"{pair.source}: no column is null more often than in the last good build; {limit}"
        yield from worst(results, gate_result("column_nulls", pair.source, gate, 0.0, gate.points, calm))


def _told(name: str, gate: Gate, pair: Pair, changed: dict[str, str], calm: str) -> Iterator[GateResult]:
    """Yield a finding for each column, or that there is none."""
    for column, words in changed.items():
        sentence = f"{pair.source}: column {quote_name(column)} {words}"
        yield gate_result(name, pair.subject(column), gate, 1, 0, sentence)
    if not changed:
        yield gate_result(name, pair.source, gate, 0, 0, f"{pair.source}: {calm}")


def _pairs(report: Report, before: Report | None) -> Iterator[Pair]:
    """Yield the sources whose columns are known on both sides."""
    old = {} if before is None else {columns.source: columns for columns in before.columns}
    for new in report.columns:
        if before is not None and new.source in old:
            was, now = (rows_read(side).get(new.source, 0) for side in (before, report))
            yield Pair(new.source, old[new.source], new, was, now)


def _listed(values: tuple[str, ...] | list[str]) -> str:
    """Return a few values in quotes, and how many there are besides."""
    shown = ", ".join(f"'{quote_name(value, 30)}'" for value in values[:_LISTED])
    more = len(values) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown
