"""How many rows a file holds: what a footer promises, or about as many as its first rows let expect."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import pyarrow as pa

from thinkmix.curation.read.packed import packing
from thinkmix.curation.read.read import RawRow, RawSlice
from thinkmix.curation.read.tables import table_rows
from thinkmix.curation.read.text_lines import text_pieces
from thinkmix.schemas.files import kind_of

_HEAD = 1024 * 1024
_BLOCK = 64 * 1024
_MOST = 256 * 1024 * 1024


def about_rows(piece: RawSlice, seen: Sequence[RawRow], size: int) -> int:
    """Return how many rows a file of text holds, as far as its first rows tell.

    Args:
        piece: the file, or its beginning.
        seen: its first rows.
        size: bytes of the whole file.
    """
    if not seen:
        return 0
    per_row = sum(_bytes(piece, seen)) / len(seen)
    return max(len(seen), round(unpacked_size(piece, size) / max(1.0, per_row)))


def count_rows(piece: RawSlice, *, longest: int) -> int:
    """Return how many rows a file of text holds, by going through all of it without parsing them.

    Args:
        piece: the file.
        longest: characters in the longest row of a table.

    Raises:
        SourceError: if it cannot be read to its end.
    """
    if kind_of(piece.file) == "table":
        return sum(1 for _ in table_rows(piece.file, piece.path, most=longest, encoding=piece.encoding))
    return sum(1 for _ in _pieces(piece))


def _bytes(piece: RawSlice, seen: Sequence[RawRow]) -> list[int]:
    """Return how many bytes of the file each row takes, about, with what parts it from the next one."""
    if kind_of(piece.file) == "table":
        return [len(row.text.encode()) + 1 if row.fault else _cells(row.values) for row in seen]
    return [size + 1 for _, size in islice(_pieces(piece), len(seen))]


def _pieces(piece: RawSlice) -> Iterator[tuple[bytes, int]]:
    return text_pieces(piece.file, piece.path, most=_BLOCK, rows_in=piece.rows_in, encoding=piece.encoding)


def _cells(values: Mapping[str, object]) -> int:
    return sum(len(str(value or "").encode()) + 1 for value in values.values())


def unpacked_size(piece: RawSlice, size: int) -> float:
    """Return how many bytes a file of `size` bytes is unpacked; only the beginning of it is unpacked."""
    if (kind := packing(piece.path)) is None:
        return size
    with piece.path.open("rb") as file:
        head = file.read(_HEAD)
    unpacked = 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(head), kind) as stream:
            while unpacked < _MOST and (block := stream.read(_BLOCK)):
                unpacked += len(block)
    except (OSError, pa.ArrowException):  # the beginning is not the whole
        pass
    return size * unpacked / max(1, len(head))
