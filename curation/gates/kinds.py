"""Gates of one kind: what those have in common that compare amounts, rates, growths or counts."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from pydantic import Field

from thinkmix.curation.gates.contract import Gate, Growth, Points, Rate
from thinkmix.curation.gates.metrics import Drop, Drops, rows_read
from thinkmix.curation.gates.results import percent, points, worst
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class AmountGate(Gate):
    """How far an amount may be from that of the last good build."""

    fewer: Rate = 0.1
    """Largest fraction of the earlier amount that may be gone."""
    more: Growth = 1.0
    """Largest fraction of the earlier amount that may have come on top of it; 1 is twice as much."""

    def amounts(
        self, old: Mapping[str, int], new: Mapping[str, int], verb: str, unit: str
    ) -> Iterator[GateResult]:
        """Compare an amount of each source that is there on both sides."""
        for source in (source for source in new if source in old):
            was, now = old[source], new[source]
            limit = self.fewer if now < was else self.more
            change = abs(now - was) / was if was else float(now)
            how = f"{percent(change)} {'fewer' if now < was else 'more'} {unit}"
            sides = f"({was:,} → {now:,}); the limit is {percent(limit)}"
            sentence = f"{source} {verb} {how} than the last good build {sides}"
            if now == was:
                sentence = f"{source} {verb} as many {unit} as the last good build ({now:,})"
            yield self.found(source, change, limit, sentence)


class RateGate(Gate):
    """How large a fraction of the rows may be."""

    limit: Rate
    """Largest fraction of the rows that the stage read."""

    def rates(self, source: str, parts: Drops) -> Iterator[GateResult]:
        """Yield what was dropped beyond the limit, or else what comes nearest to it."""
        limit = f"the limit is {percent(self.limit)}"
        results = []
        for word, part in parts.items():
            subject = f"{source}: {word}"
            results.append(self.found(subject, part.rate, self.limit, f"{subject} took {part}; {limit}"))
        calm = self.found(source, 0.0, self.limit, f"{source} lost no rows in this way; {limit}")
        yield from worst(results, calm)


class GrowthGate(Gate):
    """How much larger a fraction of the rows may be than in the last good build."""

    points: Points
    """Percentage points."""

    def growths(
        self, report: Report, before: Report | None, parts: Callable[[Report, str], Drops]
    ) -> Iterator[GateResult]:
        """Yield of each source what is dropped more often by more than the limit, or what comes nearest."""
        limit = f"the limit is {points(self.points)} more"
        for source, old, new in compared(report, before, parts):
            results = []
            for word, part in new.items():
                was = old.get(word, Drop(0, 0)).rate
                sentence = f"{source}: {word} took {part} and {percent(was)} in the last good build; {limit}"
                grown = max(0.0, 100 * (part.rate - was))
                results.append(self.found(f"{source}: {word}", grown, self.points, sentence))
            calm = f"{source}: nothing takes a larger part of the rows than in the last good build; {limit}"
            yield from worst(results, self.found(source, 0.0, self.points, calm))


class CountGate(Gate):
    """How many rows something may concern."""

    rows: int = Field(default=0, ge=0, le=10**12)
    """Rows that are not worth a word."""

    def counts(self, source: str, seen: Iterable[tuple[str, int, str]], calm: str) -> Iterator[GateResult]:
        """Yield the results for what was seen in a source's rows: each a name, a count and a sentence."""
        results = [
            self.found(f"{source}: {what}", times, self.rows, f"{source}: {said}")
            for what, times, said in seen
        ]
        yield from worst(results, self.found(source, 0, self.rows, calm))


def compared(
    report: Report, before: Report | None, parts: Callable[[Report, str], Drops]
) -> Iterator[tuple[str, Drops, Drops]]:
    """Yield each source that both versions have, with what was dropped of it then and now."""
    if before is not None:
        known = rows_read(before)
        for source in rows_read(report):
            if source in known:
                yield source, parts(before, source), parts(report, source)
