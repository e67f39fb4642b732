"""The rows that a version left out: filtered, listed and exported without holding them."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from thinkmix.curation.rules.known import known_reasons, rule_named
from thinkmix.flows.inspect.rows import Rows, check_text
from thinkmix.schemas.errors import NotFound, StoreError
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import Record

LISTED = (Reason.SOLUTION_CAP, Reason.NOT_SAMPLED)
"""Reasons of good rows: a version knows their places, and not what they say."""

_COLUMNS = ("id", "source", "file", "row", "stage", "reason", "detail", "content")


class Reject(Record):
    """One row that was left out."""

    id: str
    source: str
    file: str
    row: int
    stage: str
    reason: str
    detail: str | None
    content: str | None
    """The raw row as JSON text, or a line that cannot be parsed; unset where only its place is known."""


class Rejects(Record):
    """The rows that match, or the first of them."""

    version: str
    total: int
    reasons: Mapping[str, int]
    """All matching rows by reason, the most frequent first."""
    rows: tuple[Reject, ...]


def rejects(
    version: Path,
    *,
    reason: str | None = None,
    rule: str | None = None,
    source: str | None = None,
    grep: str | None = None,
    limit: int = 20,
) -> Rejects:
    """Return dropped rows in the order in which the version keeps them, source by source.

    Args:
        version: the version's folder.
        reason: only those that were dropped for it.
        rule: only those that this rule dropped.
        source: only those of it.
        grep: only those whose content has this text, in any letter case.
        limit: most rows to return; the totals count all.

    Raises:
        NotFound: for a reason, rule or source that does not exist, and for text of rows that are only
            listed.
    """
    found = matching(version, reason=reason, rule=rule, source=source, grep=grep)
    counted = found.group_by("reason").len().sort(["len", "reason"], descending=[True, False]).collect()
    reasons = dict(counted.iter_rows())
    rows = found.head(limit).collect()
    return Rejects(
        version=version.name,
        total=sum(reasons.values()),
        reasons=reasons,
        rows=tuple(Reject(**row) for row in rows.to_dicts()),
    )


def export(found: pl.LazyFrame, out: Path, *, limit: int | None = None) -> int:
    """Write dropped rows as lines of JSON, a few at a time, and return how many.

    Raises:
        StoreError: if the file cannot be written.
    """
    rows = found if limit is None else found.head(limit)
    try:
        rows.sink_ndjson(out)
        with out.open("rb") as written:
            return sum(1 for _ in written)
    except OSError as error:
        msg = f"{out} cannot be written: {error}"
        raise StoreError(msg) from None


def matching(
    version: Path,
    *,
    reason: str | None = None,
    rule: str | None = None,
    source: str | None = None,
    grep: str | None = None,
) -> pl.LazyFrame:
    """Return the dropped rows that match, in the columns of `Reject`; arguments as for `rejects`.

    Raises:
        NotFound: as `rejects` does.
    """
    rows = Rows(version)
    names = [stated.name for stated in rows.recipe.sources]
    if source is not None and source not in names:
        msg = f"{version.name[:12]} has no source {source!r}; it has {', '.join(names)}"
        raise NotFound(msg)
    if rule is not None:
        reason = rule_named(rule, rows.own)
    if reason is not None and reason not in (known := known_reasons(rows.own)):
        msg = f"there is no reason {reason!r}; the reasons are {', '.join(known)}"
        raise NotFound(msg)
    if reason in LISTED:
        if grep is not None:
            msg = f"rows left out as {reason} are not kept whole, so their text cannot be searched"
            raise NotFound(f"{msg}; thinkmix explain --text looks through their questions")
        found = rows.outcomes.with_columns(content=pl.lit(None, dtype=pl.String))
    else:
        found = rows.rejects
    if reason is not None:
        found = found.filter(reason=reason)
    if source is not None:
        found = found.filter(source=source)
    if grep is not None:
        found = found.filter(
            pl.col("content").str.to_lowercase().str.contains(check_text(grep).lower(), literal=True)
        )
    return found.select(_COLUMNS)
