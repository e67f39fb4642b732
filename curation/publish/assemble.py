"""Writing the sampled examples into the published shards: a shuffle on disk, one shard in memory."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import polars as pl
import pyarrow as pa

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.shards import GROUP_BYTES, ShardWriter, bounded_lists, read_tables
from thinkmix.curation.tables import EXAMPLES, FLAGS, with_flags, without_null_flags

_ROWS_AT_ONCE = 512
_GROUPS_AT_ONCE = 16
_AT_ONCE = 3 * GROUP_BYTES
"""Bytes of a part that are sorted by shard at once, or more: the less, the smaller are its batches."""

_PLACED = pl.Schema({"order": pl.UInt64(), "copy": pl.Int64()})

Batches = list[tuple[int, int, int, str]]
"""Batches of a partitioned file: where each begins, its bytes there and unpacked, and its sha256."""

Places = Mapping[str, Batches]
"""Per published shard the batches of a partitioned file that belong to it."""


def regions(partitioned: Path, batches: Batches) -> list[Blob]:
    """Return batches of a partitioned file as arguments of the work that writes a shard of them."""
    return [Blob(partitioned, content, (at, size, unpacked)) for at, size, unpacked, content in batches]


def partition(
    examples: Path, selection: pl.DataFrame, out: Path, flags: pl.DataFrame | None = None
) -> Places:
    """Copy the sampled examples of one rendered part, sorted by published shard, into one file.

    One file however many shards there are, in batches that can be read by themselves. Each is packed as a
    whole: an Arrow file packs column by column, which takes twice as long and three times the room, because
    a batch is small and the text of its messages stands in its prompts once more.

    Args:
        examples: shard of schema `EXAMPLES`.
        selection: of this part only: place, copy, order, target; an example may be sampled several times.
        out: file to write.
        flags: of this part only, if rows are flagged: place, flags and checks of the examples that have some.

    Returns:
        Which batches of it go to which published shard, by place and content.
    """
    places: dict[str, Batches] = {}
    position, codec, layout = 0, _codec(), _layout(flagged=flags is not None)
    kept = pa.schema([layout.field(name) for name in EXAMPLES])
    with out.open("wb") as parts:
        groups = read_tables(examples)
        for pieces in bounded_lists(
            groups, lambda group: group.nbytes, count=_GROUPS_AT_ONCE, total=_AT_ONCE
        ):
            group = pa.concat_tables(pieces)
            place = pl.col("place") - position
            sampled = selection.filter(place.is_between(0, group.num_rows - 1)).with_columns(place)
            position += group.num_rows
            rows = group.cast(kept).combine_chunks()
            first = position - group.num_rows
            for mine in sampled.partition_by("target", maintain_order=True):
                target = mine["target"][0]
                batch = _batch(rows, mine, layout, _flags(mine, first, flags)).serialize()
                packed = codec.compress(batch)
                at, content = parts.tell(), sha256(packed).hexdigest()
                places.setdefault(target, []).append((at, packed.size, batch.size, content))
                parts.write(packed)
    return places


def publish_shard(parts: Sequence[Blob], out: Path, *, flagged: bool = False) -> str:
    """Write one published shard and return the digest of its rows.

    Rows stand in the order of sampling. Copies of an example are told apart by `#2`, `#3`, … at
    the end of their id. The digest covers id, prompt and completion of every row in order, so it
    is the same whatever version of the file format holds them.

    Args:
        parts: the batches that belong to this shard, as `regions` states them.
        out: parquet file to write.
        flagged: whether the rows have flags.
    """
    rows = pl.from_arrow(pa.Table.from_batches(_read(parts, flagged=flagged)), rechunk=True)
    assert isinstance(rows, pl.DataFrame)
    order = rows.select("order", "id", "copy").with_row_index().sort("order", "id", "copy")["index"]
    suffix = pl.when(pl.col("copy") > 0).then(pl.format("#{}", pl.col("copy") + 1)).otherwise(pl.lit(""))
    content = sha256()
    with ShardWriter(out, with_flags(EXAMPLES, flagged=flagged)) as shard:
        # put in order a few at a time: all of them at once would be in memory twice
        for start in range(0, len(order), _ROWS_AT_ONCE):
            part = rows[order[start : start + _ROWS_AT_ONCE]].with_columns(id=pl.col("id") + suffix)
            shard.append(part)
            for row in part.select("id", "prompt", "completion").iter_rows():
                content.update("\0".join(row).encode())
                content.update(b"\1")
    return content.hexdigest()


def _flags(sampled: pl.DataFrame, first: int, flags: pl.DataFrame | None) -> list[pa.Array]:
    """Return the flags of sampled examples as columns; `sampled` counts places from `first` on."""
    if flags is None:
        return []
    places = sampled.select(place=pl.col("place").cast(pl.Int64) + first)
    joined = places.join(flags, on="place", how="left", maintain_order="left")
    filled = without_null_flags(joined.select(FLAGS.names()))
    return list(filled.to_arrow(compat_level=pl.CompatLevel.oldest()).columns)


def _batch(
    examples: pa.Table, sampled: pl.DataFrame, layout: pa.Schema, flags: Sequence[pa.Array]
) -> pa.RecordBatch:
    """Return the sampled examples; taken, not cut out, so that the bytes depend on these rows alone."""
    rows = examples.take(sampled["place"].to_arrow())
    columns = [*rows.columns, *flags, sampled["order"].to_arrow(), sampled["copy"].to_arrow()]
    return pa.table(columns, schema=layout).combine_chunks().to_batches()[0]


def _read(parts: Sequence[Blob], *, flagged: bool) -> Iterator[pa.RecordBatch]:
    codec, layout = _codec(), _layout(flagged=flagged)
    for path, batches in groupby(parts, key=lambda part: part.path):
        with path.open("rb") as file:
            for batch in batches:
                at, size, unpacked = batch.region
                file.seek(at)
                yield pa.ipc.read_record_batch(codec.decompress(file.read(size), unpacked), layout)


def _codec() -> pa.Codec:
    return pa.Codec("zstd", 1)


def _layout(*, flagged: bool) -> pa.Schema:
    part = {**with_flags(EXAMPLES, flagged=flagged), **_PLACED}
    return pl.DataFrame(schema=part).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
