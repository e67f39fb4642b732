"""How shards lie on disk: parquet whose bytes depend on the rows alone, written in bounded pieces."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from thinkmix.curation.text.sizes import text_sizes

Item = TypeVar("Item")

GROUP_BYTES = 16 * 1024 * 1024
"""Size of a row group in memory: what a reader must hold at once."""

ROWS_AT_ONCE = 1 << 17
"""Rows of many small shards that are read at once: to open a file takes as long as to read a thousand."""

_ROW_BYTES = 64  # what a row's numbers take, roughly; only text makes rows differ


class ShardWriter:
    """Appends frames of one schema to a parquet file, a row group at a time.

    zstd level 3, page checksums, no timestamps, and row groups that end where the text of their
    rows reaches `GROUP_BYTES`: equal rows in equal order give equal bytes, in whatever pieces they
    were appended. The file is complete only after `close`; leaving the block with an exception
    removes it, because a parquet writer that is merely closed leaves a valid file with a part of
    the rows.
    """

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        self.path = path
        self.rows = 0
        self._schema = schema
        self._pending: list[pa.Table] = []
        self._size = 0
        self._arrow = _arrow_schema(tuple(schema.items()))
        self._writer = pq.ParquetWriter(
            path,
            self._arrow,
            compression="zstd",
            compression_level=3,
            write_page_checksum=True,
            store_schema=False,  # readers then see plain strings and lists instead of polars' large ones
        )

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows; they reach the disk when a row group is full."""
        if frame.columns != self._schema.names():  # a selection costs more than a small frame
            frame = frame.select(self._schema.names())
        rows = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        sizes = np.cumsum(text_sizes(rows) + _ROW_BYTES)
        start, before = 0, -self._size
        self.rows += frame.height
        while (end := int(np.searchsorted(sizes, before + GROUP_BYTES)) + 1) <= len(sizes):
            self._pending.append(rows.slice(start, end - start))
            self._flush()
            start, before = end, int(sizes[end - 1])
        self._pending.append(rows.slice(start))
        self._size = (int(sizes[-1]) if len(sizes) else 0) - before

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if any(piece.num_rows for piece in self._pending):
            table = pa.concat_tables(piece.cast(self._arrow) for piece in self._pending)
            # in one chunk, because pages end where chunks do
            self._writer.write_table(table.combine_chunks(), row_group_size=max(1, table.num_rows))
        self._pending = []
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            self.close()
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        with suppress(OSError, pa.ArrowException):  # a full disk refuses the footer, too
            self._writer.close()
        self.path.unlink(missing_ok=True)


@lru_cache
def _arrow_schema(columns: tuple[tuple[str, pl.DataType], ...]) -> pa.Schema:
    frame = pl.DataFrame(schema=dict(columns))
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest()).schema


def read_many(paths: Sequence[Path], columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield columns that shards have in common, some `ROWS_AT_ONCE` at a time, in order; none are in vain.

    Args:
        paths: the shards.
        columns: what to read; besides them `shard` says of each row which of `paths` holds it.
    """
    sizes = [(place, path, pq.read_metadata(path).num_rows) for place, path in enumerate(paths)]
    some = (size for size in sizes if size[2])
    for part in bounded_lists(some, lambda size: size[2], count=len(sizes), total=ROWS_AT_ONCE):
        places, files, rows = zip(*part, strict=True)
        shards = pl.scan_parquet(list(files), glob=False, hive_partitioning=False, extra_columns="ignore")
        read = shards.select(columns).collect()
        yield read.with_columns(shard=pl.Series(np.repeat(np.array(places, np.int32), rows)))


def bounded_lists(
    items: Iterable[Item], size: Callable[[Item], int], *, count: int, total: int
) -> Iterator[list[Item]]:
    """Yield the items in lists of at most `count`, each ended by the item that brings it to `total` size."""
    batch: list[Item] = []
    reached = 0
    for item in items:
        batch.append(item)
        reached += size(item)
        if len(batch) == count or reached >= total:
            yield batch
            batch, reached = [], 0
    if batch:
        yield batch


def write_shard(path: Path, frame: pl.DataFrame) -> None:
    """Write one frame as a shard, in row groups of about `GROUP_BYTES`."""
    with ShardWriter(path, frame.schema) as shard:
        shard.append(frame)


def read_groups(path: Path, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
    """Yield a shard's row groups as frames, in order; page checksums are verified on the way.

    Raises:
        OSError: if a page is not what its checksum says.
    """
    for table in read_tables(path, columns):
        frame = pl.from_arrow(table)
        if isinstance(frame, pl.DataFrame):
            yield frame


def read_tables(path: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yield a shard's row groups as Arrow reads them, in order, verified like `read_groups`.

    Raises:
        OSError: if a page is not what its checksum says.
    """
    with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=columns, use_threads=False)


def height(path: Path) -> int:
    """Return how many rows a shard has."""
    return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
