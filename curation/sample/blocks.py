"""Blocks of a shard: what is rendered and sampled in pieces, so that a changed row costs its block alone."""

from hashlib import sha256
from itertools import pairwise

import numpy as np
import polars as pl

BLOCK_BYTES = 12 * 1024 * 1024
"""Most text of a block, about, where rows are of like length."""


def cut(wanted: pl.DataFrame) -> pl.DataFrame:
    """Return the wanted examples (schema `tables.WANTED`) by shard and in file order, with column `block`.

    Blocks are ranges of row numbers that begin at multiples of a power of two: a row that is wanted, or is
    not any more, changes its own block and leaves the borders of all others where they were. Only when the
    wanted text of a shard crosses a power of two, all its borders move.
    """
    span = pl.col("row").max() - pl.col("row").min() + 1
    most = span * BLOCK_BYTES // pl.col("bytes").sum().clip(1)
    shards = wanted.group_by("shard").agg(most=most)
    widths = [1 << max(most.bit_length() - 1, 0) for most in shards["most"]]
    return (
        wanted.join(shards.select("shard", width=pl.Series(widths, dtype=pl.Int64)), on="shard")
        .sort("shard", "row", "turn")
        .select(pl.exclude("width"), block=pl.col("row") // pl.col("width"))
    )


def prints(rows: pl.DataFrame, by: str) -> dict[int, str]:
    """Return the sha256 of what the rows of each group say, the column that makes it a group aside.

    Args:
        rows: with the rows of a group together.
        by: whole numbers that tell groups apart.
    """
    lines = rows.drop(by).write_csv(include_header=False).encode()
    ends = np.append(0, np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n")) + 1)
    groups = rows.group_by(by, maintain_order=True).len()
    firsts = np.append(0, np.cumsum(groups["len"].to_numpy().astype(np.int64)))
    digests = [sha256(lines[start:end]).hexdigest() for start, end in pairwise(ends[firsts].tolist())]
    return dict(zip(groups[by].to_list(), digests, strict=True))


NOTHING = sha256().hexdigest()
"""What `prints` would say of a group without rows."""
