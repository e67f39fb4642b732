"""Sources that bring no example into the mixture, and an eval split without any."""

from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Gate
from thinkmix.curation.gates.metrics import mixture
from thinkmix.curation.gates.results import count_of, percent
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report

_NAMED = 3


class Absent(Gate):
    """A source that brings no example into the mixture, with the reason, or an eval split that holds none."""

    name: ClassVar[str] = "absent"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the sources that bring no example, and an eval split that holds none."""
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
            if nothing and (lost := _all_lost(report, source)):
                sentence = f"{sentence}; {lost}"
            yield self.found(source, float(nothing), 0, sentence)
        if recipe.mix.eval_share:
            yield self._eval(report, recipe)

    def _eval(self, report: Report, recipe: Asked) -> GateResult:
        held = sum(part.examples for part in report.shares if part.split == "eval")
        sentence = f"eval holds {count_of(held, 'example')}"
        if not held:
            sources = count_of(len(recipe.mix.exact_shares()), "source")
            examples = count_of(sum(mixture(report, "examples").values()), "example")
            sentence = (
                f"eval holds no example: {percent(recipe.mix.eval_share)} of {examples} in {sources} "
                "is too few for its shares; raise `eval_share` or `size`, or say `eval_share: 0`"
            )
        return self.found("eval", float(not held), 0, sentence)


def _all_lost(report: Report, source: str) -> str:
    """Return why a source has no row left, the most frequent reasons first; nothing if it has some."""
    mine = [count for count in report.ledger.stages if count.source == source]
    if not mine or mine[-1].kept.rows:
        return ""
    lost: Counter[str] = Counter()
    for count in mine:
        lost.update({reason: amount.rows for reason, amount in count.dropped.items() if amount.rows})
    reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in lost.most_common(_NAMED))
    return f"none of its {count_of(mine[0].read.rows, 'row')} is left: {reasons}" if reasons else ""
