"""Pairs of a row that was left out and the row that stays, to be read: how many are the same problem?

    python -m benchmarks.judged_pairs VERSION --reason near_dup --count 200 --seed 1 > pairs.txt

A line a pair: both ids, the similarity, and where the compared texts differ, [-as left out-] and {+as kept+}.
A reader appends ` right` or ` wrong` to lines of `ID ID`; `--judged FILE` then prints the precision with its
95 % interval (Wilson 1927). The sample is by a hash of seed and ids: the same pairs for the same version.
"""

import argparse
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from hashlib import sha256
from pathlib import Path

import polars as pl

from thinkmix.curation.audit.precision import interval
from thinkmix.flows.inspect.rows import Outcome, Rows, outcomes_of

_NEARBY = 6
_SHOWN = 60


def sampled(rows: Rows, reason: str, *, count: int, seed: int) -> Sequence[Outcome]:
    """Return rows that were left out for a reason, in the order of the sample."""
    out = outcomes_of(rows.outcomes.filter(reason=reason).sort("source", "file", "row").collect())
    return sorted(
        out, key=lambda outcome: sha256(f"{seed}\0{outcome.id}\0{outcome.winner}".encode()).digest()
    )[:count]


def pairs(rows: Rows, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield a line for each row and its winner."""
    winners = {outcome.winner for outcome in outcomes if outcome.winner}
    kept = {
        outcome.id: outcome
        for outcome in outcomes_of(rows.outcomes.filter(pl.col("id").is_in(sorted(winners))).collect())
    }
    said = rows.said({*winners, *(outcome.id for outcome in outcomes)})
    for outcome in outcomes:
        winner = kept[outcome.winner or ""]
        left, right = (rows.compared(one, said[one.id].messages) for one in (outcome, winner))
        yield f"{outcome.id} {winner.id} {outcome.similarity:.3f} {differences(left, right)}"


def differences(left: str, right: str) -> str:
    """Return on one line where two texts differ, with some words around, or how they begin if nowhere."""
    ours, theirs = left.split(), right.split()
    parts = []
    for tag, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if tag != "equal":
            before, after = ours[max(a - _NEARBY, 0) : a], ours[b : b + _NEARBY]
            changed = f"[-{_cut(ours[a:b])}-]{{+{_cut(theirs[c:d])}+}}"
            parts.append(" ".join([*before, changed, *after]))
    return " | ".join(parts) or f"= {_cut(ours)}"


def _cut(words: Sequence[str]) -> str:
    return " ".join(words) if len(words) <= _SHOWN else f"{' '.join(words[:_SHOWN])} … {len(words)} words"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", type=Path)
    parser.add_argument("--reason", choices=("near_dup", "solution_cap"), default="near_dup")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--judged", type=Path)
    given = parser.parse_args()
    if given.judged:
        verdicts = [line.split()[-1] for line in given.judged.read_text(encoding="utf-8").splitlines()]
        right, judged = verdicts.count("right"), len(verdicts)
        low, high = interval(right, judged)
        print(f"{right} of {judged} right: {right / judged:.1%}, 95 % interval {low:.1%} to {high:.1%}")
        return
    rows = Rows(given.version)
    for line in pairs(rows, sampled(rows, given.reason, count=given.count, seed=given.seed)):
        print(line)


if __name__ == "__main__":
    main()
