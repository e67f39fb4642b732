"""Gathering the drawn examples into the published shards: a shuffle on disk, one shard in memory."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import polars as pl
import pyarrow as pa

from curation.render import EXAMPLES
from curation.shards import ShardWriter, read_groups

SHARD_BYTES = 32 * 1024 * 1024
"""Text in one published shard; what `gather` must hold, several times over, in memory."""

_ROWS_AT_ONCE = 512

_PART = pl.Schema({**EXAMPLES, "order": pl.UInt64(), "copy": pl.Int64()})

Places = Mapping[str, list[int]]
"""Per published shard the record batches of a scattered file that belong to it."""


def assign_shards(selection: pl.DataFrame, *, shard_bytes: int = SHARD_BYTES) -> pl.DataFrame:
    """Add column `target`: the name of the published shard that each drawn example goes to.

    Shards are consecutive runs of a split's order, `train-00000-of-00003.parquet` and so on, each
    of about `shard_bytes` of text.
    """
    named = []
    for (split,), rows in selection.group_by("split", maintain_order=True):
        number = rows["text_bytes"].cum_sum().shift(1, fill_value=0) // shard_bytes
        # an example may span a whole shard
        number = (number.diff().fill_null(0) > 0).cast(pl.Int64).cum_sum()
        count = int(number[-1]) + 1
        names = pl.Series([f"{split}-{index:05d}-of-{count:05d}.parquet" for index in range(count)])
        named.append(rows.with_columns(target=names.gather(number)))
    return pl.concat(named) if named else selection.with_columns(target=pl.lit(None, dtype=pl.String))


def scatter(examples: Path, selection: pl.DataFrame, out: Path) -> Places:
    """Copy the drawn examples of one rendered part, sorted by published shard, into one Arrow file.

    One file however many shards there are, in batches that can be read by themselves.

    Args:
        examples: shard of schema `EXAMPLES`.
        selection: of this part only: place, copy, order, target; an example may be drawn several times.
        out: Arrow file to write.

    Returns:
        Which batches of it go to which published shard.
    """
    places: dict[str, list[int]] = {}
    position = written = 0
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    layout = pl.DataFrame(schema=_PART).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_file(sink, layout, options=options) as writer:
        for group in read_groups(examples):
            rows = group.with_columns(place=pl.int_range(pl.len(), dtype=pl.Int32) + position)
            position += group.height
            drawn = selection.join(rows, on="place", how="inner", maintain_order="left")
            for (target,), part in drawn.group_by("target", maintain_order=True):
                writer.write_batch(_batch(part, layout))
                places.setdefault(str(target), []).append(written)
                written += 1
    return places


def gather(parts: Sequence[tuple[Path, Sequence[int]]], out: Path) -> str:
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


def _read(parts: Sequence[tuple[Path, Sequence[int]]]) -> Iterator[pl.DataFrame]:
    for path, batches in parts:
        with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as file:
            for number in batches:
                frame = pl.from_arrow(file.get_batch(number))
                assert isinstance(frame, pl.DataFrame)
                yield frame
