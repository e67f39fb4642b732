"""Blocks of a shard: what is rendered and drawn in pieces, so that a changed row costs its block alone."""

from hashlib import sha256

import polars as pl

BLOCK_BYTES = 12 * 1024 * 1024
"""Most text of a block, about, where rows are of like length."""


def cut(wanted: pl.DataFrame) -> pl.DataFrame:
    """Add column `block` to the examples that are wanted of one shard (schema `mix.WANTED`), in file order.

    Blocks are ranges of row numbers that begin at multiples of a power of two: a row that is wanted, or is
    not any more, changes its own block and leaves the borders of all others where they were. Only when the
    wanted text of the shard crosses a power of two, all borders move.
    """
    rows = wanted["row"]
    span = (int(rows.max()) - int(rows.min()) + 1) if len(rows) else 0  # type: ignore[arg-type]
    most = BLOCK_BYTES * span // max(int(wanted["bytes"].sum()), 1)
    return wanted.with_columns(block=pl.col("row") // (1 << max(most.bit_length() - 1, 0)))


def prints(rows: pl.DataFrame, by: str) -> dict[int, str]:
    """Return the sha256 of what the rows of each value of `by` say, without that column."""
    return {
        int(str(value)): print_of(mine.drop(by)) for (value,), mine in rows.group_by(by, maintain_order=True)
    }


def print_of(rows: pl.DataFrame) -> str:
    """Return the sha256 of what rows say, whatever their columns lie in."""
    return sha256(rows.write_csv().encode()).hexdigest()
