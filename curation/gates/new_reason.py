"""Reasons that take rows of a source and took none in the last good build."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked
from thinkmix.curation.gates.kinds import CountGate, compared
from thinkmix.curation.gates.metrics import drops
from thinkmix.curation.gates.results import worst
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class NewReason(CountGate):
    """Rows of a source that are left out for a reason that did not occur in the last good build."""

    name: ClassVar[str] = "new_reason"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the reasons that take rows of a source and took none in the last good build."""
        for source, old, new in compared(report, before, drops):
            fresh = [
                self.found(
                    f"{source}: {reason}",
                    part.rows,
                    self.rows,
                    f"{source}: {reason} took {part} and none in the last good build; "
                    f"the limit is {self.rows:,}",
                )
                for reason, part in new.items()
                if reason not in old
            ]
            calm = f"{source} lost no rows to a reason that took none in the last good build"
            yield from worst(fresh, self.found(source, 0, self.rows, calm))
