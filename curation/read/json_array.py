"""The elements of a JSON array, cut from a stream without parsing it or holding more than one of them."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thinkmix.schemas.errors import SourceError

_CHUNK = 1024 * 1024
_SPACE = b" \t\r\n"
_STEP = np.zeros(256, np.int64)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1
_QUOTE, _BACKSLASH, _COMMA, _COLON, _CLOSING = b'"\\,:}'

_KEYS = 2
_KEY_BYTES = 1000
_MOST_MARKS = 1_000_000


class Piece(NamedTuple):
    """One line or one element as the file holds it, or its beginning if it is longer than allowed."""

    text: bytes
    size: int
    """Bytes of the whole."""


class FirstObject(NamedTuple):
    """The object that a stream begins with."""

    spans_lines: bool
    followed_by: bytes
    """The first byte after it that is not a space; empty if there is none."""


class NoSuchList(SourceError):
    """The keys that should lead to the list of rows do not lead to a list."""


class _Mark(NamedTuple):
    """A bracket, comma or colon outside of strings, or, empty, the end of the stream."""

    byte: bytes
    level: int
    """How deep the container lies that it opens, divides or closes; the outermost one lies at 1."""
    before: Piece
    """What stands between the mark before and it, or as much of that as is held."""


def array_items(stream: BinaryIO, *, most: int, path: Sequence[str] = ()) -> Iterator[Piece]:
    """Yield the elements of an array, in order, each cut to `most` bytes.

    Only strings and brackets are followed; whether an element is JSON is for its reader to see, so
    one that is not costs nothing but itself.

    Args:
        stream: holds the array, or one object if there is a path.
        most: bytes to which a longer element is cut.
        path: keys that lead from the object to the array.

    Raises:
        NoSuchList: if they do not.
        SourceError: if the stream goes on after its array or object, or ends inside it.
    """
    marks = _marks(stream, most=most, depth=len(path) + 1)
    for level, key in enumerate(path, 1):
        _open(marks, b"{")
        _find(marks, key, level)
    _open(marks, b"[")
    yield from _items(marks, len(path) + 1)
    _leave(marks, path)


def lists_in(stream: BinaryIO) -> tuple[dict[str, int], bool]:
    """Return where lists of objects lie in the object that the stream holds, and how many each has.

    Returns:
        The numbers by key; keys are joined by dots, as in a recipe's `rows`. And whether that is all: of a
        large file only the beginning is looked at.
    """
    found: dict[str, int] = {}
    names: dict[int, str] = {}
    opened: dict[int, bytes] = {}
    marks = _marks(stream, most=_KEY_BYTES, depth=_KEYS + 2)
    for byte, level, before in islice(marks, _MOST_MARKS):
        if byte == b":":
            names[level] = _key(before)
        elif byte in (b"{", b"["):
            opened[level] = byte
            around = b"".join(opened.get(place, b" ") for place in range(1, level))
            if byte == b"{" and len(around) > 1 and around == b"{" * (level - 2) + b"[":
                path = ".".join(names.get(place, "") for place in range(1, level - 1))
                found[path] = found.get(path, 0) + 1
    return found, next(marks, None) is None


def first_object(stream: BinaryIO) -> FirstObject | None:
    """Return what is known of the object that a stream begins with; None if it never ends."""
    scan, text, spans_lines, chunks = _Scan(1), b"", False, _chunks(stream)
    for chunk in chunks:
        closing = (
            place for place, level in scan.cuts(chunk) if level == 1 and chunk[place : place + 1] == b"}"
        )
        end = next(closing, None)
        text = chunk[:end] if text else chunk[:end].lstrip(_SPACE)
        spans_lines |= b"\n" in text
        if end is not None:
            rest = (text for part in chain([chunk[end + 1 :]], chunks) if (text := part.strip(_SPACE)))
            return FirstObject(spans_lines, next(rest, b"")[:1])
    return None


def _open(marks: Iterator[_Mark], bracket: bytes) -> None:
    mark = next(marks)
    if mark.byte != bracket or mark.before.text:
        msg = "there is no list at this place"
        raise NoSuchList(msg)


def _find(marks: Iterator[_Mark], key: str, level: int) -> None:
    """Go on to the value of a key of the object at `level`."""
    for mark in marks:
        if mark.level == level and mark.byte == b":" and _key(mark.before) == key:
            return
        if mark.level == level and mark.byte == b"}":
            break
    msg = f"the object has no {key!r}"
    raise NoSuchList(msg)


def _items(marks: Iterator[_Mark], level: int) -> Iterator[Piece]:
    """Yield the elements of the array at `level`, up to its end."""
    found = 0
    for mark in marks:
        if not mark.byte:
            break
        if mark.byte not in (b",", b"]") or mark.level != level:
            msg = f"row {found} is not followed by a comma but by {mark.byte.decode()!r}"
            raise SourceError(msg)
        if mark.before.text or mark.byte == b",":  # a comma after the last row adds no row
            yield mark.before
            found += 1
        if mark.byte == b"]":
            return
    msg = f"the file ends inside row {found}"
    raise SourceError(msg)


def _leave(marks: Iterator[_Mark], path: Sequence[str]) -> None:
    """Go on to the end of the stream, which holds nothing more than the objects around the array."""
    inside = len(path)
    for byte, level, before in marks:
        if not inside and (byte or before.text):
            msg = f"the file goes on after its last bracket: {bytes(before.text[:40] + byte)!r}"
            raise SourceError(msg)
        if level == inside and byte == b"}":
            inside -= 1
        elif level == inside and byte == b":" and _key(before) == path[inside - 1]:
            msg = f"the object has {path[inside - 1]!r} twice"
            raise SourceError(msg)
    if inside:
        msg = "the file ends inside the object around its rows"
        raise SourceError(msg)


def _key(before: Piece) -> str:
    """Return the key that stands before a colon."""
    try:
        return str(json.loads(before.text))
    except ValueError:
        return before.text.decode(errors="replace")


def _marks(stream: BinaryIO, *, most: int, depth: int) -> Iterator[_Mark]:
    """Yield the marks down to a depth, and one for the end; of what stands between hold `most` bytes."""
    scan, between = _Scan(depth), _Growing(most)
    for chunk in _chunks(stream):
        start = 0
        for place, level in scan.cuts(chunk):
            between.add(chunk[start:place])
            yield _Mark(chunk[place : place + 1], level, between.take())
            start = place + 1
        between.add(chunk[start:])
    yield _Mark(b"", 0, between.take())


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

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._level = self._quotes = 0

    def cuts(self, chunk: bytes) -> list[tuple[int, int]]:
        """Return where containers down to the depth open, go on to a next part and close, and how deep."""
        data = np.frombuffer(chunk, np.uint8)
        quotes = _unescaped(data, np.flatnonzero(data == _QUOTE))
        marks = (_STEP[data] != 0) | (data == _COMMA)
        places = np.flatnonzero(marks if self._depth == 1 else marks | (data == _COLON))
        outside = (np.searchsorted(quotes, places) + self._quotes) % 2 == 0
        places = places[outside]
        steps = _STEP[data[places]]
        level = self._level + np.cumsum(steps)
        self._quotes = (self._quotes + len(quotes)) % 2
        self._level = int(level[-1]) if len(level) else self._level
        # before a bracket opens, the level is one less than after it
        level = np.where(steps > 0, level, level - steps)
        shown = level <= self._depth
        return list(zip(places[shown].tolist(), level[shown].tolist(), strict=True))


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
