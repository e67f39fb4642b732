"""Rows that people write by hand: a file of csv or JSON lines, checked as a build reads it, never cut off."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import orjson

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import RawRow, read_rows, slices
from thinkmix.curation.rules.known import why
from thinkmix.curation.validate.rowwise import Origin, judge
from thinkmix.flows.sources.local_source import LocalSource
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.schemas.errors import NotFound, StoreError
from thinkmix.schemas.patterns import as_name
from thinkmix.schemas.plain import plain
from thinkmix.schemas.record import Record
from thinkmix.schemas.yaml_line import yaml_line

Kind = Literal["question", "problem", "chat"]

FIELDS: Mapping[Kind, tuple[str, ...]] = {
    "question": ("question", "answer"),
    "problem": ("question", "reasoning", "answer"),
    "chat": ("messages",),
}
"""What a person fills in; `author` and `date` follow, which say what a row is and are never trained."""

ABOUT = ("author", "date")

_LARGEST = 1_000_000
_SHOWN = 100


class Fault(Record):
    """What is wrong with a row."""

    row: int
    """Counted from 0, without the header."""
    reason: str
    says: str
    """What is wrong, where in the row."""
    meaning: str
    """The reason in a sentence."""
    first: str
    """The first words of the row."""


class HandRows(Record):
    """A file of hand-made rows, as a build would read it."""

    file: str
    rows: int
    faults: tuple[Fault, ...]
    authors: Mapping[str, int]
    """Rows by author; under an empty name those without one."""
    source: str
    """The source that a recipe states for it, in YAML."""


def begin(path: Path, kind: Kind) -> None:
    """Make a file for hand-made rows: a header, or nothing at all, for an example would be trained on.

    Raises:
        NotFound: if its name ends in anything but `.csv` or `.jsonl`, or rows of the kind need lines of JSON.
        StoreError: if it is there already, or cannot be written.
    """
    if _ending(path) == "csv" and kind == "chat":
        msg = f"{path}: a chat has a list of turns, which a table cannot hold; name it {path.stem}.jsonl"
        raise NotFound(msg)
    header = ",".join((*FIELDS[kind], *ABOUT)) + "\n" if _ending(path) == "csv" else ""
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(header)
    except FileExistsError:
        msg = f"{path} is there already; add to it, or take another name"
        raise StoreError(msg) from None
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise StoreError(msg) from None


def kind_of_rows(path: Path) -> Kind:
    """Return the kind of a file's rows, by its header or its first row.

    Raises:
        NotFound: if the columns are those of no kind.
    """
    columns = _columns(path)
    for kind in ("chat", "problem", "question"):
        if set(FIELDS[kind]) <= set(columns):
            return kind
    if not columns:
        return "question"
    msg = f"{path}: its columns are {', '.join(map(plain, columns))}"
    raise NotFound(f"{msg}; `thinkmix init {path}` makes a recipe over any file")


def add(path: Path, kind: Kind, fields: Mapping[str, object], *, author: str) -> Fault | None:
    """Add a row to a file if it is a valid one, and return what is wrong with it if it is not.

    The row is on the disk when this returns, and no row before it is ever rewritten.

    Args:
        path: the file.
        kind: of its rows.
        fields: of the row.
        author: who wrote it; the date is that of today, UTC.

    Raises:
        StoreError: if the file cannot be written.
    """
    row = {**fields, "author": author, "date": datetime.now(UTC).date().isoformat()}
    found = _fault(RawRow(0, dict(row), None, ""), _origin(path, kind))
    if found:
        return found
    if _ending(path) == "csv":
        out = io.StringIO()
        columns = _columns(path)
        writer = csv.writer(out, delimiter=_delimiter(path), lineterminator="\n")
        writer.writerow([row.get(name, "") for name in columns])
        _append(path, out.getvalue().encode())
    else:
        _append(path, orjson.dumps(row) + b"\n")
    return None


def check(path: Path) -> HandRows:
    """Return what a build would say of every row of a file.

    Raises:
        NotFound: if it is not there, or no file of hand-made rows.
        SourceError: if it cannot be read.
    """
    if not path.is_file():
        msg = f"{path} is not there; `thinkmix new-rows {path}` begins it"
        raise NotFound(msg)
    kind = kind_of_rows(path)
    origin, faults, count = _origin(path, kind), [], 0
    authors: dict[str, int] = {}
    for piece in slices(path.name, Blob(path, "")) if path.stat().st_size else ():
        for row in read_rows(piece, max_row_bytes=_LARGEST):
            count += 1
            author = row.values.get("author") if row.fault is None else None
            name = plain(author, _SHOWN) if isinstance(author, str) else ""
            authors[name] = authors.get(name, 0) + 1
            if found := _fault(row, origin):
                faults.append(found)
    return HandRows(
        file=str(path), rows=count, faults=tuple(faults), authors=authors, source=_stanza(path, kind)
    )


def _fault(row: RawRow, origin: Origin) -> Fault | None:
    judged = judge(row, origin=origin, max_row_bytes=_LARGEST)
    if judged.reason is None:
        return None
    said = next((value for value in row.values.values() if isinstance(value, str) and value.strip()), "")
    return Fault(
        row=row.number,
        reason=judged.reason,
        says=plain(judged.detail, 300),
        meaning=why(judged.reason).sentence,
        first=plain(said, _SHOWN),
    )


def _origin(path: Path, kind: Kind) -> Origin:
    pair = {"type": "qa", "question": "question", "answer": "answer"}
    format = {"type": "messages"} if kind == "chat" else pair
    if kind == "problem":
        format["reasoning"] = "reasoning"
    return Origin(LocalSource(name="rows", files=(path.name,), format=format), path.name)


def _stanza(path: Path, kind: Kind) -> str:
    """Return the source that a recipe states for the file."""
    more = ", reasoning: reasoning" if kind == "problem" else ""
    format = "messages" if kind == "chat" else f"{{type: qa, question: question, answer: answer{more}}}"
    name = as_name(path.stem) or "rows"
    file = yaml_line(str(path.absolute()))
    return f"- name: {name}\n  kind: local\n  files: [{file}]\n  format: {format}"


def _ending(path: Path) -> str:
    """Return which of the two kinds of file it is.

    Raises:
        NotFound: if it is neither.
    """
    if path.suffix not in (".csv", ".jsonl"):
        msg = f"{path}: rows are written by hand into a file of .csv (a table) or .jsonl (a row a line)"
        raise NotFound(msg)
    return path.suffix[1:]


def _columns(path: Path) -> Sequence[str]:
    """Return the columns of a file: of lines of JSON the keys of its first row."""
    if _ending(path) == "csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file, delimiter=_delimiter(path)), [])
    with path.open("rb") as file:
        try:
            first = orjson.loads(file.readline() or b"{}")
        except ValueError:
            return ()
    return tuple(first) if isinstance(first, dict) else ()


def _delimiter(path: Path) -> str:
    """Return what stands between the cells of the header: a spreadsheet may write semicolons."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
    return max(",;\t", key=header.count)


def _append(path: Path, line: bytes) -> None:
    """Add a line in one write, and wait until it is on the disk; a line that was cut off before stays one."""
    with full_disk(path.parent):
        handle = os.open(path, os.O_RDWR | os.O_APPEND)
        try:
            size = os.fstat(handle).st_size
            whole = not size or os.pread(handle, 1, size - 1) == b"\n"
            content = line if whole else b"\n" + line
            if os.write(handle, content) != len(content):
                os.ftruncate(handle, size)  # a full disk took a part of it
                msg = f"{path} cannot be written: no space is left; the row was not added"
                raise StoreError(msg)
            os.fsync(handle)
        finally:
            os.close(handle)
