"""The dropped rows of a slice, whole, so that they can be opened."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from thinkmix.curation.files.shards import GROUP_BYTES, ShardWriter, bounded_lists, read_groups
from thinkmix.curation.read.read import RawRow, RawSlice, raw_json, read_rows
from thinkmix.curation.tables import REJECTS
from thinkmix.schemas.errors import LedgerError

_ROWS_AT_ONCE = 256


def keep_rejects(
    piece: RawSlice, max_row_bytes: int, quarantine: Path, later: pl.DataFrame, out: Path
) -> None:
    """Write the dropped rows of a slice, whole; those that validation did not drop are read again.

    Args:
        piece: the slice.
        max_row_bytes: most bytes of text that a row may hold.
        quarantine: what validation dropped, schema `tables.REJECTS`.
        later: what other stages dropped.
        out: file to write.

    Raises:
        SourceError: if that file is gone or changed.
    """
    numbers = later["row"].to_numpy()
    opened = read_rows(piece, max_row_bytes=max_row_bytes, rows=numbers) if len(numbers) else ()
    write_rejects(later, opened, quarantine=quarantine, out=out)


def write_rejects(later: pl.DataFrame, rows: Iterable[RawRow], *, quarantine: Path, out: Path) -> None:
    """Write all dropped rows of a slice, whole, into one shard of schema `REJECTS`.

    Args:
        later: what `dropped_later` says of the slice.
        rows: the raw rows that it names, in file order.
        quarantine: the rows that validation dropped; they come first.
        out: where to write.

    Raises:
        LedgerError: if there are fewer rows than were dropped.
    """
    done = 0
    with ShardWriter(out, REJECTS) as shard:
        for group in read_groups(quarantine):
            shard.append(group)
        for texts in bounded_lists(map(raw_json, rows), len, count=_ROWS_AT_ONCE, total=GROUP_BYTES):
            shard.append(later.slice(done, len(texts)).with_columns(content=pl.Series(texts)))
            done += len(texts)
    if done != later.height:
        msg = f"{later.height} dropped rows were to be kept whole, but {done} were read"
        raise LedgerError(msg)
