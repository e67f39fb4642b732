"""Raw rows of a source beside the number that its recipe states."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Action, Asked, Gate, Rate
from thinkmix.curation.gates.metrics import rows_read
from thinkmix.curation.gates.results import percent
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class ExpectedRows(Gate):
    """Raw rows of a source that states as `expect_rows` how many there must be."""

    name: ClassVar[str] = "expected_rows"

    action: Action = "fail"
    tolerance: Rate = 0.0
    """Largest fraction of the expected rows by which a source may have more or fewer."""

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Compare the raw rows of a pinned set with the number that its recipe states."""
        read = rows_read(report)
        for source in recipe.sources:
            if source.expect_rows is not None:
                there, expected = read.get(source.name, 0), source.expect_rows
                off = abs(there - expected) / max(expected, 1)
                sentence = (
                    f"{source.name} read {there:,} rows where the recipe expects {expected:,}, "
                    f"{percent(off)} off; the limit is {percent(self.tolerance)}"
                )
                yield self.found(source.name, off, self.tolerance, sentence)
