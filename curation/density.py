"""How many rows a file holds: what a footer promises, or about as many as its first rows let expect."""

from collections.abc import Mapping, Sequence
from itertools import islice

import pyarrow as pa

from curation.lines import text_pieces
from curation.packed import packing
from curation.read import RawRow, RawSlice
from schemas.files import kind_of

_HEAD = 1024 * 1024
_BLOCK = 64 * 1024


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
    return max(len(seen), round(_unpacked(piece, size) / max(1.0, per_row)))


def _bytes(piece: RawSlice, seen: Sequence[RawRow]) -> list[int]:
    """Return how many bytes of the file each row takes, about, with what parts it from the next one."""
    if kind_of(piece.file) == "table":
        return [len(row.text.encode()) + 1 if row.fault else _cells(row.values) for row in seen]
    pieces = text_pieces(piece.file, piece.path, most=_BLOCK, rows_in=piece.rows_in)
    return [size + 1 for _, size in islice(pieces, len(seen))]


def _cells(values: Mapping[str, object]) -> int:
    return sum(len(str(value or "").encode()) + 1 for value in values.values())


def _unpacked(piece: RawSlice, size: int) -> float:
    """Return how many bytes a file is unpacked; of a packed one only the beginning is unpacked."""
    if (kind := packing(piece.path)) is None:
        return size
    with piece.path.open("rb") as file:
        head = file.read(_HEAD)
    unpacked = 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(head), kind) as stream:
            while block := stream.read(_BLOCK):
                unpacked += len(block)
    except (OSError, pa.ArrowException):  # the beginning is not the whole
        pass
    return size * unpacked / max(1, len(head))
