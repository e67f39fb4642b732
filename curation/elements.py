"""The elements of a JSON array, cut from a stream without parsing it or holding more than one of them."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import SourceError

_CHUNK = 1024 * 1024
_SPACE = b" \t\r\n"
_STEP = np.zeros(256, np.int64)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1
_QUOTE, _BACKSLASH, _COMMA = b'"\\,'


class Piece(NamedTuple):
    """One line or one element as the file holds it, or its beginning if it is longer than allowed."""

    text: bytes
    size: int
    """Bytes of the whole."""


def elements(stream: BinaryIO, *, most: int) -> Iterator[Piece]:
    """Yield the elements of the array that `stream` holds, in order, each cut to `most` bytes.

    Only strings and brackets are followed; whether an element is JSON is for its reader to see, so
    one that is not costs nothing but itself.

    Raises:
        SourceError: if the stream does not hold exactly one array, or ends inside it.
    """
    scan, element, found = _Scan(), _Growing(most), 0
    for chunk in _chunks(stream):
        start = 0
        for place in scan.cuts(chunk):
            element.add(chunk[start:place])
            mark, start = chunk[place : place + 1], place + 1
            piece = element.take()
            if mark == b"[" and not scan.opened and not piece.text:
                scan.opened = True
            elif mark in b",]" and scan.opened and not scan.closed:
                scan.closed = mark == b"]"
                if piece.text or found or not scan.closed:
                    yield piece
                    found += 1
            else:
                raise SourceError(_not_an_array(piece.text + mark))
        element.add(chunk[start:])
    rest = element.take().text
    if scan.opened and not scan.closed:
        msg = f"the file ends inside row {found}"
        raise SourceError(msg)
    if rest or not scan.opened:
        raise SourceError(_not_an_array(rest))


def _not_an_array(text: bytes) -> str:
    return f"the file is not one array of rows: {bytes(text[:40])!r} (JSON lines must be named .jsonl)"


class _Growing:
    """An element whose end has not been seen yet."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._head = bytearray()
        self._size = 0

    def add(self, text: bytes) -> None:
        self._head += text[: max(0, self._most - len(self._head))]
        self._size += len(text)

    def take(self) -> Piece:
        piece = Piece(bytes(self._head.strip(_SPACE)), self._size)
        self._head.clear()
        self._size = 0
        return piece


class _Scan:
    """How deep, and whether inside a string, the next byte stands."""

    def __init__(self) -> None:
        self.opened = self.closed = False
        self._level = self._quotes = 0

    def cuts(self, chunk: bytes) -> list[int]:
        """Return where the outermost array opens, goes on to its next element, and closes."""
        data = np.frombuffer(chunk, np.uint8)
        quotes = _unescaped(data, np.flatnonzero(data == _QUOTE))
        places = np.flatnonzero((_STEP[data] != 0) | (data == _COMMA))
        outside = (np.searchsorted(quotes, places) + self._quotes) % 2 == 0
        places = places[outside]
        steps = _STEP[data[places]]
        level = self._level + np.cumsum(steps)
        self._quotes = (self._quotes + len(quotes)) % 2
        self._level = int(level[-1]) if len(level) else self._level
        # before a bracket opens, the level is one less than after it
        outermost = np.where(steps > 0, level, level - steps) <= 1
        return [int(place) for place in places[outermost]]


def _unescaped(data: NDArray[np.uint8], quotes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the quotes that an even number of backslashes stands before, none being even too."""
    others = np.flatnonzero(data != _BACKSLASH)
    before = np.searchsorted(others, quotes) - 1
    even: NDArray[np.bool_] = (quotes - np.append(others, -1)[before]) % 2 == 1
    return quotes[even]


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the stream in chunks, none of which ends between a backslash and what it escapes."""
    held = b""
    while read := stream.read(_CHUNK):
        chunk = held + read
        held = chunk[-1:] if (len(chunk) - len(chunk.rstrip(b"\\"))) % 2 else b""
        yield chunk[: len(chunk) - len(held)]
    yield held
