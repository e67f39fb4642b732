"""Gathering the drawn examples into the published shards: a shuffle on disk, one shard in memory."""

from collections.abc import Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import polars as pl

from curation.render import EXAMPLES
from curation.shards import ShardWriter, read_groups, write_shard

SHARD_BYTES = 128 * 1024 * 1024
"""Text in one published shard; what `gather` must hold, several times over, in memory."""

_PART = pl.Schema({**EXAMPLES, "order": pl.UInt64(), "copy": pl.Int64()})


def assign_shards(selection: pl.DataFrame, *, shard_bytes: int = SHARD_BYTES) -> pl.DataFrame:
    """Add column `target`: the name of the published shard that each drawn example goes to.

    Shards are consecutive runs of a split's order, `train-00000-of-00003.parquet` and so on, each
    of about `shard_bytes` of text.
    """
    named = []
    for (split,), rows in selection.group_by("split", maintain_order=True):
        number = rows["text_bytes"].cum_sum().shift(1, fill_value=0) // shard_bytes
        number = (
            (number.diff().fill_null(0) > 0).cast(pl.Int64).cum_sum()
        )  # an example may span a whole shard
        count = int(number[-1]) + 1
        target = [f"{split}-{index:05d}-of-{count:05d}.parquet" for index in number.to_list()]
        named.append(rows.with_columns(target=pl.Series(target, dtype=pl.String)))
    return pl.concat(named) if named else selection.with_columns(target=pl.lit(None, dtype=pl.String))


def scatter(examples: Path, selection: pl.DataFrame, out: Path) -> None:
    """Copy one rendered shard's drawn examples into a part per published shard.

    Args:
        examples: shard of schema `EXAMPLES`.
        selection: of this shard only: row, copy, order, target; a row may be drawn several times.
        out: folder for the parts, each named like its target.
    """
    position = 0
    with ExitStack() as stack:
        parts: dict[str, ShardWriter] = {}
        for group in read_groups(examples):
            rows = group.with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64) + position)
            position += group.height
            drawn = selection.join(rows, on="row", how="inner", maintain_order="left")
            for (target,), part in drawn.group_by("target", maintain_order=True):
                name = str(target)
                if name not in parts:
                    parts[name] = stack.enter_context(ShardWriter(out / name, _PART))
                parts[name].append(part)


def gather(parts: Sequence[Path], out: Path) -> str:
    """Write one published shard from its parts and return the digest of its rows.

    Rows stand in the order of the draw. Copies of an example are told apart by `#2`, `#3`, … at
    the end of their id. The digest covers id, prompt and completion of every row in order, so it
    is the same whatever version of the file format holds them.
    """
    rows = pl.concat([pl.read_parquet(part) for part in parts]).sort("order", "id", "copy")
    suffix = pl.when(pl.col("copy") > 0).then(pl.format("#{}", pl.col("copy") + 1)).otherwise(pl.lit(""))
    rows = rows.with_columns(id=pl.col("id") + suffix).select(EXAMPLES.names())
    write_shard(out, rows)
    content = sha256()
    for row in rows.select("id", "prompt", "completion").iter_rows():
        content.update("\0".join(row).encode())
        content.update(b"\1")
    return content.hexdigest()
