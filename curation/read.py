"""Raw rows out of files: parquet, jsonl and json, streamed in pieces that one worker can hold."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import PydanticCustomError

from curation.elements import Piece, elements
from curation.sizes import text_sizes
from schemas.errors import SourceError
from schemas.reasons import Reason
from schemas.record import MAX_DEPTH, Record, depth, fault, parse_json

ROWS_AT_ONCE = 256
"""Most rows decoded at a time."""

DECODED_BYTES = 512 * 1024 * 1024
"""Most memory that a batch of decoded rows may take if its columns' dictionaries hold one value each."""

SLICE_BYTES = 64 * 1024 * 1024
SLICE_ROWS = 20_000

_BOMB_FOLD = 1_000
_BOMB_BYTES = 64 * 1024 * 1024
_OBJECT_BYTES = 32 * 1024 * 1024
_SHOWN_VALUE = 10_000
_ESCAPED = 6  # JSON may write one byte of text as six: \u003c


class RawSlice(Record):
    """One worker's share of a file: consecutive row groups of a parquet file, or a whole text file."""

    file: str
    """Path inside the dataset."""
    path: Path
    sha256: str
    """Digest of the whole file."""
    row_groups: tuple[int, int] | None = None
    """First and one past the last row group; unset for text files."""
    first_row: int = 0
    rows: int | None = None
    """Rows promised by the parquet footer; unknown for text files until they are read."""

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


def slices(file: str, path: Path, digest: str) -> tuple[RawSlice, ...]:
    """Cut a file into slices of about `SLICE_BYTES` or `SLICE_ROWS`, along its row groups.

    Raises:
        SourceError: if the file is not of a kind that can be read, its footer is broken, or a column
            of it unpacks to a suspicious multiple of its size.
    """
    if not file.endswith(".parquet"):
        return (RawSlice(file=file, path=path, sha256=digest),)
    try:
        footer = pq.read_metadata(path)
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
            RawSlice(
                file=file, path=path, sha256=digest, row_groups=(start, stop), first_row=first_row, rows=rows
            )
        )
        first_row += rows
    return tuple(found)


def read_rows(piece: RawSlice, *, max_row_bytes: int) -> Iterator[RawRow]:
    """Yield the rows of a slice in file order; a row that cannot be read comes with its fault.

    Rows of text files are counted from 0, blank lines aside. Of two equal keys in an object the
    last one counts, as for every common JSON reader.

    Raises:
        SourceError: if the file as a whole cannot be read (broken pages, not an array of objects).
    """
    if piece.row_groups is not None:
        yield from _parquet_rows(piece, max_row_bytes)
        return
    longest = _ESCAPED * max_row_bytes
    with _open(piece) as stream:
        if stream.peek(3).startswith(b"\xef\xbb\xbf"):
            stream.read(3)
        array = piece.file.removesuffix(".gz").removesuffix(".zst").endswith(".json")
        pieces = elements(stream, most=longest + 1) if array else _lines(stream, longest + 1)
        for index, (text, size) in enumerate(pieces):
            if size > longest:
                detail = f"a row of {size} bytes as JSON, for at most {max_row_bytes} bytes of text"
                yield RawRow(index, {}, fault(Reason.TOO_BIG, detail), _decoded(text))
            else:
                yield _parsed(index, text)


def _refuse_bomb(file: str, group: pq.RowGroupMetaData) -> None:
    for place in range(group.num_columns):
        column = group.column(place)
        packed, unpacked = column.total_compressed_size, column.total_uncompressed_size
        if unpacked > _BOMB_BYTES and unpacked > _BOMB_FOLD * packed:
            msg = f"{file}: {packed} bytes of column {column.path_in_schema} unpack to {unpacked}"
            raise SourceError(msg)


def _parquet_rows(piece: RawSlice, max_row_bytes: int) -> Iterator[RawRow]:
    groups = list(range(*(piece.row_groups or (0, 0))))
    index = piece.first_row
    try:
        with pq.ParquetFile(piece.path, page_checksum_verification=True, pre_buffer=False) as file:
            step = _rows_at_once(file.metadata, groups)
            for batch in file.iter_batches(step, row_groups=groups, use_threads=False):
                for row in _batch_rows(batch, index, max_row_bytes):
                    yield row
                    index += 1
    except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
        msg = f"{piece.file}: broken at or after row {index} ({error})"
        raise SourceError(msg) from None


def _rows_at_once(footer: pq.FileMetaData, groups: list[int]) -> int:
    """Return how many rows to decode at a time, if all of them point to the same long value."""
    largest = 1
    for group in map(footer.row_group, groups):
        columns = map(group.column, range(group.num_columns))
        sizes = (column.total_uncompressed_size for column in columns if column.has_dictionary_page)
        largest = max(largest, *sizes, 1)
    return max(1, min(ROWS_AT_ONCE, DECODED_BYTES // largest))


def _batch_rows(batch: pa.RecordBatch, first: int, max_row_bytes: int) -> Iterator[RawRow]:
    """Yield a batch's rows: all at once if they are few bytes and all well, else each by itself."""
    sizes = text_sizes(batch)
    if sizes.sum() <= _OBJECT_BYTES and not (sizes > max_row_bytes).any():
        try:
            listed = batch.to_pylist(maps_as_pydicts="strict")
        except _UNREADABLE:
            pass
        else:
            for place, values in enumerate(listed):
                yield RawRow(first + place, values, None, "")
            return
    for place, size in enumerate(sizes.tolist()):
        yield _single_row(batch.slice(place, 1), first + place, size, max_row_bytes)


_UNREADABLE = (ValueError, OverflowError, KeyError, pa.ArrowException)
"""What a value raises that Python cannot hold: text that is not UTF-8, the year 20000, a repeated map key."""


def _single_row(row: pa.RecordBatch, index: int, size: int, max_row_bytes: int) -> RawRow:
    if size > max_row_bytes:
        detail = f"{size} bytes of text, at most {max_row_bytes} are allowed"
        return RawRow(index, {}, fault(Reason.TOO_BIG, detail), _shown(row))
    try:
        return RawRow(index, row.to_pylist(maps_as_pydicts="strict")[0], None, "")
    except _UNREADABLE as error:
        reason = Reason.LONE_SURROGATE if _is_surrogate(error) else Reason.WRONG_TYPE
        return RawRow(index, {}, fault(reason, f"a value cannot be read: {error}"), _shown(row))


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
    return json.dumps(shown, ensure_ascii=False, default=str)


def _lines(stream: BinaryIO, most: int) -> Iterator[Piece]:
    """Yield the lines that are not blank, each cut to `most` bytes."""
    while line := stream.readline(most):
        beyond = 0
        if not line.endswith(b"\n") and len(line) == most:
            beyond = _skip_line(stream)
        if line.strip():
            yield Piece(line, len(line.rstrip(b"\r\n")) + beyond)


def _skip_line(stream: BinaryIO) -> int:
    skipped = 0
    while chunk := stream.readline(1024 * 1024):
        skipped += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return skipped


def _parsed(index: int, text: bytes) -> RawRow:
    try:
        values = parse_json(text)
    except ValueError as error:
        return RawRow(index, {}, _why_not_json(text, str(error)), _decoded(text))
    if not isinstance(values, dict):
        detail = f"the row is {type(values).__name__}, not an object"
        return RawRow(index, {}, fault(Reason.WRONG_TYPE, detail), _decoded(text))
    if depth(values) > MAX_DEPTH:
        detail = f"nested deeper than {MAX_DEPTH} levels"
        return RawRow(index, {}, fault(Reason.TOO_DEEP, detail), _decoded(text))
    return RawRow(index, values, None, "")


def _why_not_json(text: bytes, message: str) -> PydanticCustomError:
    """Tell a lone surrogate and bottomless nesting from text that is simply not JSON."""
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        return fault(Reason.TOO_DEEP, "nested deeper than a parser can follow")
    except UnicodeEncodeError as error:
        return fault(Reason.LONE_SURROGATE, f"half of a pair: {error.reason}")
    except ValueError:
        pass
    return fault(Reason.BAD_JSON, message)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


@contextmanager
def _open(piece: RawSlice) -> Iterator[BufferedReader]:
    """Open a text file, unpacking .gz and .zst on the way.

    Raises:
        SourceError: if the packed stream is broken or cut short.
    """
    try:
        if piece.file.endswith(".gz"):
            with gzip.open(piece.path) as unpacked:
                yield BufferedReader(unpacked)
        elif piece.file.endswith(".zst"):
            # not zstandard's own reader: it takes a file that is cut short for one that ends
            with pa.CompressedInputStream(pa.OSFile(str(piece.path)), "zstd") as unpacked:
                yield BufferedReader(unpacked)
        else:
            with piece.path.open("rb") as stream:
                yield stream
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        msg = f"{piece.file}: cannot be read to its end ({error})"
        raise SourceError(msg) from None
    except SourceError as error:
        msg = f"{piece.file}: {error}"
        raise SourceError(msg) from None


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", errors="backslashreplace").rstrip("\r\n")
