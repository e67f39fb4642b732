"""Rows of a source with bytes that are not UTF-8."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked
from thinkmix.curation.gates.kinds import CountGate
from thinkmix.curation.gates.results import count_of
from thinkmix.curation.read.encodings import UNKNOWN
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Encoding(CountGate):
    """Rows of a source with bytes that are not UTF-8, which could not be read whole.

    It names the encoding that they seem to have.
    """

    name: ClassVar[str] = "encoding"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the encoding that rows seem to have which are not UTF-8."""
        for one in report.findings:
            seen = [(name, times, _foreign(name, times)) for name, times in one.encodings.items()]
            yield from self.counts(one.source, seen, f"{one.source}: no row has bytes that are not UTF-8")


def _foreign(name: str, rows: int) -> str:
    """Return how many rows are not UTF-8, and what reads them."""
    said = f"{count_of(rows, 'row')} could not be read whole for bytes that are not UTF-8"
    if name == UNKNOWN:
        return f"{said}: state the `encoding` of the files in the source, or write them in UTF-8"
    return f"{said} and seem to be {name}: say `encoding: {name}` if the files are, or write them in UTF-8"
