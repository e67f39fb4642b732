"""The content section of a report: what rules find in rows, whether it is too much, and rows that show it."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from thinkmix.curation.gates.flags import Flags
from thinkmix.curation.rules.own import own_sentences
from thinkmix.flows.pages.meaning import sentence
from thinkmix.flows.pages.report.sections import cut_marked
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.ledger import VALIDATE
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.report import Report
from thinkmix.schemas.run import RunReport

_NO_RULE = (
    "No rule is on, so that nothing is known of what the rows say; thinkmix check RECIPE shows what each "
    "rule would find."
)


class RuleCount(NamedTuple):
    """What one rule found in the rows of one source."""

    source: str
    rule: str
    sentence: str
    flagged: int
    share: str
    """Flagged rows, of the valid ones."""
    mixed: int
    dropped: int


class Content(NamedTuple):
    """What the section shows."""

    level: str
    """`pass`, `warn` or `fail`, as the gate `flags` says; `none` where nothing was judged."""
    sentence: str
    counts: Sequence[RuleCount]
    examples: Sequence[dict[str, object]]
    """Rows of the mixture by flag and source, with the words that are marked."""


def content(run: RunReport) -> Content:
    """Return what rules found in the rows of a version, and the verdict on it."""
    report = run.report
    counts = tuple(_counts(report))
    found = [result for result in run.gates if result.gate == Flags.name]
    level, words = _verdict(counts, found)
    return Content(level, words, counts, tuple(_examples(report)))


def _verdict(counts: Sequence[RuleCount], found: Sequence[GateResult]) -> tuple[str, str]:
    broken = [result for result in found if result.level != "pass"]
    if broken:
        level = "fail" if any(result.level == "fail" for result in broken) else "warn"
        return level, f"{'. '.join(result.sentence for result in broken)}."
    if not counts:
        return "none", _NO_RULE
    flagged, dropped = (sum(getattr(one, name) for one in counts) for name in ("flagged", "dropped"))
    told = f"Rules flag {flagged:,} times and drop {dropped:,} rows"
    if flagged and not found:
        return "none", f"{told}; the gate flags, which says whether that is too much, is off."
    return "pass", f"{told}, and no rule flags more of a source than the gate flags allows."


def _counts(report: Report) -> Iterator[RuleCount]:
    """Yield what each rule found in each source that it flags or drops rows of."""
    own, valid = own_sentences(report.recipe), report.ledger.of(VALIDATE)
    flags = {(one.source, one.rule): one for one in report.flags}
    drops = {
        (source, reason): amount.rows
        for source, count in valid.items()
        for reason, amount in count.dropped.items()
        if amount.rows and reason not in list(Reason)
    }
    for source, rule in dict.fromkeys([*flags, *drops]):
        flag, kept = flags.get((source, rule)), valid[source].kept.rows if source in valid else 0
        rows = flag.rows if flag else 0
        yield RuleCount(
            source=source,
            rule=rule,
            sentence=sentence(rule, own),
            flagged=rows,
            share=f"{rows / kept:.1%}" if kept else "",
            mixed=flag.mixed if flag else 0,
            dropped=drops.get((source, rule), 0),
        )


def _examples(report: Report) -> Iterator[dict[str, object]]:
    own = own_sentences(report.recipe)
    mine = sorted(report.flagged, key=lambda sample: (sample.reason, sample.source))  # stable
    for (rule, source), rows in groupby(mine, key=lambda sample: (sample.reason, sample.source)):
        shown = list(map(cut_marked, rows))
        yield {"reason": rule, "source": source, "sentence": sentence(rule, own), "rows": shown}
