"""What may be sampled: every example that dedup left, known by hashes and bytes until it is counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

import polars as pl

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.shards import read_many
from thinkmix.curation.tables import COUNTED
from thinkmix.schemas.errors import LedgerError

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

_LEFT = pl.Schema({name: POOL[name] for name in ("id", "low", "cluster", "turn", "shard", "row", "bytes")})
_KNOWN = ("shard", "row", "turn", *(name for name in POOL if name not in _LEFT))


@dataclass(frozen=True)
class PartFiles:
    """What is known of the examples of one rendered part, besides their text."""

    index: Blob
    """Shard of schema `COUNTED`."""
    lost: Blob
    """Shard of schema `LOST`."""


class RenderedPart(NamedTuple):
    """One rendered part of a shard: the examples that one round of sampling asked for."""

    number: int
    """Among all parts of a build: another file moves it, and nothing of what the part holds."""
    files: PartFiles


class PoolShard(NamedTuple):
    """One shard as sampling sees it."""

    number: int
    keys: Blob
    """Schema `tables.KEYS`."""
    verdicts: Blob
    """What dedup decided of it, row by row."""
    parts: Sequence[RenderedPart]
    """What was rendered of it so far."""


def read_pool(shards: Sequence[PoolShard]) -> pl.DataFrame:
    """Return the examples of a source's shards that may be sampled, schema `POOL`.

    Args:
        shards: in ascending order of their numbers.

    Raises:
        LedgerError: if the verdicts are of other rows than the keys.
    """
    keys = read_many([shard.keys.path for shard in shards], ["id", "row", "text_bytes", "turns"])
    verdicts = read_many([shard.verdicts.path for shard in shards], ["id", "cluster", "reason"])
    numbers = pl.Series([shard.number for shard in shards], dtype=pl.Int32)
    left = [pl.DataFrame(schema=_LEFT)]
    for rows, judged in zip_longest(keys, verdicts):
        check_same_rows(rows, judged)
        both = rows.hstack(judged.select("cluster", "reason")).filter(pl.col("reason").is_null())
        left.append(
            both.select(
                bits("id", 0),
                bits("id", 16).alias("low"),
                bits("cluster", 0),
                pl.col("turns").alias("turn"),
                numbers.gather(both["shard"]).alias("shard"),
                "row",
                pl.col("text_bytes").alias("bytes"),
            )
            .explode("turn")
            .cast(_LEFT)
        )
    examples = pl.concat(left)
    counted = _counted([(shard.number, part) for shard in shards for part in shard.parts])
    return examples.join(counted, on=["shard", "row", "turn"], how="left").select(POOL.names()).cast(POOL)


def check_same_rows(rows: pl.DataFrame | None, verdicts: pl.DataFrame | None) -> None:
    """Refuse verdicts that are not about these rows: a shifted one would silently keep a duplicate.

    Raises:
        LedgerError: if ids differ.
    """
    if rows is None or verdicts is None or not rows["id"].equals(verdicts["id"]):
        msg = "the verdicts of dedup are not about these rows"
        raise LedgerError(msg)


def _counted(parts: Sequence[tuple[int, RenderedPart]]) -> pl.DataFrame:
    """Return what is known of rendered examples; each part comes with the number of its shard."""
    shards, numbers = (
        pl.Series(values, dtype=pl.Int32)
        for values in ([shard for shard, _ in parts], [part.number for _, part in parts])
    )
    found = [pl.DataFrame(schema={name: POOL[name] for name in _KNOWN})]
    for lost, paths, columns in (
        (False, [part.files.index.path for _, part in parts], [name for name in COUNTED if name in POOL]),
        (True, [part.files.lost.path for _, part in parts], ["row", "turn"]),
    ):
        for rows in read_many(paths, columns):
            place = rows["shard"]
            told = rows.with_columns(shard=shards.gather(place), lost=pl.lit(lost))
            if not lost:  # what is lost is example of no part
                told = told.with_columns(part=numbers.gather(place))
            found.append(told.cast({name: POOL[name] for name in told.columns}))
    return pl.concat(found, how="diagonal")


def bits(column: str, start: int) -> pl.Expr:
    """Return 64 bits of an id that is written in hexadecimal, from digit `start` on."""
    return pl.col(column).str.slice(start, 16).str.to_integer(base=16, dtype=pl.UInt64)
