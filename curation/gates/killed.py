"""Rows of a source that ended the process that worked on them."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Action, Asked
from thinkmix.curation.gates.kinds import CountGate
from thinkmix.curation.gates.results import count_of
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.ledger import VALIDATE
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.report import Report


class Killed(CountGate):
    """Rows of a source that ended the process that worked on them, twice, and were left out.

    How many that are depends on the memory of the machine.
    """

    name: ClassVar[str] = "killed"

    action: Action = "fail"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the sources with rows that are left out because they ended the process that worked on them."""
        for source, count in report.ledger.of(VALIDATE).items():
            if lost := count.dropped.get(Reason.WORKER_KILLED):
                way = (
                    "the manifest names it; give workers more memory (--worker-memory), "
                    "or approve the version"
                )
                was = "was" if lost.rows == 1 else "were"
                sentence = f"{source}: {count_of(lost.rows, 'row')} ended a process and {was} left out: {way}"
                yield self.found(source, lost.rows, self.rows, sentence)
