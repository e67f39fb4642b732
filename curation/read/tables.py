"""Rows out of CSV and TSV files, streamed: the header names the columns, and all values are text."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple, Self

from pydantic_core import PydanticCustomError

from thinkmix.curation.read.encodings import SAMPLE, UNKNOWN, likely
from thinkmix.curation.read.packed import opened
from thinkmix.schemas.errors import SourceError
from thinkmix.schemas.files import extension_of
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault

_DELIMITERS = (",", "\t", ";")
_QUOTE = '"'
_ANY_SIZE = 2**31 - 1
_PART = 1024 * 1024


class TableRow(NamedTuple):
    """A row of a table with its text, or the reason why it cannot be read."""

    values: Mapping[str, str | None]
    """Cells by column; an empty cell is None."""
    fault: PydanticCustomError | None = None
    text: str = ""
    foreign: bytes = b""
    """The beginning of the row if it is not UTF-8."""


def table_rows(file: str, path: Path, *, most: int, encoding: str | None = None) -> Iterator[TableRow]:
    """Yield the rows of a CSV or TSV file as RFC 4180 writes them, and skip blank lines.

    Args:
        file: name of the file.
        path: where it lies.
        most: characters in the longest row.
        encoding: of its text; unset means UTF-8.

    Raises:
        SourceError: if the file cannot be read to its end, ends inside quotes, or has no good header.
    """
    csv.field_size_limit(_ANY_SIZE)  # rows are bounded below
    with opened(file, path, encoding) as stream:
        text = TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="")
        lines = _Lines(text, most)
        header = _header(lines, "\t" if extension_of(file) == ".tsv" else ",")
        if header is not None:
            yield from _rows(lines, *header)


class _TooLong(Exception):
    """A row is longer than allowed."""


class _Lines:
    """Lines of text for a reader of `csv`, and which of them the row so far was read from."""

    def __init__(self, text: TextIOWrapper, most: int) -> None:
        self._text = text
        self._most = most
        self._first, self._last = 1, 0
        self._row: list[str] = []
        self.size = 0
        """Characters of the row so far."""
        self.ended = False

    def begin(self) -> None:
        """Begin a row."""
        self._row, self.size = [], 0
        self._first = self._last + 1

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._text.readline(self._most + 1 - self.size)
        if not line:
            self.ended = True
            raise StopIteration
        self._last += 1
        self._row.append(line)
        self.size += len(line)
        if self.size > self._most:
            raise _TooLong
        return line

    @property
    def row(self) -> str:
        """The row so far."""
        return "".join(self._row)

    @property
    def place(self) -> str:
        """Which lines of the file the row begins and ends on."""
        first, last = self._first, self._last
        return f"line {first}" if first == last else f"lines {first} to {last}"

    def skip_row(self) -> None:
        """Go on to the end of the row without holding it: where a line ends and no quote is open."""
        part, quotes = self._row[-1], self.row.count(_QUOTE)
        while quotes % 2 or not part.endswith(("\n", "\r")):
            self._last += part.endswith(("\n", "\r"))
            if not (part := self._text.readline(_PART)):
                self.ended = quotes % 2 == 1
                return
            quotes += part.count(_QUOTE)
            self.size += len(part)


def _header(lines: _Lines, usual: str) -> tuple[Sequence[str], str] | None:
    """Return the names of the columns and the separator of cells; None for a file without a line.

    Raises:
        SourceError: for a header that does not name columns.
    """
    try:
        cells = next((cells for cells in csv.reader(lines, delimiter=usual, strict=True) if cells), None)
    except (csv.Error, _TooLong):
        msg = "its header is not a line of column names"
        raise SourceError(msg) from None
    if cells is None:
        return None
    header = lines.row.lstrip("\r\n")
    if not _is_utf8(header):
        seems = likely(header.encode(errors="surrogateescape"))
        name = "" if seems == UNKNOWN else f", which may be {seems}"
        msg = f"its header is not UTF-8; state the file's `encoding` in its source{name}"
        raise SourceError(msg)
    delimiter = usual
    for other in _DELIMITERS if len(cells) == 1 else ():
        if other in header and len(found := _cells(header, other)) > 1:
            cells, delimiter = found, other
            break
    names = [name or f"Unnamed: {place}" for place, name in enumerate(cells)]  # as pandas calls them
    if twice := sorted({name for name in names if names.count(name) > 1}):
        msg = f"its header names {', '.join(map(repr, twice))} twice; give each column its own name"
        raise SourceError(msg)
    return names, delimiter


def _cells(header: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _rows(lines: _Lines, names: Sequence[str], delimiter: str) -> Iterator[TableRow]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLong:
            lines.skip_row()
            _refuse_open_quote(lines)
            detail = f"{lines.place}: a row of {lines.size} characters"
            yield _unread(lines, Reason.TOO_BIG, detail)
        except csv.Error as error:
            _refuse_open_quote(lines)
            yield _unread(lines, Reason.BAD_CSV, f"{lines.place}: {error}")
        else:
            if cells:  # not a blank line
                yield _row(cells, names, lines)


def _row(cells: Sequence[str], names: Sequence[str], lines: _Lines) -> TableRow:
    if not _is_utf8(lines.row):
        raw = lines.row[:SAMPLE].encode(errors="surrogateescape")
        return _unread(lines, Reason.BAD_CSV, f"{lines.place}: not UTF-8")._replace(foreign=raw)
    if len(cells) != len(names):
        detail = f"{lines.place}: {len(cells)} cells, and the header names {len(names)} columns"
        return _unread(lines, Reason.BAD_CSV, detail)
    return TableRow({name: cell or None for name, cell in zip(names, cells, strict=True)})


def _unread(lines: _Lines, reason: Reason, detail: str) -> TableRow:
    text = lines.row.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return TableRow({}, fault(reason, detail), text.rstrip("\r\n"))


def _refuse_open_quote(lines: _Lines) -> None:
    """Refuse a file that ends inside quotes: it is cut off, or all its last rows are lost in one."""
    if lines.ended:
        msg = f"{lines.place}: a quote opens and does not close; a quote within quotes is written twice"
        raise SourceError(msg)


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
