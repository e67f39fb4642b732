"""Gates on what the mixture was asked to be: its size, the source that limits it, and sources left out."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from thinkmix.curation.gates.metrics import Drop, mixture
from thinkmix.curation.gates.results import count_of, gate_result, percent
from thinkmix.curation.gates.settings import Asked
from thinkmix.curation.validate.settings import Compare
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.ledger import DEDUP
from thinkmix.schemas.manifest import Share
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.report import Report

_ALIKE = 0.8
"""Sources limit a mixture together if so large a part of each is sampled, beside that of the scarcest."""

_NAMED = 3

_LOOKS_AT = {
    "first_user": "`compare: first_user` looks at the first question alone, not at system prompts, later "
    "turns or answers",
    "user_turns": "`compare: user_turns` looks at the questions alone, not at system prompts or answers",
}
_LOOSEST: Compare = "conversation"


def size(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Compare the size of the mixture with the one that its recipe states, to within an example a source."""
    plan, gate = recipe.mix, recipe.gates.size
    if plan.size is None:
        return
    came = sum(mixture(report, plan.unit).values())
    longest = max((view.longest for view in report.lengths), default=0)
    near = 0 if plan.unit == "examples" else longest * len(recipe.sources)
    short = max(0, plan.size - came - near) / plan.size
    unit = plan.unit.replace("_", " ")
    sentence = f"{came:,} of {plan.size:,} {unit} came"
    if short and (scarce := _scarcest(report)):
        sentence = (
            f"{sentence}: {_limits(scarce)}; add rows to it or lower its share, lower `size`, or say "
            "`when_short: repeat`"
        )
    yield gate_result("size", "", gate, short, gate.limit, sentence)


def bottleneck(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Name the source for whose sake most examples of the others are left out, where no size is stated."""
    gate = recipe.gates.bottleneck
    if recipe.mix.size is not None:
        return  # what is left out then is what nobody asked for
    shares = _sampled_from(report)
    available, sampled = sum(share.available for share in shares), sum(share.examples for share in shares)
    if len(shares) < 2 or not available:
        return
    left = 1 - sampled / available
    sentence = f"{sampled:,} of {available:,} examples are sampled ({percent(sampled / available)})"
    if scarce := _scarcest(report):
        sentence = (
            f"{sentence}: {_limits(scarce)}; add rows to it or lower its share, or state a `size`; "
            f"the limit is {percent(gate.limit)} left out"
        )
    yield gate_result("bottleneck", ", ".join(one.source for one in scarce), gate, left, gate.limit, sentence)


def absent(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
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
                f"{count_of(sum(brought.values()), 'example')} is less than one; raise `size` or its share"
            )
        yield gate_result("absent", source, recipe.gates.absent, float(nothing), 0, sentence)


def near_duplicates(report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Look at the rows that go for being nearly the same, where a setting would tell more rows apart."""
    gate = recipe.gates.near_duplicates
    for source, count in report.ledger.of(DEDUP).items():
        if ways := _ways_out(recipe, source):
            rows = count.dropped[Reason.NEAR_DUP].rows if Reason.NEAR_DUP in count.dropped else 0
            part = Drop(rows, count.read.rows)
            sentence = f"{source}: near_dup took {part}; the limit is {percent(gate.limit)}"
            if part.rate > gate.limit:
                sentence = f"{source}: near_dup took {part}: {'; '.join(ways)}; see `thinkmix rejects`"
            yield gate_result("near_duplicates", source, gate, part.rate, gate.limit, sentence)


def _ways_out(recipe: Asked, source: str) -> Sequence[str]:
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


def _sampled_from(report: Report) -> list[Share]:
    """Return what the sources with a share brought into train."""
    return [share for share in report.shares if share.split == "train" and share.declared and share.available]


def _scarcest(report: Report) -> list[Share]:
    """Return the sources that limit the mixture, the scarcest first: most of what they have is sampled."""
    parts = {share.source: Fraction(share.examples, share.available) for share in _sampled_from(report)}
    most = max(parts.values(), default=Fraction(0))
    scarce = [share for share in _sampled_from(report) if most and parts[share.source] >= _ALIKE * most]
    return sorted(scarce, key=lambda share: (-parts[share.source], share.source))


def _limits(scarce: Sequence[Share]) -> str:
    """Return in words which sources limit the mixture."""
    first, *others = scarce
    sampled = f"{first.examples:,} of its {count_of(first.available, 'example')} sampled to train"
    said = f"{first.source} limits the mixture, with {sampled} for a share of {percent(first.declared)}"
    if not others:
        return said
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return f"{said} (nearly as scarce: {', '.join(share.source for share in others[:_NAMED])}{more})"
