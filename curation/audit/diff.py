"""What differs between two versions of a mixture, row by row, and why: from their outcomes and their facts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from thinkmix.curation.audit.moves import Rules, condense, counts, pair_rows, with_cause
from thinkmix.curation.audit.provenance import changed_fields, same_files, settings
from thinkmix.curation.gates.stability import stability
from thinkmix.schemas.changes import MIXTURE, Changes, Delta, Move, SourceChange
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.report import Report

LISTED = 5
"""How many ids of a move are named."""

_DEDUP = ("compare", "priority", "max_solutions_per_problem")
_RENDER = ("template", "max_tokens", "supervise", "soft_switch")
_MOVE = ("source", "cause", "outcome", "outcome_after")


@dataclass(frozen=True)
class Side:
    """One of the two versions."""

    digest: str
    manifest: Manifest
    report: Report
    outcomes: Mapping[str, Iterable[pl.DataFrame]]
    """Per source the outcomes of all its rows, in pieces of schema `tables.OUTCOMES`; each is gone through once."""


def compare(before: Side, after: Side, *, listed: int = LISTED) -> Changes:
    """Return everything that differs between two versions.

    Of all rows 49 bytes are in memory, of both sides of one source at a time, and of those that differ twice
    as much until the end.

    Args:
        before: the older version.
        after: the later one.
        listed: how many ids of each move are named.
    """
    sources, pairs = [], []
    for name in _names(before, after):
        old, new = (condense(side.outcomes.get(name, ())) for side in (before, after))
        sources.append(_source_change(name, (before, counts(old)), (after, counts(new))))
        same = same_files(before.manifest, after.manifest, name)
        pairs.append(pair_rows(old, new, same).with_columns(source=pl.lit(name)))
    moved = with_cause(pl.concat(pairs), _rules(before.manifest, after.manifest))
    moves = _moves(moved, listed)
    added, removed, changed = (
        sum(move.rows for move in moves if (move.before == MIXTURE, move.after == MIXTURE) == ends)
        for ends in ((False, True), (True, False), (True, True))
    )
    return Changes(
        before=before.digest,
        after=after.digest,
        added=added,
        removed=removed,
        kept=sum(source.mixture_rows.before for source in sources) - removed,
        changed=changed,
        sources=tuple(sources),
        moves=moves,
        stability=stability(before.report, after.report),
        settings=settings(before.manifest, after.manifest),
    )


def _names(before: Side, after: Side) -> list[str]:
    """Return all sources: the later version's in the order of its recipe, then those that are gone."""
    return list(dict.fromkeys(source.name for side in (after, before) for source in side.manifest.sources))


def _rules(before: Manifest, after: Manifest) -> Rules:
    fields = changed_fields(before, after)
    names = {path.rpartition(".")[2] for path in fields}
    digests = [(side.template_sha256, side.tokenizer_sha256) for side in (before, after)]
    return Rules(
        dedup=any(path.startswith("dedup.") for path in fields) or not names.isdisjoint(_DEDUP),
        render=not names.isdisjoint(_RENDER) or digests[0] != digests[1],
        code=before.code_sha256 != after.code_sha256,
    )


def _source_change(
    name: str, before: tuple[Side, Mapping[str, int]], after: tuple[Side, Mapping[str, int]]
) -> SourceChange:
    outcomes = [rows for _, rows in (before, after)]
    reasons = sorted({*outcomes[0], *outcomes[1]} - {MIXTURE})
    return SourceChange(
        source=name,
        read=_delta(sum(rows.values()) for rows in outcomes),
        mixture_rows=_delta(rows.get(MIXTURE, 0) for rows in outcomes),
        examples=_delta(_sampled(side.manifest, name, "examples") for side, _ in (before, after)),
        tokens=_delta(_sampled(side.manifest, name, "tokens") for side, _ in (before, after)),
        reasons={reason: _delta(rows.get(reason, 0) for rows in outcomes) for reason in reasons},
    )


def _delta(sides: Iterable[int]) -> Delta:
    before, after = sides
    return Delta(before=before, after=after)


def _sampled(manifest: Manifest, source: str, unit: Literal["examples", "tokens"]) -> int:
    return sum(getattr(share, unit) for share in manifest.shares if share.source == source)


def _moves(pairs: pl.DataFrame, listed: int) -> tuple[Move, ...]:
    """Return what went from one outcome to another, most rows first.

    A row that says something else is a move of its own kind where both mixtures have it, and nowhere else.
    """
    edited = ~pl.col("same") & (pl.col("outcome") == MIXTURE)
    ids = (pl.coalesce(f"{half}_after", half).alias(half) for half in ("high", "low"))
    found = (
        pairs.filter((pl.col("outcome") != pl.col("outcome_after")) | edited)
        .select(*_MOVE, id=pl.struct(*ids))
        .group_by(*_MOVE)
        .agg(rows=pl.len(), ids=pl.col("id").bottom_k(listed).sort())
        .with_columns(pl.col("outcome", "outcome_after").cast(pl.String))
        .sort("rows", *_MOVE, descending=[True, *(False for _ in _MOVE)])
    )
    return tuple(
        Move(
            source=move["source"],
            cause=move["cause"],
            before=move["outcome"],
            after=move["outcome_after"],
            rows=move["rows"],
            examples=tuple(f"{row['high']:016x}{row['low']:016x}" for row in move["ids"]),
        )
        for move in found.to_dicts()
    )
