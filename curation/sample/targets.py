"""Which published shard each sampled example goes to."""

import numpy as np
import polars as pl

SHARD_BYTES = 8 * 1024 * 1024
"""Most text in a published shard, about, of a mixture that is not huge.

A run in which a few rows change writes the shards that hold them anew, so they are small.
"""

MANY = 256
"""Shards from which on they grow, to four times that size, before there are more of them."""


def assign_shards(selection: pl.DataFrame, *, shard_bytes: int = SHARD_BYTES) -> pl.DataFrame:
    """Add column `target`: the name of the published shard that each sampled example goes to.

    Shards are ranges of a split's order, which is a hash: `train-00000-of-00004.parquet` and so on. Their
    number is a power of two, so that a shard holds between half of `shard_bytes` of text and all of it, more
    or less, and a few rows that come or go change the shards that they are in and no other. More than `MANY`
    shards hold up to four times as much: `gather` has a shard in memory, several times over.
    """
    named = []
    for (split,), rows in selection.group_by("split", maintain_order=True):
        bits = max(_wanted(int(rows["text_bytes"].sum()), shard_bytes) - 1, 0).bit_length()
        ranges = (
            rows["order"].to_numpy() >> np.uint64(64 - bits) if bits else np.zeros(rows.height, np.uint64)
        )
        # a few huge examples may leave ranges empty
        filled, number = np.unique(ranges, return_inverse=True)
        count = len(filled)
        names = pl.Series([f"{split}-{index:05d}-of-{count:05d}.parquet" for index in range(count)])
        named.append(rows.with_columns(target=names.gather(pl.Series(number))))
    return pl.concat(named) if named else selection.with_columns(target=pl.lit(None, dtype=pl.String))


def _wanted(text: int, shard_bytes: int) -> int:
    """Return how many shards so many bytes of text want."""
    return max(min(-(-text // shard_bytes), MANY), -(-text // (4 * shard_bytes)))
