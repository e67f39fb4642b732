"""Examples that are left out because one source has too few for its share."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Gate, Rate
from thinkmix.curation.gates.results import percent
from thinkmix.curation.gates.scarcity import drawn_from, limits, scarcest
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Bottleneck(Gate):
    """Examples of train that are left out because one source has too few for its share.

    It looks where no `size` is stated.
    """

    name: ClassVar[str] = "bottleneck"

    limit: Rate = 0.75
    """Largest fraction of the examples that may be left out."""

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the source for whose sake most examples of the others are left out."""
        if recipe.mix.size is not None:
            return  # what is left out then is what nobody asked for
        shares = drawn_from(report)
        available, sampled = sum(share.available for share in shares), sum(share.examples for share in shares)
        if len(shares) < 2 or not available:
            return
        left = 1 - sampled / available
        sentence = f"{sampled:,} of {available:,} examples are sampled ({percent(sampled / available)})"
        if scarce := scarcest(report):
            sentence = (
                f"{sentence}: {limits(scarce)}; add rows to it or lower its share, or state a `size`; "
                f"the limit is {percent(self.limit)} left out"
            )
        yield self.found(", ".join(one.source for one in scarce), left, self.limit, sentence)
