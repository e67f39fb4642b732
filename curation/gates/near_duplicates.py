"""Rows of a source that are left out as nearly the same."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, Rate
from thinkmix.curation.gates.kinds import RateGate
from thinkmix.curation.gates.metrics import Drop
from thinkmix.curation.gates.results import percent
from thinkmix.curation.validate.settings import Compare
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.ledger import DEDUP
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.report import Report

_LOOKS_AT = {
    "dialogue": "`compare: dialogue` looks at the question alone where there is one, not at its answer",
    "first_user": "`compare: first_user` looks at the first question alone, not at system prompts, later "
    "turns or answers",
    "user_turns": "`compare: user_turns` looks at the questions alone, not at system prompts or answers",
}
_LOOSEST: Compare = "conversation"


class NearDuplicates(RateGate):
    """Rows of a source that are left out as nearly the same.

    It names what of `compare`, `numbers` and `max_solutions_per_problem` tells them apart or keeps more.
    """

    name: ClassVar[str] = "near_duplicates"

    limit: Rate = 0.25

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Look at the rows that go for being nearly the same, and name the settings that tell more apart."""
        for source, count in report.ledger.of(DEDUP).items():
            rows = count.dropped[Reason.NEAR_DUP].rows if Reason.NEAR_DUP in count.dropped else 0
            part = Drop(rows, count.read.rows)
            sentence = f"{source}: near_dup took {part}; the limit is {percent(self.limit)}"
            if part.rate > self.limit:
                ways = [*_ways_out(recipe, source), "see `thinkmix rejects --reason near_dup`"]
                sentence = f"{sentence}: {'; '.join(ways)}"
            yield self.found(source, part.rate, self.limit, sentence)


def _ways_out(recipe: Asked, source: str) -> list[str]:
    """Return what the settings of a source do not look at, each with the setting that does."""
    stated = next(one for one in recipe.sources if one.name == source)
    ways = []
    if looks_at := _LOOKS_AT.get(stated.compare):
        ways.append(f"{looks_at} (`compare: {_LOOSEST}` does)")
    if recipe.dedup.numbers == "ignore":
        ways.append(
            "`numbers: ignore` takes texts that differ in a number for one "
            "(`dedup: {numbers: distinguish}` does not)"
        )
    if stated.max_solutions_per_problem is None and ways:
        ways.append("one answer a problem stays (`max_solutions_per_problem: N` keeps more)")
    return ways
