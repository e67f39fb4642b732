"""Text files cut into rows: jsonl and json, plain or packed, streamed without parsing them."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from curation.elements import Piece, elements
from schemas.errors import SourceError


def text_pieces(file: str, path: Path, *, most: int) -> Iterator[Piece]:
    """Yield the lines that are not blank, or the elements of the array if the file is named .json.

    Args:
        file: name of the file, which tells how it is written and packed.
        path: where it lies.
        most: bytes to which a longer row is cut.

    Raises:
        SourceError: if the file cannot be read to its end, or is not what its name says.
    """
    with _open(file, path) as stream:
        if stream.peek(3).startswith(b"\xef\xbb\xbf"):
            stream.read(3)
        array = file.removesuffix(".gz").removesuffix(".zst").endswith(".json")
        yield from elements(stream, most=most) if array else _lines(stream, most)


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


@contextmanager
def _open(file: str, path: Path) -> Iterator[BufferedReader]:
    """Open a text file, unpacking .gz and .zst on the way.

    Raises:
        SourceError: if the packed stream is broken or cut short.
    """
    try:
        if file.endswith(".gz"):
            with gzip.open(path) as unpacked:
                yield BufferedReader(unpacked)
        elif file.endswith(".zst"):
            # not zstandard's own reader: it takes a file that is cut short for one that ends
            with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as unpacked:
                yield BufferedReader(unpacked)
        else:
            with path.open("rb") as stream:
                yield stream
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        msg = f"{file}: cannot be read to its end ({error})"
        raise SourceError(msg) from None
    except SourceError as error:
        msg = f"{file}: {error}"
        raise SourceError(msg) from None
