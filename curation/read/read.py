"""Raw rows out of files: parquet, JSON and tables of text, streamed in pieces that one worker can hold."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic_core import PydanticCustomError

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.encodings import SAMPLE
from thinkmix.curation.read.jsontext import plain_json, read_json
from thinkmix.curation.read.objects import Objects
from thinkmix.curation.read.tables import table_rows
from thinkmix.curation.read.text_lines import text_pieces
from thinkmix.curation.text.sizes import text_sizes
from thinkmix.schemas.errors import SourceCorrupt, SourceError
from thinkmix.schemas.files import READABLE, kind_of
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import MAX_DEPTH, Record, Unreadable, depth, fault

Numbers = NDArray[np.int64]
Found = TypeVar("Found")
NOTHING: Mapping[int, str] = MappingProxyType({})

BATCH_ROWS = 4096
BATCH_BYTES = 8 * 1024 * 1024
"""Rows that are decoded at a time, and what they take if they are of their slice's average size."""

DECODED_BYTES = 512 * 1024 * 1024
"""Most memory that a batch of decoded rows may take if its columns' dictionaries hold one value each."""

SLICE_BYTES = 256 * 1024 * 1024
SLICE_ROWS = 50_000

_BOMB_FOLD = 1_000
_BOMB_BYTES = 64 * 1024 * 1024
_OBJECT_BYTES = 32 * 1024 * 1024
_SHOWN_VALUE = 10_000
_LEFT_OUT = 100_000
_BUFFER_BYTES = 1024 * 1024
_HEADER_BYTES = 16
_NEXT_I32 = 0x15
_ESCAPED = 6  # JSON may write one byte of text as six: \u003c


class RawSlice(Record):
    """One worker's share of a file: consecutive row groups of a parquet file, or a whole text file."""

    file: str
    """Path inside the dataset."""
    content: Blob
    """The whole file."""
    row_groups: tuple[int, int] | None = None
    """First and one past the last row group; unset for text files."""
    first_row: int = 0
    rows: int | None = None
    """Rows promised by the parquet footer; unknown for text files until they are read."""
    rows_in: str | None = None
    """Keys, joined by dots, that lead to the list of rows in a file that holds one JSON object."""
    encoding: str | None = None
    """Of a file of text, where it is not UTF-8."""

    @property
    def path(self) -> Path:
        """Return where the file lies."""
        return self.content.path

    def check_unchanged(self) -> None:
        """Refuse a file that somebody wrote to after it was hashed.

        Raises:
            SourceCorrupt: naming the file.
        """
        if self.content.changed:
            msg = f"{self.path} changed during the build; build again"
            raise SourceCorrupt(msg)

    @property
    def label(self) -> str:
        """Name the slice for progress and errors."""
        return self.file if self.row_groups is None else f"{self.file} rows {self.first_row}+"


class RawRow(NamedTuple):
    """A row as its file states it, or the reason why it is not even that."""

    number: int
    values: Mapping[str, Any]
    fault: PydanticCustomError | None
    text: str
    """The raw line, where there is one and it could not be read; empty otherwise."""
    padding: int = 0
    """Keys that its author did not write and its file format added, each with null; they are not in `values`.

    Keys that a turn lacks, as most turns lack `tool_calls`, are not counted.
    """
    foreign: bytes = b""
    """The beginning of a row of text that is not UTF-8, of which something could not be read."""


def raw_json(row: RawRow) -> str:
    """Return a raw row as JSON text that any reader can open, lone surrogates escaped; its line if unread."""
    return row.text or plain_json(dict(row.values))


def slices(
    file: str, content: Blob, rows_in: str | None = None, encoding: str | None = None
) -> tuple[RawSlice, ...]:
    """Cut a file into slices of about `SLICE_BYTES` or `SLICE_ROWS`, along its row groups.

    A row group is not cut, however large: it is read in bounded memory, and whoever starts in its middle
    must decode all that stands before, which is half the work of validating it.

    Raises:
        SourceError: if the file is not of a kind that can be read, its footer is broken, or a column
            of it unpacks to a suspicious multiple of its size.
    """
    kind = kind_of(file)
    if kind is None:
        msg = f"{file}: not a kind of file that can be read, which are {READABLE}"
        raise SourceError(msg)
    if rows_in is not None and kind != "json":
        msg = f"{file}: `rows: {rows_in}` names a list in a JSON file, which this is not; leave `rows` out"
        raise SourceError(msg)
    if kind != "parquet":
        return (RawSlice(file=file, content=content, rows_in=rows_in, encoding=encoding),)
    if encoding is not None:
        msg = f"{file}: `encoding: {encoding}` is for files of text, which this is not; leave `encoding` out"
        raise SourceError(msg)
    try:
        footer = pq.read_metadata(content.path)
    except (OSError, ValueError) as error:
        msg = f"{file}: not a parquet file ({error})"
        raise SourceError(msg) from None
    cuts, rows, size = [0], 0, 0
    for group in range(footer.num_row_groups):
        meta = footer.row_group(group)
        _refuse_bomb(file, meta)
        if rows and (rows + meta.num_rows > SLICE_ROWS or size + meta.total_byte_size > SLICE_BYTES):
            cuts.append(group)
            rows = size = 0
        rows, size = rows + meta.num_rows, size + meta.total_byte_size
    cuts.append(footer.num_row_groups)
    found, first_row = [], 0
    for start, stop in pairwise(cuts):
        rows = sum(footer.row_group(group).num_rows for group in range(start, stop))
        found.append(
            RawSlice(file=file, content=content, row_groups=(start, stop), first_row=first_row, rows=rows)
        )
        first_row += rows
    return tuple(found)


class RawBatch(NamedTuple):
    """Consecutive rows of a parquet file, in columns."""

    piece: RawSlice
    first: int
    """Number of the first row in the file."""
    columns: pa.RecordBatch

    def rows(self, places: Numbers | None = None, *, max_row_bytes: int) -> Iterator[RawRow]:
        """Yield all rows as objects, or those at `places` in the batch.

        Raises:
            SourceError: if memory does not suffice for one of them.
        """
        columns, numbers = self.columns, np.arange(self.columns.num_rows)
        if places is not None:
            columns, numbers = columns.take(pa.array(places)), places
        try:
            yield from _batch_rows(columns, (self.first + numbers).tolist(), max_row_bytes)
        except _BROKEN as error:
            raise _broken(self.piece, self.first, error) from None


def read_batches(piece: RawSlice, rows: Numbers | None = None) -> Iterator[RawBatch]:
    """Yield a slice of a parquet file batch by batch, in file order and bounded memory.

    Args:
        piece: the slice.
        rows: numbers of rows in the file, ascending; batches without any of them are left out.

    Raises:
        SourceError: if the file is broken.
    """
    first = piece.first_row
    try:
        # a column chunk is not read whole: with few and large row groups it would be gigabytes
        with pq.ParquetFile(
            piece.path, page_checksum_verification=True, pre_buffer=False, buffer_size=_BUFFER_BYTES
        ) as file:
            groups = range(*(piece.row_groups or (0, 0)))
            step = _rows_at_once(piece.path, file.metadata, groups)
            for group in groups:
                last = first + file.metadata.row_group(group).num_rows
                if not _any_between(rows, first, last):
                    first = last
                    continue
                for columns in file.iter_batches(step, row_groups=[group], use_threads=False):
                    if _any_between(rows, first, first + columns.num_rows):
                        yield RawBatch(piece, first, columns)
                    first += columns.num_rows
                    if not _any_between(rows, first, last):
                        break
                first = last
    except _BROKEN as error:
        raise _broken(piece, first, error) from None


def joined(batches: Iterable[RawBatch]) -> Iterator[RawBatch]:
    """Yield batches joined to about `BATCH_BYTES`: row groups may be small, or may be decoded bit by bit."""
    held: list[RawBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows, size = rows + batch.columns.num_rows, size + batch.columns.nbytes
        if rows >= BATCH_ROWS or size >= BATCH_BYTES:
            yield _join(held)
            held, rows, size = [], 0, 0
    if held:
        yield _join(held)


def around(batch: RawBatch, left_out: Mapping[int, str], only: range | None) -> Iterator[RawBatch | RawRow]:
    """Yield a batch in parts: what stands between the rows that are left out, and what stands for these.

    Args:
        batch: consecutive rows.
        left_out: numbers in the file of rows that are not worked on, each with the reason in words.
        only: numbers of the rows wanted; unset means all.
    """
    last = batch.first + batch.columns.num_rows
    wanted = range(batch.first, last)
    if only is not None:
        wanted = range(max(batch.first, only.start), min(last, only.stop))
    start = wanted.start
    for number in [*sorted(row for row in left_out if row in wanted), wanted.stop]:
        if start < number:
            yield RawBatch(batch.piece, start, batch.columns.slice(start - batch.first, number - start))
        if number in left_out and number < wanted.stop:
            yield left_out_row(number, left_out[number])
        start = number + 1


def _join(batches: list[RawBatch]) -> RawBatch:
    columns = [batch.columns for batch in batches]
    return batches[0]._replace(columns=pa.concat_batches(columns) if len(columns) > 1 else columns[0])


def read_rows(
    piece: RawSlice,
    *,
    max_row_bytes: int,
    rows: Numbers | None = None,
    left_out: Mapping[int, str] = NOTHING,
) -> Iterator[RawRow]:
    """Yield the rows of a slice in file order; a row that cannot be read comes with its fault.

    Rows of text files are counted from 0, blank lines aside. Of two equal keys in an object the
    last one counts, as for every common JSON reader.

    Args:
        piece: the slice.
        max_row_bytes: most bytes of text in a row.
        rows: numbers in the file of the rows wanted, ascending; unset means all.
        left_out: numbers of rows of a text file that are not parsed, each with the reason in words.

    Raises:
        SourceError: if the file as a whole cannot be read (broken pages, not an array of objects), or does
            not hold all of `rows`.
    """
    found = 0
    packed = piece.row_groups is not None
    read = (
        _parquet_rows(piece, max_row_bytes, rows)
        if packed
        else _text_rows(piece, max_row_bytes, rows, left_out)
    )
    for row in read:
        yield row
        found += 1
    if rows is not None and found != len(rows):
        msg = f"{piece.label}: only {found} of {len(rows)} wanted rows are there"
        raise SourceError(msg)


def left_out_row(number: int, detail: str, text: str = "") -> RawRow:
    """Return what stands for a row that is not worked on, because that ends the process that does.

    Even its text may be too much to write down: a long one is cut, and stands whole in its file alone.
    """
    shown = text if len(text) <= _LEFT_OUT else f"{text[:_LEFT_OUT]}… {len(text)} characters"
    return RawRow(number, {}, fault(Reason.WORKER_KILLED, detail), shown)


def first_rows(piece: RawSlice, most: int, *, max_row_bytes: int) -> Sequence[RawRow]:
    """Return the first rows of a slice, at most so many; of a table no more are turned into objects.

    Raises:
        SourceError: if the file is broken before them.
    """
    if piece.row_groups is None:
        return list(islice(read_rows(piece, max_row_bytes=max_row_bytes), most))
    rows: list[RawRow] = []
    for batch in read_batches(piece):
        wanted = batch._replace(columns=batch.columns.slice(0, most - len(rows)))
        rows += wanted.rows(max_row_bytes=max_row_bytes)
        if len(rows) >= most:
            break
    return rows


def _parquet_rows(piece: RawSlice, max_row_bytes: int, rows: Numbers | None) -> Iterator[RawRow]:
    for batch in read_batches(piece, rows):
        places = None
        if rows is not None:
            first, last = np.searchsorted(rows, (batch.first, batch.first + batch.columns.num_rows))
            places = rows[first:last] - batch.first
        yield from batch.rows(places, max_row_bytes=max_row_bytes)


def _text_rows(
    piece: RawSlice, max_row_bytes: int, rows: Numbers | None, left_out: Mapping[int, str]
) -> Iterator[RawRow]:
    longest = _ESCAPED * max_row_bytes
    if kind_of(piece.file) == "table":
        lines = table_rows(piece.file, piece.path, most=longest, encoding=piece.encoding)
        for index, line in _wanted(lines, rows):
            if index in left_out:
                yield left_out_row(index, left_out[index], line.text)
            else:
                yield RawRow(index, line.values, line.fault, line.text, foreign=line.foreign)
        return
    pieces = text_pieces(
        piece.file, piece.path, most=longest + 1, rows_in=piece.rows_in, encoding=piece.encoding
    )
    for index, (text, size) in _wanted(pieces, rows):
        if size > longest:
            detail = f"a row of {size} bytes as JSON, for at most {max_row_bytes} bytes of text"
            yield RawRow(index, {}, fault(Reason.TOO_BIG, detail), _decoded(text))
        elif index in left_out:
            yield left_out_row(index, left_out[index], _decoded(text))
        else:
            yield _parsed(index, text)


def _wanted(found: Iterable[Found], rows: Numbers | None) -> Iterator[tuple[int, Found]]:
    """Yield what was found with its number: all, or what stands at `rows`."""
    for index, item in enumerate(found):
        if rows is None or _any_between(rows, index, index + 1):
            yield index, item
        elif not len(rows) or index > rows[-1]:
            return


def _any_between(rows: Numbers | None, first: int, last: int) -> bool:
    """Return whether one of the rows wanted lies from `first` up to before `last`."""
    if rows is None:
        return True
    start, stop = np.searchsorted(rows, (first, last))
    return bool(start < stop)


_BROKEN = (OSError, ValueError, MemoryError, pa.ArrowException)


def _broken(piece: RawSlice, row: int, error: Exception) -> SourceError:
    return SourceError(f"{piece.file}: broken at or after row {row} ({error})")


def _refuse_bomb(file: str, group: pq.RowGroupMetaData) -> None:
    for place in range(group.num_columns):
        column = group.column(place)
        packed, unpacked = column.total_compressed_size, column.total_uncompressed_size
        if unpacked > _BOMB_BYTES and unpacked > _BOMB_FOLD * packed:
            msg = f"{file}: {packed} bytes of column {column.path_in_schema} unpack to {unpacked}"
            raise SourceError(msg)


def _rows_at_once(path: Path, footer: pq.FileMetaData, groups: Sequence[int]) -> int:
    """Return how many rows to decode at a time: fewer if they are long, or may all point to a long value."""
    rows, size, largest = 1, 0, 1
    with path.open("rb") as file:
        for group in map(footer.row_group, groups):
            columns = map(group.column, range(group.num_columns))
            sizes = (_dictionary_bytes(file, column) for column in columns if column.has_dictionary_page)
            largest = max(largest, *sizes, 1)
            rows, size = rows + group.num_rows, size + group.total_byte_size
    return max(1, min(BATCH_ROWS, BATCH_BYTES * rows // max(1, size), DECODED_BYTES // largest))


def _dictionary_bytes(file: BinaryIO, column: pq.ColumnChunkMetaData) -> int:
    """Return the unpacked size of a column's dictionary, or of the whole column if that is all one can tell.

    The footer does not say it, but the page's header does: Thrift's compact protocol, whose second field is
    the size (https://github.com/apache/parquet-format, PageHeader). Readers refuse a page of another size.
    """
    file.seek(column.dictionary_page_offset)
    header = iter(file.read(_HEADER_BYTES))
    sizes = [_varint(header) for _ in range(2) if next(header, None) == _NEXT_I32]
    return sizes[1] if len(sizes) == 2 and sizes[1] >= 0 else column.total_uncompressed_size


def _varint(digits: Iterator[int]) -> int:
    """Return a signed integer that is written in groups of seven bits; -1 if it does not end."""
    value, shift = 0, 0
    for digit in digits:
        value, shift = value | (digit & 0x7F) << shift, shift + 7
        if digit < 0x80:
            return (value >> 1) ^ -(value & 1)
    return -1


def _batch_rows(batch: pa.RecordBatch, numbers: Sequence[int], max_row_bytes: int) -> Iterator[RawRow]:
    """Yield a batch's rows: all at once if they are few bytes and all well, else each by itself."""
    sizes, objects = text_sizes(batch), Objects(batch.schema)
    # text of a JSON column is measured with its escapes; what it says is measured once it is read
    most = _ESCAPED * max_row_bytes if objects.parses else max_row_bytes
    if sizes.sum() <= _OBJECT_BYTES and not (sizes > most).any():
        try:
            listed = batch.to_pylist(maps_as_pydicts="strict")
        except _UNREADABLE:
            pass
        else:
            for number, values in zip(numbers, listed, strict=True):
                yield _said(number, values, objects)
            return
    for place, (number, size) in enumerate(zip(numbers, sizes.tolist(), strict=True)):
        yield _single_row(batch.slice(place, 1), number, size, most, objects)


_UNREADABLE = (ValueError, TypeError, OverflowError, KeyError, pa.ArrowException)
"""What a value raises that Python cannot hold: text that is not UTF-8, the year 20000, a repeated map key."""


def _single_row(row: pa.RecordBatch, index: int, size: int, most: int, objects: Objects) -> RawRow:
    if size > most:
        detail = f"{size} bytes of text, at most {most} are allowed"
        return RawRow(index, {}, fault(Reason.TOO_BIG, detail), _shown(row))
    values = {name: _value(column) for name, column in zip(row.schema.names, row.columns, strict=True)}
    return _said(index, values, objects)


def _value(column: pa.Array) -> object:
    """Return the value of a column with one row, or what stands for it if Python cannot hold it."""
    try:
        return column.to_pylist(maps_as_pydicts="strict")[0]
    except _UNREADABLE as error:
        reason = Reason.LONE_SURROGATE if _is_surrogate(error) else Reason.WRONG_TYPE
        return Unreadable(reason, f"a value cannot be read: {error}")


def _said(index: int, values: Mapping[str, Any], objects: Objects) -> RawRow:
    """Return a row of a table as its author said it."""
    try:
        said, padding = objects.read(values)
    except PydanticCustomError as error:
        return RawRow(index, {}, error, plain_json(values))
    return RawRow(index, said, None, "", padding)


def _is_surrogate(error: Exception) -> bool:
    """Return whether text failed to be UTF-8 for holding half of a UTF-16 pair, encoded by itself."""
    return isinstance(error, UnicodeDecodeError) and error.object[error.start] == 0xED


def _shown(row: pa.RecordBatch) -> str:
    """Return a row as JSON text, with a note for each value that is too long or that cannot be read."""
    sizes = [int(text_sizes(row.select([place]))[0]) for place in range(row.num_columns)]
    shown: dict[str, object] = {}
    for name, column, size in zip(row.schema.names, row.columns, sizes, strict=True):
        try:
            shown[name] = column[0].as_py() if size <= _SHOWN_VALUE else f"… {size} bytes"
        except _UNREADABLE as error:
            shown[name] = f"… {size} bytes, {error}"
    return plain_json(shown)


def _parsed(index: int, text: bytes) -> RawRow:
    """Return a row of JSON text."""
    try:
        values = read_json(text)
        if not isinstance(values, dict):
            raise fault(Reason.WRONG_TYPE, f"the row is {type(values).__name__}, not an object")
        if depth(values) > MAX_DEPTH:
            raise fault(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")
    except PydanticCustomError as error:
        return RawRow(index, {}, error, _decoded(text), foreign=_foreign(text))
    spoiled = any(isinstance(value, Unreadable) for value in values.values())
    return RawRow(index, values, None, "", foreign=_foreign(text) if spoiled else b"")


def _foreign(text: bytes) -> bytes:
    """Return the beginning of a row that is not UTF-8; nothing if it is, or says that half of a pair is."""
    try:
        text.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return text[:SAMPLE]
    return b""


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", errors="backslashreplace").rstrip("\r\n")
