"""The copy of a version that a hub gets: the same rows in parquet whose pages follow the content.

Content-defined chunking cuts pages where the content says so, so that a hub that stores chunks once takes
only those that changed (pyarrow's `use_content_defined_chunking`). Published bytes stay as they are.
"""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from thinkmix.schemas.errors import StoreCorrupt

_BATCH = 4_096

_PAGES = {"min_chunk_size": 32 * 1024, "max_chunk_size": 128 * 1024, "norm_level": 0}
"""Sizes of pages in bytes before compression: about those of the chunks that a hub stores."""

_LEAST_ROWS, _MOST_ROWS, _CUT = 4_096, 65_536, 8_192
"""Rows of a row group: it ends where the digits of a row's id say so, as pages do by their content."""


def copy_rows(source: Path, target: Path) -> int:
    """Write a parquet file once more with content-defined chunks, compare it row for row, and count the rows.

    Raises:
        StoreCorrupt: if a row of the copy is another, which nobody is told was pushed.
    """
    with pq.ParquetFile(source) as file:
        options = {"compression": "zstd", "use_content_defined_chunking": _PAGES}
        with pq.ParquetWriter(target, file.schema_arrow, **options) as writer:
            for group in _groups(file.iter_batches(_BATCH)):
                writer.write_table(group, row_group_size=_MOST_ROWS)
    rows = 0
    for before, after in zip_longest(_batches(source), _batches(target)):
        if before is None or after is None or not before.equals(after):
            msg = f"the copy of {source.name} differs from it at row {rows} or later; nothing was pushed"
            raise StoreCorrupt(msg)
        rows += before.num_rows
    return rows


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield rows in groups that end at the same rows, whatever came or went before them."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        start = 0
        ids = batch.column(batch.schema.get_field_index("id")).to_pylist()
        for place, row in enumerate(ids):
            size += 1
            cut = size >= _LEAST_ROWS and int(row[:8], 16) % _CUT == 0
            if cut or size >= _MOST_ROWS:
                yield pa.Table.from_batches([*held, batch.slice(start, place + 1 - start)])
                held, size, start = [], 0, place + 1
        if start < len(ids):
            held.append(batch.slice(start))
    if held:
        yield pa.Table.from_batches(held)


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches of one size, whatever the row groups of the file are."""
    with pq.ParquetFile(path) as file:
        left: list[pa.RecordBatch] = []
        for batch in file.iter_batches(_BATCH):
            left.append(batch)
            if sum(one.num_rows for one in left) >= _BATCH:
                whole = pa.Table.from_batches(left).combine_chunks()
                yield whole.slice(0, _BATCH).to_batches()[0]
                left = whole.slice(_BATCH).to_batches()
        if left and sum(one.num_rows for one in left):
            yield pa.Table.from_batches(left).combine_chunks().to_batches()[0]
