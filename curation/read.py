"""Raw rows out of files: parquet, jsonl and json, streamed in pieces that one worker can hold."""

import gzip
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import orjson
import pyarrow.parquet as pq
import zstandard
from pydantic_core import PydanticCustomError

from schemas.errors import SourceError
from schemas.reasons import Reason
from schemas.record import Record, fault

ROWS_AT_ONCE = 256
"""Rows held as Python objects at a time: at the largest permitted row, some hundred MB."""

SLICE_BYTES = 64 * 1024 * 1024
SLICE_ROWS = 20_000


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

    index: int
    values: Mapping[str, Any]
    fault: PydanticCustomError | None
    text: str
    """The raw line, where there is one and it could not be read; empty otherwise."""


def slices(file: str, path: Path, digest: str) -> tuple[RawSlice, ...]:
    """Cut a file into slices of about `SLICE_BYTES` or `SLICE_ROWS`, along its row groups.

    Raises:
        SourceError: if the file is not of a kind that can be read, or its footer is broken.
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

    Raises:
        SourceError: if the file as a whole cannot be read (broken pages, not an array of objects).
    """
    if piece.row_groups is not None:
        yield from _parquet_rows(piece)
    elif piece.file.removesuffix(".gz").removesuffix(".zst").endswith(".json"):
        yield from _json_rows(piece)
    else:
        yield from _line_rows(piece, max_row_bytes)


def _parquet_rows(piece: RawSlice) -> Iterator[RawRow]:
    start, stop = piece.row_groups or (0, 0)
    index = piece.first_row
    try:
        with pq.ParquetFile(piece.path, page_checksum_verification=True, pre_buffer=False) as file:
            groups = list(range(start, stop))
            for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=groups, use_threads=False):
                for values in batch.to_pylist():
                    yield RawRow(index, values, None, "")
                    index += 1
    except (OSError, ValueError) as error:
        msg = f"{piece.file}: broken at or after row {index} ({error})"
        raise SourceError(msg) from None


def _line_rows(piece: RawSlice, max_row_bytes: int) -> Iterator[RawRow]:
    with _open(piece) as stream:
        index = 0
        # one byte more than allowed tells a line of the limit from one beyond it
        while line := stream.readline(max_row_bytes + 1):
            whole = line.endswith(b"\n") or len(line) <= max_row_bytes
            if not whole:
                beyond = _skip_line(stream)
                detail = f"a line of {len(line) + beyond} bytes, at most {max_row_bytes} are allowed"
                yield RawRow(index, {}, fault(Reason.TOO_BIG, detail), _decoded(line))
            elif line.strip():
                yield _parsed_line(index, line)
            else:
                continue
            index += 1


def _skip_line(stream: BinaryIO) -> int:
    skipped = 0
    while chunk := stream.readline(1024 * 1024):
        skipped += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return skipped


def _parsed_line(index: int, line: bytes) -> RawRow:
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return RawRow(index, {}, _why_not_json(line, str(error)), _decoded(line))
    if not isinstance(values, dict):
        detail = f"the line holds {type(values).__name__}, not an object"
        return RawRow(index, {}, fault(Reason.WRONG_TYPE, detail), _decoded(line))
    return RawRow(index, values, None, "")


def _why_not_json(line: bytes, message: str) -> PydanticCustomError:
    """Tell a lone surrogate and bottomless nesting from text that is simply not JSON."""
    try:
        found = json.loads(line)
    except RecursionError:
        return fault(Reason.TOO_DEEP, "nested deeper than a parser can follow")
    except ValueError:
        deep = "recursion" in message
        return fault(Reason.TOO_DEEP if deep else Reason.BAD_JSON, message)
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        return fault(Reason.LONE_SURROGATE, f"half of a pair: {error.reason}")
    except RecursionError:
        return fault(Reason.TOO_DEEP, "nested deeper than a parser can follow")
    return fault(Reason.BAD_JSON, message)


def _json_rows(piece: RawSlice) -> Iterator[RawRow]:
    with _open(piece) as stream:
        try:
            rows = orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            msg = f"{piece.file}: not JSON ({error})"
            raise SourceError(msg) from None
    if not isinstance(rows, list):
        msg = f"{piece.file}: holds {type(rows).__name__}, not an array of rows"
        raise SourceError(msg)
    for index, values in enumerate(rows):
        if isinstance(values, dict):
            yield RawRow(index, values, None, "")
        else:
            detail = f"the row is {type(values).__name__}, not an object"
            yield RawRow(index, {}, fault(Reason.WRONG_TYPE, detail), json.dumps(values))


@contextmanager
def _open(piece: RawSlice) -> Iterator[BinaryIO]:
    """Open a text file, unpacking .gz and .zst on the way.

    Raises:
        SourceError: if the packed stream is broken or cut short.
    """
    try:
        if piece.file.endswith(".gz"):
            with gzip.open(piece.path) as stream:
                yield cast("BinaryIO", stream)
        elif piece.file.endswith(".zst"):
            unpack = zstandard.ZstdDecompressor().stream_reader
            with piece.path.open("rb") as packed, unpack(packed) as stream:
                yield cast("BinaryIO", BufferedReader(stream))
        else:
            with piece.path.open("rb") as stream:
                yield stream
    except (OSError, EOFError, zstandard.ZstdError) as error:
        msg = f"{piece.file}: cannot be unpacked ({error})"
        raise SourceError(msg) from None


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", errors="backslashreplace").rstrip("\n")
