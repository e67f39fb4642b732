"""JSON files cut into rows without parsing them: lines, an array, or a list in one object."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from thinkmix.curation.read.json_array import NoSuchList, Piece, array_items, first_object, lists_in
from thinkmix.curation.read.jsontext import is_json
from thinkmix.curation.read.packed import BOM, opened
from thinkmix.schemas.errors import SourceError
from thinkmix.schemas.files import LINES, extension_of

_Layout = Literal["nothing", "lines", "array", "object"]
_Text = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens a file where its text begins."""

_HEAD = 1024 * 1024
_HELD = {"lines": "a row a line", "array": "an array of rows"}
_SHOWN_LISTS = 5


def text_pieces(
    file: str, path: Path, *, most: int, rows_in: str | None = None, encoding: str | None = None
) -> Iterator[Piece]:
    """Yield the rows of a JSON file: lines that are not blank, or the elements of an array.

    What the file holds is told from its content. Its name decides what content leaves open: whether one
    object on one line is a row, and whether lines without an object are broken rows or another kind of file.

    Args:
        file: name of the file.
        path: where it lies.
        most: bytes to which a longer row is cut.
        rows_in: keys, joined by dots, that lead to the array in a file that holds one object.
        encoding: of its text; unset means UTF-8. Rows are UTF-8 in either case.

    Raises:
        SourceError: if the file cannot be read to its end, or holds something else.
    """
    text = partial(opened, file, path, encoding)
    layout = _layout(file, text, rows_in)
    if rows_in is not None and layout in _HELD:
        held = f"`rows: {rows_in}` is for a file that holds one object, and this one holds {_HELD[layout]}"
        msg = f"{file}: {held}; leave `rows` out, or make a source of its own of it"
        raise SourceError(msg)
    with text() as stream:
        if layout == "lines":
            yield from _lines(stream, most)
        elif layout == "array":
            yield from array_items(stream, most=most)
        elif layout == "object":
            yield from _listed(text, stream, most, rows_in)


def _listed(text: _Text, stream: BinaryIO, most: int, rows_in: str | None) -> Iterator[Piece]:
    """Yield the elements of the list of rows in the one object that a file holds."""
    try:
        if rows_in is None:
            msg = "the file holds one object"
            raise NoSuchList(msg)
        yield from array_items(stream, most=most, path=rows_in.split("."))
    except NoSuchList as error:
        with text() as again:
            lists, all_seen = lists_in(again)
        asked = str(error) if rows_in is None else f"`rows: {rows_in}` leads to no list in the file's object"
        msg = f"{asked}{_way_out(lists, '' if all_seen else 'at least ')}"
        raise SourceError(msg) from None


def _way_out(lists: Mapping[str, int], about: str) -> str:
    """Return which lists there are, and what to say in the recipe."""
    if not lists:
        return "; no list of objects lies in it: rows stand in an array, or one a line in a .jsonl file"
    largest = max(lists, key=lambda name: lists[name])
    shown = ", ".join(f"{name!r} ({about}{count} items)" for name, count in [*lists.items()][:_SHOWN_LISTS])
    advice = f"say `rows: {largest}`; a row by itself belongs in a .jsonl file"
    return f" with lists of objects: {shown}; {advice}"


class _Head(NamedTuple):
    """The beginning of a file."""

    bracket: bytes
    """The first character that is not a space; empty if there is none."""
    lines: list[bytes]
    """Whole lines that are not blank."""
    whole: bool
    """Whether that is all of the file."""

    @property
    def is_one_line(self) -> bool:
        """Whether the file is one line of JSON."""
        return self.whole and len(self.lines) == 1 and is_json(self.lines[0])

    @property
    def is_lines(self) -> bool:
        """Whether the first line is JSON by itself or, as it may be a bad row, most others are objects."""
        if self.lines and self.bracket in b"[{" and is_json(self.lines[0]):
            return True
        others = self.lines[1:]
        return 2 * sum(map(_is_object, others)) > len(others)


def _head(text: _Text) -> _Head:
    with text() as stream:
        start = stream.read(_HEAD)
    whole = len(start) < _HEAD
    lines = [line for line in start.split(b"\n") if line.strip()]
    return _Head(start.lstrip()[:1], lines if whole else lines[:-1], whole)


def _layout(file: str, text: _Text, rows_in: str | None) -> _Layout:
    """Return how a file's rows are laid out, judged by its first lines and, if they do not tell, by more."""
    head = _head(text)
    by_line = extension_of(file) in LINES
    if not head.bracket:
        return "nothing" if head.whole else "lines"
    if head.bracket == b"[" and (head.is_one_line or not head.is_lines):
        return "array"
    if head.bracket == b"{" and (head.is_one_line or not head.is_lines):
        return _object_layout(file, text, by_line=by_line) if rows_in is None else "object"
    if head.is_lines or by_line:
        return "lines"
    msg = f"{file}: it holds neither an array of rows nor a row a line, and begins with {head.bracket!r}"
    raise SourceError(msg)


def _object_layout(file: str, text: _Text, *, by_line: bool) -> _Layout:
    """Return the layout of a file that begins with an object which is alone, or does not end soon.

    Args:
        file: name of the file.
        text: opens it.
        by_line: whether the name says that rows are lines.

    Raises:
        SourceError: if rows are neither lines nor in one object.
    """
    with text() as stream:
        first = first_object(stream)
    if first is None and not by_line:
        msg = f"{file}: it ends inside the object that it begins with"
        raise SourceError(msg)
    if first is None or (not first.spans_lines and (first.followed_by or by_line)):
        return "lines"
    if not first.followed_by:
        return "object"
    more = first.followed_by.decode(errors="replace")
    msg = f"{file}: it goes on with {more!r} after an object that spans lines: write a row a line (jq -c .)"
    raise SourceError(msg)


def _is_object(line: bytes) -> bool:
    return line.lstrip().startswith(b"{") and is_json(line)


def _lines(stream: BinaryIO, most: int) -> Iterator[Piece]:
    """Yield the lines that are not blank, each cut to `most` bytes."""
    while line := stream.readline(most):
        beyond = 0
        if not line.endswith(b"\n") and len(line) == most:
            beyond = _skip_line(stream)
        if line.startswith(BOM):  # files with a byte order mark each were joined
            line = line[len(BOM) :]
        if line.strip():
            yield Piece(line, len(line.rstrip(b"\r\n")) + beyond)


def _skip_line(stream: BinaryIO) -> int:
    skipped = 0
    while chunk := stream.readline(1024 * 1024):
        skipped += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return skipped
