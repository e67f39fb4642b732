"""Sources that bring no example into the mixture."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Gate
from thinkmix.curation.gates.metrics import mixture
from thinkmix.curation.gates.results import count_of, percent
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Absent(Gate):
    """A source that brings no example into the mixture, as its share is 0 or less than one example."""

    name: ClassVar[str] = "absent"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the sources that bring no example into the mixture."""
        shares, brought = recipe.mix.exact_shares(), mixture(report, "examples")
        for source, share in shares.items():
            nothing = not brought.get(source, 0)
            sentence = f"{source} brings {count_of(brought.get(source, 0), 'example')} into the mixture"
            if nothing and not share:
                sentence = (
                    f"{source} has a share of 0: none of its rows is in the mixture, and they only take "
                    "duplicates out of other sources; give it a share, or say "
                    "`gates: {absent: {action: off}}` if that is meant"
                )
            elif nothing:
                sentence = (
                    f"{source} brings no example into the mixture: its share of {percent(float(share))} of "
                    f"{count_of(sum(brought.values()), 'example')} is less than one; "
                    "raise `size` or its share"
                )
            yield self.found(source, float(nothing), 0, sentence)
