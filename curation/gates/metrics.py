"""What gates ask of a report: rows that were read or dropped of a source, and its part of the mixture."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from thinkmix.curation.gates.results import percent
from thinkmix.schemas.ledger import DEDUP, MIX, VALIDATE, Ledger
from thinkmix.schemas.report import Report

CONTAMINATION = "eval_overlap"
"""The reason of rows that are questions of a benchmark; not every recipe looks for them."""


class Counted(Protocol):
    """What has a ledger: a report, or what was seen of a few rows."""

    @property
    def ledger(self) -> Ledger:
        """The counts of its stages."""


class Drop(NamedTuple):
    """Rows that a stage dropped of those that it read."""

    rows: int
    read: int

    @property
    def rate(self) -> float:
        """Return the fraction, 0 of nothing."""
        return self.rows / self.read if self.read else 0.0

    def __str__(self) -> str:
        """Return the fraction and both numbers in words."""
        return f"{percent(self.rate)} ({self.rows:,} of {self.read:,} rows)"


Drops = Mapping[str, Drop]
"""Dropped rows by what they were dropped for."""


def rule_drops(report: Counted, source: str) -> Drops:
    """Return what was dropped for what a row is, not for what other rows are or how many were asked for."""
    listed = (part for part in all_drops(report, source) if part[0] not in (DEDUP, MIX))
    return {reason: part for _, reason, part in listed if reason != CONTAMINATION}


def duplicate_drops(report: Report, source: str) -> Drops:
    """Return what was dropped because another row says the same, as one sum."""
    count = report.ledger.of(DEDUP).get(source)
    if count is None:
        return {}
    rows = sum(amount.rows for reason, amount in count.dropped.items() if reason != CONTAMINATION)
    return {"duplicates": Drop(rows, count.read.rows)}


def drops(report: Report, source: str) -> Drops:
    """Return what was dropped for whatever reason, except those not sampled."""
    listed = (part for part in all_drops(report, source) if part[0] != MIX)
    return {reason: part for _, reason, part in listed if part.rows}


def all_drops(report: Counted, source: str) -> Iterator[tuple[str, str, Drop]]:
    """Yield stage, reason and rows of all that was dropped of a source."""
    for count in report.ledger.stages:
        if count.source == source:
            for reason, amount in count.dropped.items():
                yield count.stage, reason, Drop(amount.rows, count.read.rows)


def rows_read(report: Counted) -> dict[str, int]:
    """Return the raw rows of each source, in the order of the recipe."""
    return {source: count.read.rows for source, count in report.ledger.of(VALIDATE).items()}


def mixture(report: Report, unit: str) -> dict[str, int]:
    """Return what each source has in the mixture, both splits together."""
    amounts: dict[str, int] = {}
    for share in report.shares:
        amounts[share.source] = amounts.get(share.source, 0) + int(getattr(share, unit))
    return amounts


def fractions(amounts: Mapping[str, int]) -> dict[str, float]:
    """Return each amount as a fraction of their sum."""
    total = sum(amounts.values())
    return {source: amount / total if total else 0.0 for source, amount in amounts.items()}
