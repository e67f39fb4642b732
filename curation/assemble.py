"""Gathering the drawn examples into the published shards: a shuffle on disk, one shard in memory."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from curation.render import EXAMPLES
from curation.shards import ShardWriter, read_groups

SHARD_BYTES = 32 * 1024 * 1024
"""Most text in a published shard, about; what `gather` must hold, several times over, in memory."""

_ROWS_AT_ONCE = 512

_PART = pl.Schema({**EXAMPLES, "order": pl.UInt64(), "copy": pl.Int64()})

Batches = list[tuple[int, str]]
"""Record batches of a scattered file: number and sha256 of each."""

Places = Mapping[str, Batches]
"""Per published shard the batches of a scattered file that belong to it."""


def assign_shards(selection: pl.DataFrame, *, shard_bytes: int = SHARD_BYTES) -> pl.DataFrame:
    """Add column `target`: the name of the published shard that each drawn example goes to.

    Shards are ranges of a split's order, which is a hash: `train-00000-of-00004.parquet` and so on. Their
    number is a power of two, so that a shard holds between half of `shard_bytes` of text and all of it, more
    or less, and a few rows that come or go change the shards that they are in and no other.
    """
    named = []
    for (split,), rows in selection.group_by("split", maintain_order=True):
        wanted = -(-int(rows["text_bytes"].sum()) // shard_bytes)
        bits = max(wanted - 1, 0).bit_length()
        ranges = (
            rows["order"].to_numpy() >> np.uint64(64 - bits) if bits else np.zeros(rows.height, np.uint64)
        )
        # a few huge examples may leave ranges empty
        filled, number = np.unique(ranges, return_inverse=True)
        count = len(filled)
        names = pl.Series([f"{split}-{index:05d}-of-{count:05d}.parquet" for index in range(count)])
        named.append(rows.with_columns(target=names.gather(pl.Series(number))))
    return pl.concat(named) if named else selection.with_columns(target=pl.lit(None, dtype=pl.String))


def scatter(examples: Path, selection: pl.DataFrame, out: Path) -> Places:
    """Copy the drawn examples of one rendered part, sorted by published shard, into one Arrow file.

    One file however many shards there are, in batches that can be read by themselves.

    Args:
        examples: shard of schema `EXAMPLES`.
        selection: of this part only: place, copy, order, target; an example may be drawn several times.
        out: Arrow file to write.

    Returns:
        Which batches of it go to which published shard, by number and content.
    """
    places: dict[str, Batches] = {}
    position = written = 0
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    layout = pl.DataFrame(schema=_PART).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_file(sink, layout, options=options) as writer:
        for group in read_groups(examples):
            rows = group.with_columns(place=pl.int_range(pl.len(), dtype=pl.Int32) + position)
            position += group.height
            drawn = selection.join(rows, on="place", how="inner", maintain_order="left")
            for (target,), part in drawn.group_by("target", maintain_order=True):
                batch = _batch(part, layout)
                writer.write_batch(batch)
                content = sha256(batch.serialize()).hexdigest()
                places.setdefault(str(target), []).append((written, content))
                written += 1
    return places


def gather(parts: Sequence[tuple[Path, Batches]], out: Path) -> str:
    """Write one published shard and return the digest of its rows.

    Rows stand in the order of the draw. Copies of an example are told apart by `#2`, `#3`, … at
    the end of their id. The digest covers id, prompt and completion of every row in order, so it
    is the same whatever version of the file format holds them.

    Args:
        parts: scattered files, each with the batches that belong to this shard.
        out: parquet file to write.
    """
    rows = pl.concat(_read(parts), rechunk=True)
    order = rows.select("order", "id", "copy").with_row_index().sort("order", "id", "copy")["index"]
    suffix = pl.when(pl.col("copy") > 0).then(pl.format("#{}", pl.col("copy") + 1)).otherwise(pl.lit(""))
    content = sha256()
    with ShardWriter(out, EXAMPLES) as shard:
        # put in order a few at a time: all of them at once would be in memory twice
        for start in range(0, len(order), _ROWS_AT_ONCE):
            part = rows[order[start : start + _ROWS_AT_ONCE]].with_columns(id=pl.col("id") + suffix)
            shard.append(part)
            for row in part.select("id", "prompt", "completion").iter_rows():
                content.update("\0".join(row).encode())
                content.update(b"\1")
    return content.hexdigest()


def _batch(rows: pl.DataFrame, layout: pa.Schema) -> pa.RecordBatch:
    table = rows.select(_PART.names()).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(layout)
    return table.combine_chunks().to_batches()[0]


def _read(parts: Sequence[tuple[Path, Batches]]) -> Iterator[pl.DataFrame]:
    for path, batches in parts:
        with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as file:
            for number, _ in batches:
                frame = pl.from_arrow(file.get_batch(number))
                assert isinstance(frame, pl.DataFrame)
                yield frame
