"""Raw rows of a source beside those of the last good build."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Action, Asked
from thinkmix.curation.gates.kinds import AmountGate
from thinkmix.curation.gates.metrics import rows_read
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Rows(AmountGate):
    """Raw rows that a source holds."""

    name: ClassVar[str] = "rows"

    action: Action = "fail"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Compare the raw rows of each source."""
        if before is None:
            return
        old, new = rows_read(before), rows_read(report)
        yield from self.amounts(old, new, "read", "rows")
        for source in sorted(old.keys() - new.keys()):
            sentence = f"{source} was in the last good build and is not in the recipe any more"
            gone = self.found(source, None, None, sentence)
            yield gone.model_copy(update={"level": "warn"})  # it was a person who took it out
