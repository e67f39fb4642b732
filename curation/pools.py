"""What may be drawn: every example that dedup left, known by hashes and bytes until it is counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from schemas.errors import LedgerError

POOL = pl.Schema(
    {
        "id": pl.UInt64(),
        "low": pl.UInt64(),
        "cluster": pl.UInt64(),
        "turn": pl.Int32(),
        "shard": pl.Int32(),
        "row": pl.Int32(),
        "bytes": pl.Int32(),
        "part": pl.Int32(),
        "place": pl.Int32(),
        "prompt_tokens": pl.Int32(),
        "completion_tokens": pl.Int32(),
        "text_bytes": pl.Int32(),
        "thinking": pl.Boolean(),
        "lost": pl.Boolean(),
    }
)
"""One example: 128 bits of its row's id, 64 of its cluster, and where the raw row lies.

`bytes` is the text of the whole raw row. From `part` on all is null until the example was rendered: then it
is example `place` of rendered part `part`, or `lost` says that it cannot be one.
"""

COUNTED = pl.Schema(
    {
        "row": pl.Int64(),
        "turn": pl.Int64(),
        "place": pl.Int64(),
        "thinking": pl.Boolean(),
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
        "text_bytes": pl.Int64(),
        "think_tokens": pl.Int64(),
        "questions": pl.Int64(),
        "language": pl.String(),
        "pass_rate": pl.Float64(),
    }
)
"""The index of a rendered part: raw row and turn of each example, and how long prompt and completion are.

`think_tokens` are those of the completion's trace. What follows is of the whole row, for the audit: turns of
the user, the language (see `languages`), and how often the problem was solved, null where that is unknown.
"""

LOST = pl.Schema(
    {
        "row": pl.Int64(),
        "turn": pl.Int64(),
        "reason": pl.String(),
        "detail": pl.String(),
        "tokens": pl.Int64(),
    }
)
"""What was rendered and cannot be an example, with the tokens it has."""

Supervise = Literal["all", "last"]


@dataclass(frozen=True)
class Part:
    """One rendered part of a shard: the examples that one round of drawing asked for."""

    number: int
    index: Path
    """Shard of schema `COUNTED`."""
    lost: Path
    """Shard of schema `LOST`."""


def read_pool(
    keys: Path, verdicts: Path, parts: Sequence[Part], *, supervise: Supervise, shard: int
) -> pl.DataFrame:
    """Return the examples of one shard that may be drawn, schema `POOL`.

    Args:
        keys: shard of schema `normalize.KEYS`.
        verdicts: what dedup decided of it, row by row.
        parts: what was rendered of the shard so far.
        supervise: which assistant turns are examples.
        shard: number of the shard.

    Raises:
        LedgerError: if the verdicts are of other rows than the keys.
    """
    rows = pl.read_parquet(keys, columns=["id", "row", "text_bytes", "turns"])
    judged = pl.read_parquet(verdicts, columns=["id", "cluster", "reason"])
    check_same_rows(rows, judged)
    left = rows.hstack(judged.select("cluster", "reason")).filter(pl.col("reason").is_null())
    examples = left.select(
        bits("id", 0),
        bits("id", 16).alias("low"),
        bits("cluster", 0),
        supervised(supervise).alias("turn"),
        pl.lit(shard).alias("shard"),
        "row",
        pl.col("text_bytes").alias("bytes"),
    ).explode("turn")
    done = [_done(part) for part in parts]
    if not done:
        unknown = [pl.lit(None).alias(name) for name in POOL if name not in examples.columns]
        return examples.with_columns(unknown).cast(POOL)
    counted = pl.concat(done, how="diagonal")
    return examples.join(counted, on=["row", "turn"], how="left").select(POOL.names()).cast(POOL)


def check_same_rows(rows: pl.DataFrame, verdicts: pl.DataFrame) -> None:
    """Refuse verdicts that are not about these rows: a shifted one would silently keep a duplicate.

    Raises:
        LedgerError: if ids differ.
    """
    if not rows["id"].equals(verdicts["id"]):
        msg = "the verdicts of dedup are not about these rows"
        raise LedgerError(msg)


def supervised(supervise: Supervise) -> pl.Expr:
    """Return which of a row's `turns` are examples."""
    return pl.col("turns") if supervise == "all" else pl.col("turns").list.tail(1)


def _done(part: Part) -> pl.DataFrame:
    known = [name for name in COUNTED if name in POOL]
    index = pl.read_parquet(part.index, columns=known).with_columns(
        part=pl.lit(part.number), lost=pl.lit(value=False)
    )
    lost = pl.read_parquet(part.lost, columns=["row", "turn"]).with_columns(lost=pl.lit(value=True))
    return pl.concat([index, lost], how="diagonal")


def bits(column: str, start: int) -> pl.Expr:
    """Return 64 bits of an id that is written in hexadecimal, from digit `start` on."""
    return pl.col(column).str.slice(start, 16).str.to_integer(base=16, dtype=pl.UInt64)
