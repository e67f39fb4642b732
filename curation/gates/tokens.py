"""Tokens that a source brings, beside those of the last good build."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked
from thinkmix.curation.gates.kinds import AmountGate
from thinkmix.curation.gates.metrics import mixture
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Tokens(AmountGate):
    """Tokens that a source brings into the mixture."""

    name: ClassVar[str] = "tokens"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Compare the tokens of each source in the mixture."""
        if before is not None:
            old, new = mixture(before, "tokens"), mixture(report, "tokens")
            yield from self.amounts(old, new, "has", "tokens in the mixture")
