"""How shards lie on disk: parquet whose bytes depend on the rows alone, written in bounded pieces."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

GROUP_BYTES = 16 * 1024 * 1024
"""Size of a row group in memory: what a reader must hold at once."""


class ShardWriter:
    """Appends frames of one schema to a parquet file, a row group at a time.

    zstd level 3, page checksums, no timestamps: equal rows in equal order give equal bytes. The file
    is complete only after `close`; leaving the block with an exception removes it, because a
    parquet writer that is merely closed leaves a valid file with a part of the rows.
    """

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        self.path = path
        self.rows = 0
        self._schema = schema
        self._pending: list[pl.DataFrame] = []
        self._arrow = pl.DataFrame(schema=schema).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
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
        self._pending.append(frame.select(self._schema.names()))
        self.rows += frame.height
        if sum(piece.estimated_size() for piece in self._pending) >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if any(piece.height for piece in self._pending):
            table = pl.concat(self._pending).to_arrow(compat_level=pl.CompatLevel.oldest())
            self._writer.write_table(table.cast(self._arrow), row_group_size=max(1, table.num_rows))
        self._pending = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        self._writer.close()
        self.path.unlink(missing_ok=True)


def write_shard(path: Path, frame: pl.DataFrame) -> None:
    """Write one frame as a shard, in row groups of about `GROUP_BYTES`."""
    step = max(1, int(frame.height * GROUP_BYTES / max(frame.estimated_size(), 1)))
    with ShardWriter(path, frame.schema) as shard:
        for start in range(0, frame.height, step):
            shard.append(frame.slice(start, step))


def read_groups(path: Path, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
    """Yield a shard's row groups as frames, in order; page checksums are verified on the way.

    Raises:
        OSError: if a page is not what its checksum says.
    """
    with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            table: pa.Table = file.read_row_group(group, columns=columns, use_threads=False)
            frame = pl.from_arrow(table)
            if isinstance(frame, pl.DataFrame):
                yield frame
