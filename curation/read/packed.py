"""Files as bytes: unpacked on the way, without a byte order mark, and refused if they are not text."""

import gzip
import zlib
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import pyarrow as pa

from thinkmix.curation.read.encodings import recoded
from thinkmix.schemas.errors import SourceError
from thinkmix.schemas.files import PACKED

_BUFFER = 1024 * 1024
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPED = b"\x2a\x4d\x18"
"""A frame of zstd that holds no data begins with a byte from 0x50 to 0x5f, and this."""

BOM = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8."""

_FOREIGN: Mapping[bytes, str] = {
    b"\xff\xfe\x00\x00": "text in UTF-32; say `encoding: utf-32` in its source, or write it in UTF-8",
    b"\x00\x00\xfe\xff": "text in UTF-32; say `encoding: utf-32` in its source, or write it in UTF-8",
    b"\xff\xfe": "text in UTF-16; say `encoding: utf-16` in its source, or write it in UTF-8",
    b"\xfe\xff": "text in UTF-16; say `encoding: utf-16` in its source, or write it in UTF-8",
    b"PAR1": "parquet; name it .parquet",
    b"PK\x03\x04": "a zip archive; unpack it",
    b"BZh": "data packed by bzip2; pack it by gzip or zstd",
    b"\xfd7zXZ\x00": "data packed by xz; pack it by gzip or zstd",
    _GZIP: "data packed by gzip twice; unpack it once",
    _ZSTD: "data packed by zstd twice; unpack it once",
    b"version https://git-lfs": "a pointer of Git LFS and not the file itself; fetch it (git lfs pull)",
    b"<!DOCTYPE": "a web page",
    b"<!doctype": "a web page",
    b"<html": "a web page",
}
"""What files begin with that are not rows in text, and what they are."""

_LONGEST = max(map(len, _FOREIGN))


class _Stream(Protocol):
    def peek(self, size: int, /) -> bytes: ...
    def read(self, size: int, /) -> bytes: ...


def packing(path: Path) -> Literal["gzip", "zstd"] | None:
    """Return how a file is packed, told by its first bytes; None if it is not."""
    with path.open("rb") as raw:
        start = raw.read(len(_ZSTD))
    if start.startswith(_GZIP):
        return "gzip"
    return "zstd" if start == _ZSTD or (start[:1] and start[0] >> 4 == 5 and start[1:] == _SKIPPED) else None


@contextmanager
def opened(file: str, path: Path, encoding: str | None = None) -> Iterator[BinaryIO]:
    """Open a file of text; the first bytes tell whether and how it is packed, whatever its name says.

    Args:
        file: name of the file.
        path: where it lies.
        encoding: of its text, which is read as UTF-8; unset means that it is UTF-8.

    Raises:
        SourceError: if the packed stream is broken or cut short, or the file is not text.
    """
    try:
        packed = packing(path)
        if packed == "gzip":
            with gzip.open(path) as unpacked:
                yield _text(BufferedReader(unpacked, _BUFFER), encoding)
        elif packed == "zstd":
            # not zstandard's own reader: it takes a file that is cut short for one that ends
            with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as unpacked:
                yield _text(BufferedReader(unpacked, _BUFFER), encoding)
        else:
            with BufferedReader(FileIO(path), _BUFFER) as plain:
                if encoding is None and file.lower().endswith(PACKED):
                    _refuse_bytes(plain.peek(_LONGEST)[:_LONGEST])
                yield _text(plain, encoding)
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        msg = f"{file}: cannot be read to its end ({error})"
        raise SourceError(msg) from None
    except SourceError as error:
        msg = f"{file}: {error}"
        raise SourceError(msg) from None


def _refuse_bytes(start: bytes) -> None:
    """Refuse a file that is named as packed, is not, and does not begin with text."""
    try:
        getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        msg = "it is packed neither by gzip nor by zstd, and holds no text"
        raise SourceError(msg) from None


def _text(
    unpacked: "BufferedReader | BufferedReader[FileIO] | BufferedReader[gzip.GzipFile]", encoding: str | None
) -> BinaryIO:
    """Return text as UTF-8 from where it begins."""
    stream = unpacked if encoding is None else recoded(unpacked.read, encoding)
    _begin(stream)
    return stream


def _begin(stream: _Stream) -> None:
    """Go on to where text begins, after a byte order mark."""
    start = stream.peek(_LONGEST)[:_LONGEST]
    for mark, what in _FOREIGN.items():
        if start.startswith(mark):
            msg = f"it holds {what}"
            raise SourceError(msg)
    if b"\0" in start[:2]:
        msg = "it holds text in UTF-16, or no text; say `encoding: utf-16-le` (or -be) in its source"
        raise SourceError(msg)
    if start.startswith(BOM):
        stream.read(len(BOM))
