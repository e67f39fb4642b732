"""Where the rows of each source went, by a ledger: left out for a reason, not sampled, or in the mixture."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from thinkmix.schemas.ledger import MIX, StageCount

_REASONS = 12
"""So many reasons are told apart; the smallest ones are the last of them together."""


@dataclass(frozen=True)
class RowFlow:
    """Rows by source, at each place that they pass."""

    read: Counter[str]
    lost: Mapping[str, Counter[str]]
    """By reason, most rows first; rows that sampling had no room for are not among them."""
    good: Counter[str]
    unsampled: Mapping[str, Counter[str]]
    """By reason."""
    kept: Counter[str]
    """Rows of the mixture."""
    folded: tuple[str, ...]
    """Reasons that are one in `lost`."""


def row_flow(stages: Sequence[StageCount], sources: Iterable[str]) -> RowFlow:
    """Return where the rows of a ledger went.

    Args:
        stages: counts of all stages, in order; the last one is sampling.
        sources: their names.
    """
    read = Counter({name: _first(stages, name) for name in sources})
    lost, folded = _folded(_lost(stages, sampled=False))
    unsampled = _lost(stages, sampled=True)
    good = read - sum(lost.values(), Counter())
    return RowFlow(read, lost, good, unsampled, good - sum(unsampled.values(), Counter()), folded)


def _first(stages: Sequence[StageCount], source: str) -> int:
    return next((count.read.rows for count in stages if count.source == source), 0)


def _lost(stages: Sequence[StageCount], *, sampled: bool) -> dict[str, Counter[str]]:
    """Return rows by reason and source: those sampling had no room for, or all others."""
    lost: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for count in stages:
        for reason, amount in count.dropped.items():
            if amount.rows and (count.stage == MIX) is sampled:
                lost[reason][count.source] += amount.rows
    return dict(sorted(lost.items(), key=lambda item: (-item[1].total(), item[0])))


def _folded(lost: dict[str, Counter[str]]) -> tuple[dict[str, Counter[str]], tuple[str, ...]]:
    """Return the reasons with the smallest ones added up, and which these were."""
    if len(lost) <= _REASONS:
        return lost, ()
    names = tuple(lost)
    shown, folded = names[: _REASONS - 1], names[_REASONS - 1 :]
    rest = sum((lost[name] for name in folded), Counter[str]())
    return {**{name: lost[name] for name in shown}, f"{len(folded)} more reasons": rest}, folded
