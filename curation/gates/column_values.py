"""Columns of a source with a closed list of values that has others now."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.columns import ColumnGate, pairs
from thinkmix.curation.gates.contract import Asked
from thinkmix.curation.gates.results import quote_name
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report

REPEATS = 10
"""How often a value must stand, on average, for the values of a column to be a closed list."""

_LISTED = 5


class ColumnValues(ColumnGate):
    """A text column with a closed list of values that has other ones now.

    The list is closed if it has at most 20 values, each there ten times or more on average.
    """

    name: ClassVar[str] = "column_values"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the columns that had few values, each of them often, and have others now."""
        for pair in pairs(report, before):
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
            yield from self.named(pair, changed, "no closed list of values changed")


def _listed(values: tuple[str, ...] | list[str]) -> str:
    """Return a few values in quotes, and how many there are besides."""
    shown = ", ".join(f"'{quote_name(value, 30)}'" for value in values[:_LISTED])
    more = len(values) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown
