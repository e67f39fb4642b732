"""Gates: one version's facts beside those of the last good one, judged by the limits of its recipe.

A gate is a function that yields what it found, place by place, in a sentence that needs no manual. To add
one, write it here, name it in `GATES`, and state its settings in `thinkmix.curation.gates.settings.Gates`
by the same name.
"""

from collections.abc import Callable, Iterator, Mapping

from thinkmix.curation.gates.column_gates import (
    column_extra,
    column_gone,
    column_nulls,
    column_type,
    column_values,
)
from thinkmix.curation.gates.metrics import (
    CONTAMINATION,
    Counted,
    Drop,
    Drops,
    all_drops,
    drops,
    duplicate_drops,
    fractions,
    mixture,
    rows_read,
    rule_drops,
)
from thinkmix.curation.gates.mix_gates import absent, bottleneck, near_duplicates, size
from thinkmix.curation.gates.reading_gates import encoding, findings, unread_fields
from thinkmix.curation.gates.results import count_of, gate_result, percent, points, quote_name, worst
from thinkmix.curation.gates.settings import AmountGate, Asked, GrowthGate, RateGate
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.formats.recognition import format_statement
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.ledger import VALIDATE
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.report import LengthView, Report

_STATED = 300
_UNITS = ("examples", "tokens", "trainable_tokens")


def judge(report: Report, before: Report | None, recipe: Asked) -> tuple[GateResult, ...]:
    """Return what every gate found that is not off, in the order of the gates and of the sources.

    Args:
        report: facts of the version that was built.
        before: facts of the last good one; without it only gates that compare nothing find anything.
        recipe: what the version was asked to be, and the limits.
    """
    results = [result for gate in GATES for result in gate(report, before, recipe)]
    return tuple(result for result in results if getattr(recipe.gates, result.gate).action != "off")


def rows(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Compare the raw rows of each source."""
    if before is None:
        return
    old, new = rows_read(before), rows_read(report)
    yield from _amounts("rows", recipe.gates.rows, old, new, "read", "rows")
    for source in sorted(old.keys() - new.keys()):
        sentence = f"{source} was in the last good build and is not in the recipe any more"
        gone = gate_result("rows", source, recipe.gates.rows, None, None, sentence)
        yield gone.model_copy(update={"level": "warn"})  # it was a person who took it out


def tokens(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Compare the tokens that each source brings into the mixture."""
    if before is not None:
        old, new = mixture(before, "tokens"), mixture(report, "tokens")
        yield from _amounts("tokens", recipe.gates.tokens, old, new, "has", "tokens in the mixture")


def shares(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Compare each source's part of the mixture, in the unit in which it moved farthest."""
    if before is None:
        return
    limit = recipe.gates.shares.points
    moves: dict[str, tuple[str, float, float]] = {}
    for unit in _UNITS:
        old, new = fractions(mixture(before, unit)), fractions(mixture(report, unit))
        for source in sorted({*old, *new}):
            was, now = old.get(source, 0.0), new.get(source, 0.0)
            if source not in moves or abs(now - was) > abs(moves[source][2]):
                moves[source] = (unit.replace("_", " "), was, now - was)
    for source, (unit, was, move) in moves.items():
        moved = abs(100 * move)
        sentence = (
            f"{source} went from {percent(was)} to {percent(was + move)} of the {unit}, "
            f"by {points(moved)}; the limit is {limit:g}"
        )
        yield gate_result("shares", source, recipe.gates.shares, moved, limit, sentence)


def expected_rows(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Compare the raw rows of a pinned set with the number that its recipe states."""
    gate, read = recipe.gates.expected_rows, rows_read(report)
    for source in recipe.sources:
        if source.expect_rows is not None:
            there, expected = read.get(source.name, 0), source.expect_rows
            off = abs(there - expected) / max(expected, 1)
            sentence = (
                f"{source.name} read {there:,} rows where the recipe expects {expected:,}, "
                f"{percent(off)} off; the limit is {percent(gate.tolerance)}"
            )
            yield gate_result("expected_rows", source.name, gate, off, gate.tolerance, sentence)


def quarantine(report: Counted, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Look at the rows that are left out for each reason."""
    for source in rows_read(report):
        yield from _rates("quarantine", recipe.gates.quarantine, source, rule_drops(report, source))


def quarantine_growth(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Compare the rows that are left out for each reason."""
    yield from _growths("quarantine_growth", recipe.gates.quarantine_growth, report, before, rule_drops)


def new_reason(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Name the reasons that take rows of a source and took none in the last good build."""
    gate = recipe.gates.new_reason
    for source, old, new in _compared(report, before, drops):
        fresh = [
            gate_result(
                "new_reason",
                f"{source}: {reason}",
                gate,
                part.rows,
                gate.rows,
                f"{source}: {reason} took {part} and none in the last good build; the limit is {gate.rows:,}",
            )
            for reason, part in new.items()
            if reason not in old
        ]
        calm = f"{source} lost no rows to a reason that took none in the last good build"
        yield from worst(fresh, gate_result("new_reason", source, gate, 0, gate.rows, calm))


def layout(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Compare the formats that rows were read by; one that a person wrote into the recipe only warns."""
    gate = recipe.gates.layout
    old = {} if before is None else {source.name: source.format for source in before.sources}
    stated = {source.name for source in recipe.sources if not isinstance(source.format, Auto)}
    for source in report.sources:
        if not old.get(source.name):
            continue  # new, or of a version that does not say it
        was, now = format_statement(old[source.name]), format_statement(source.format)
        sentence = f"{source.name} is read as {quote_name(now, _STATED)}, as in the last good build"
        if was != now:
            sentence = (
                f"{source.name} is read as {quote_name(now, _STATED)}, "
                f"and as {quote_name(was, _STATED)} in the last good build"
            )
        result = gate_result("layout", source.name, gate, float(was != now), 0, sentence)
        mild = result.level == "fail" and source.name in stated
        yield result.model_copy(update={"level": "warn"}) if mild else result


def duplicates(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Look at the rows that are left out because another one says the same."""
    for source in rows_read(report):
        yield from _rates("duplicates", recipe.gates.duplicates, source, duplicate_drops(report, source))


def duplicates_growth(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Compare the rows that are left out because another one says the same."""
    yield from _growths("duplicates_growth", recipe.gates.duplicates_growth, report, before, duplicate_drops)


def lengths(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Compare how long the examples of each source are; other bins cannot be compared."""
    old = {} if before is None else {view.source: view for view in before.lengths}
    limit = recipe.gates.lengths.psi
    for view in report.lengths:
        was = old.get(view.source)
        if was is not None and was.edges == view.edges:
            moved = _psi(was, view)
            sentence = (
                f"{view.source}: the lengths of its examples moved by a PSI of {moved:.3g} "
                f"(median {was.median:,} → {view.median:,} tokens); the limit is {limit:g}"
            )
            yield gate_result("lengths", view.source, recipe.gates.lengths, moved, limit, sentence)


def contamination(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Look at the rows that are questions of a benchmark; say nothing if nobody looked for any."""
    for source in rows_read(report):
        overlap = {reason: part for _, reason, part in all_drops(report, source) if reason == CONTAMINATION}
        if overlap:
            yield from _rates("contamination", recipe.gates.contamination, source, overlap)


def killed(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Name the sources with rows that are left out because they ended the process that worked on them."""
    gate = recipe.gates.killed
    for source, count in report.ledger.of(VALIDATE).items():
        if lost := count.dropped.get(Reason.WORKER_KILLED):
            way = "the manifest names it; give workers more memory (--worker-memory), or approve the version"
            was = "was" if lost.rows == 1 else "were"
            sentence = f"{source}: {count_of(lost.rows, 'row')} ended a process and {was} left out: {way}"
            yield gate_result("killed", source, gate, lost.rows, gate.rows, sentence)


GATES: tuple[Callable[[Report, Report | None, Asked], Iterator[GateResult]], ...] = (
    rows,
    tokens,
    shares,
    expected_rows,
    quarantine,
    quarantine_growth,
    new_reason,
    layout,
    column_gone,
    column_type,
    column_values,
    column_nulls,
    column_extra,
    duplicates,
    near_duplicates,
    duplicates_growth,
    lengths,
    contamination,
    killed,
    encoding,
    unread_fields,
    findings,
    size,
    bottleneck,
    absent,
)


def _psi(was: LengthView, now: LengthView) -> float:
    """Return how far lengths moved; the same ones, as in a run without a change, need no numpy."""
    if was.histogram == now.histogram:
        return 0.0
    from thinkmix.curation.gates.stability import psi  # noqa: PLC0415

    return psi(was.histogram, now.histogram)


def _amounts(
    name: str, gate: AmountGate, old: Mapping[str, int], new: Mapping[str, int], verb: str, unit: str
) -> Iterator[GateResult]:
    """Compare an amount of each source that is there on both sides."""
    for source in (source for source in new if source in old):
        was, now = old[source], new[source]
        limit = gate.fewer if now < was else gate.more
        change = abs(now - was) / was if was else float(now)
        how = f"{percent(change)} {'fewer' if now < was else 'more'} {unit}"
        sides = f"({was:,} → {now:,}); the limit is {percent(limit)}"
        sentence = f"{source} {verb} {how} than the last good build {sides}"
        if now == was:
            sentence = f"{source} {verb} as many {unit} as the last good build ({now:,})"
        yield gate_result(name, source, gate, change, limit, sentence)


def _rates(name: str, gate: RateGate, source: str, parts: Drops) -> Iterator[GateResult]:
    """Yield what was dropped beyond the limit, or else what comes nearest to it."""
    limit = f"the limit is {percent(gate.limit)}"
    results = []
    for word, part in parts.items():
        subject = f"{source}: {word}"
        results.append(
            gate_result(name, subject, gate, part.rate, gate.limit, f"{subject} took {part}; {limit}")
        )
    calm = gate_result(name, source, gate, 0.0, gate.limit, f"{source} lost no rows in this way; {limit}")
    yield from worst(results, calm)


def _growths(
    name: str,
    gate: GrowthGate,
    report: Report,
    before: Report | None,
    parts: Callable[[Report, str], Drops],
) -> Iterator[GateResult]:
    """Yield of each source what is dropped more often by more than the limit, or else what comes nearest."""
    limit = f"the limit is {points(gate.points)} more"
    for source, old, new in _compared(report, before, parts):
        results = []
        for word, part in new.items():
            was = old.get(word, Drop(0, 0)).rate
            sentence = f"{source}: {word} took {part} and {percent(was)} in the last good build; {limit}"
            grown = max(0.0, 100 * (part.rate - was))
            results.append(gate_result(name, f"{source}: {word}", gate, grown, gate.points, sentence))
        calm = f"{source}: nothing takes a larger part of the rows than in the last good build; {limit}"
        yield from worst(results, gate_result(name, source, gate, 0.0, gate.points, calm))


def _compared(
    report: Report, before: Report | None, parts: Callable[[Report, str], Drops]
) -> Iterator[tuple[str, Drops, Drops]]:
    """Yield each source that both versions have, with what was dropped of it then and now."""
    if before is not None:
        known = rows_read(before)
        for source in rows_read(report):
            if source in known:
                yield source, parts(before, source), parts(report, source)
