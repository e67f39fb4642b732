"""What is missing of the size that a recipe states."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Gate, Rate
from thinkmix.curation.gates.metrics import mixture
from thinkmix.curation.gates.scarcity import limits, scarcest
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Size(Gate):
    """What is missing of the mixture's `size`, and the source that limits it.

    By tokens, an example a source may be missing.
    """

    name: ClassVar[str] = "size"

    limit: Rate = 0.0
    """Largest fraction of the size that may be missing."""

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Compare the size of the mixture with the one that its recipe states."""
        plan = recipe.mix
        if plan.size is None:
            return
        came = sum(mixture(report, plan.unit).values())
        longest = max((view.longest for view in report.lengths), default=0)
        near = 0 if plan.unit == "examples" else longest * len(recipe.sources)
        short = max(0, plan.size - came - near) / plan.size
        unit = plan.unit.replace("_", " ")
        sentence = f"{came:,} of {plan.size:,} {unit} came"
        if short and (scarce := scarcest(report)):
            sentence = (
                f"{sentence}: {limits(scarce)}; add rows to it or lower its share, lower `size`, or say "
                "`when_short: repeat`"
            )
        yield self.found("", short, self.limit, sentence)
