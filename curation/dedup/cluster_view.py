"""The clusters of near-duplicates that a report shows: how many of each size, and the largest to read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from thinkmix.curation.files.shards import read_many
from thinkmix.schemas.record import Record
from thinkmix.schemas.report import Cluster, ClusterRow, ClusterView

LARGEST = 10
"""How many clusters are shown."""
MEMBERS = 6
"""How many rows of each."""
CHARACTERS = 400
"""How much of each row's text."""

_PLACE = ["cluster", "dropped", "source", "id", "file", "row"]
_READ = ["cluster", "reason", "source", "id", "file", "row"]


class ClusterPart(Record):
    """What one shard knows of clusters that may reach into others."""

    rows: Mapping[str, int]
    """Rows of the shard by the size of their cluster; single rows are no cluster."""
    largest: tuple[tuple[int, str], ...]
    """Size and id of the largest clusters that have a row here."""


class ClusterShard(NamedTuple):
    """One shard, and where its rows can be read."""

    part: ClusterPart
    outcomes: Path
    """Schema `tables.OUTCOMES`."""
    keys: Path
    """Schema `tables.KEYS`."""


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


def cluster_view(shards: Sequence[ClusterShard], *, largest: int = LARGEST) -> ClusterView:
    """Return the clusters of all shards, the largest with a few of their rows.

    Only shards that have a row of these are opened, and only texts that are shown are read.

    Args:
        shards: what `clusters` found in each, in any order.
        largest: how many clusters to show, and to how many `clusters` was asked to name.
    """
    rows: dict[int, int] = {}
    for shard in shards:
        for size, number in shard.part.rows.items():
            rows[int(size)] = rows.get(int(size), 0) + number
    named = {cluster for shard in shards for cluster in shard.part.largest}
    order = sorted(named, key=lambda cluster: (-cluster[0], cluster[1]))[:largest]
    shown = _members(shards, {name for _, name in order})
    return ClusterView(
        by_size={str(size): rows[size] // size for size in sorted(rows)},
        largest=tuple(Cluster(id=name, size=size, rows=shown.get(name, ())) for size, name in order),
    )


def _members(shards: Sequence[ClusterShard], names: set[str]) -> Mapping[str, tuple[ClusterRow, ...]]:
    """Return a few rows of each named cluster: kept ones first, then by source, id and place."""
    # a cluster that is among the largest of all is among the largest of every shard that it reaches
    shards = [shard for shard in shards if any(name in names for _, name in shard.part.largest)]
    found = [
        _best(rows.filter(pl.col("cluster").is_in(sorted(names))))
        for rows in read_many([shard.outcomes for shard in shards], _READ)
    ]
    if not found:
        return {}
    best = _best(pl.concat(found))
    texts = [
        pl.scan_parquet(shards[int(str(number))].keys, glob=False)
        .filter(pl.col("row").is_in(members["row"].implode()))
        .select("row", pl.col("text").str.head(CHARACTERS), shard=pl.lit(number, dtype=pl.Int32))
        .collect()
        for (number,), members in best.group_by("shard", maintain_order=True)
    ]
    told = best.join(pl.concat(texts), on=["shard", "row"], how="left", maintain_order="left")
    shown: dict[str, list[ClusterRow]] = {}
    for row in told.iter_rows(named=True):
        member = ClusterRow(
            id=row["id"], source=row["source"], outcome=row["reason"] or "kept", text=row["text"] or ""
        )
        shown.setdefault(row["cluster"], []).append(member)
    return {name: tuple(members) for name, members in shown.items()}


def _best(rows: pl.DataFrame) -> pl.DataFrame:
    ordered = rows.with_columns(dropped=pl.col("reason").is_not_null()).sort(_PLACE)
    return ordered.filter(pl.int_range(pl.len()).over("cluster") < MEMBERS).drop("dropped")
