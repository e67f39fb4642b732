"""Figures for the report: lengths, thinking, clusters, and a few dropped rows of each reason."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curation.mix import SPLITS
from curation.normalize import REJECTS
from curation.shards import read_groups
from schemas.ledger import Ledger
from schemas.manifest import Share
from schemas.recipe import MixPlan
from schemas.record import Record
from schemas.report import Check, Cluster, ClusterView, LengthView, Sample

EDGES = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Upper edges, in tokens, of the length histogram; also the context lengths whose fit is shown."""

QUANTILES = (0.5, 0.9, 0.99)

LARGEST = 10
"""How many clusters the report names."""


class ClusterPart(Record):
    """What one shard knows of clusters that may reach into others."""

    rows: Mapping[str, int]
    """Rows of the shard by the size of their cluster; single rows are no cluster."""
    largest: tuple[tuple[int, str], ...]
    """Size and id of the largest clusters that have a row here."""


class Audit(Record):
    """What is measured of a finished draw for its report."""

    lengths: tuple[LengthView, ...]
    clusters: ClusterView
    samples: tuple[Sample, ...]
    checks: tuple[Check, ...]


def lengths(tokens: Mapping[str, Sequence[pl.Series]]) -> tuple[LengthView, ...]:
    """Return per source how long its drawn examples are, in tokens of prompt and completion together."""
    return tuple(
        _length(source, pl.concat(parts).to_numpy()) for source, parts in sorted(tokens.items()) if parts
    )


def _length(source: str, tokens: NDArray[np.int64]) -> LengthView:
    ranks = np.quantile(tokens, QUANTILES, method="lower") if len(tokens) else [0, 0, 0]
    share = len(tokens) or 1
    return LengthView(
        source=source,
        examples=len(tokens),
        median=int(ranks[0]),
        p90=int(ranks[1]),
        p99=int(ranks[2]),
        longest=int(tokens.max(initial=0)),
        edges=EDGES,
        histogram=tuple(np.histogram(tokens, [0, *(edge + 1 for edge in EDGES), 2**62])[0].tolist()),
        fits=tuple(round(int((tokens <= edge).sum()) / share, 6) for edge in EDGES),
    )


def clusters(verdicts: pl.DataFrame, *, largest: int = LARGEST) -> ClusterPart:
    """Return of one shard how many rows are in clusters of each size, and its largest clusters.

    Args:
        verdicts: what dedup decided of the shard.
        largest: how many clusters to name.
    """
    shared = verdicts.filter(pl.col("cluster_size") > 1).select("cluster", "cluster_size")
    rows = shared.group_by("cluster_size").len().sort("cluster_size")
    named = shared.unique().sort("cluster_size", "cluster", descending=[True, False]).head(largest)
    return ClusterPart(
        rows={str(size): number for size, number in rows.iter_rows()},
        largest=tuple((size, name) for name, size in named.iter_rows()),
    )


def merged_clusters(parts: Iterable[ClusterPart], *, largest: int = LARGEST) -> ClusterView:
    """Return the clusters of all shards from what `clusters` found in each."""
    rows: dict[int, int] = {}
    named: set[tuple[int, str]] = set()
    for part in parts:
        named |= set(part.largest)
        for size, number in part.rows.items():
            rows[int(size)] = rows.get(int(size), 0) + number
    order = sorted(named, key=lambda cluster: (-cluster[0], cluster[1]))
    return ClusterView(
        by_size={str(size): rows[size] // size for size in sorted(rows)},
        largest=tuple(Cluster(id=name, size=size, rows=()) for size, name in order[:largest]),
    )


def samples(rejects: Sequence[Path], *, each: int = 3, characters: int = 600) -> tuple[Sample, ...]:
    """Return up to `each` dropped rows per source and reason, by smallest id, cut for display."""
    shown = ["id", "source", "file", "row", "stage", "reason", "detail"]
    best = pl.DataFrame(schema={name: REJECTS[name] for name in [*shown, "content"]})
    for path in rejects:
        for group in read_groups(path):  # what was dropped may be more than memory holds
            cut = group.select(*shown, pl.col("content").str.head(characters))
            best = (
                pl.concat([best, cut])
                .sort("source", "reason", "id", "file", "row")
                .filter(pl.int_range(pl.len()).over("source", "reason") < each)
            )
    return tuple(Sample(**row) for row in best.to_dicts())


def check_ledger(ledger: Ledger) -> Check:
    """Return whether all rows that were read ended somewhere: kept by the last stage or dropped by one."""
    first, last = ledger.stages[0].stage, ledger.stages[-1].stage
    read = sum(count.read.rows for count in ledger.of(first).values())
    kept = sum(count.kept.rows for count in ledger.of(last).values())
    dropped = sum(amount.rows for count in ledger.stages for amount in count.dropped.values())
    detail = f"{read} rows read, {kept + dropped} accounted for"
    return Check(name="every row has one fate", passed=read == kept + dropped, detail=detail)


def check_shares(shares: Sequence[Share], plan: MixPlan, *, longest: int) -> list[Check]:
    """Return per split whether each source reached its share, to within one example.

    Args:
        shares: what each source came to.
        plan: what was asked for.
        longest: the most tokens that an example has, which is what "one example" is by tokens.
    """
    allowed = 1 if plan.unit == "examples" else longest
    found = []
    for split in SPLITS:
        reached = {share.source: getattr(share, plan.unit) for share in shares if share.split == split}
        if not (total := sum(reached.values())):
            continue
        off = [abs(reached[name] - share * total) for name, share in plan.exact_shares().items()]
        parts = ", ".join(f"{name} {value / total:.4%}" for name, value in sorted(reached.items()))
        found.append(
            Check(name=f"shares of {split} by {plan.unit}", passed=max(off) <= allowed, detail=parts)
        )
    return found


def check_split(drawn: Iterable[pl.DataFrame]) -> Check:
    """Return whether any cluster of near-duplicates has examples in both train and eval.

    Args:
        drawn: the drawn examples, shard by shard, schema `fates.DRAWN`.
    """
    sides = pl.concat([rows.select("cluster", "split").unique() for rows in drawn]).unique()
    both = sides.height - sides["cluster"].n_unique()
    return Check(
        name="no near-duplicate in both train and eval", passed=both == 0, detail=f"{both} clusters in both"
    )


def check_targets(drawn: Iterable[pl.DataFrame]) -> Check:
    """Return whether every drawn example has something to learn."""
    least = [rows["completion_tokens"].min() for rows in drawn if rows.height]
    shortest = min((value for value in least if isinstance(value, int)), default=0)
    detail = f"the shortest completion has {shortest} tokens"
    return Check(name="every example has a trained token", passed=shortest > 0, detail=detail)
