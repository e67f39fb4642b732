"""The first rows of a file on a hub, without the file: only the bytes are fetched that reading them needs.

They lie in a file of the same size and name, with holes for all the rest, so that what reads the whole file
reads its beginning, too. Nothing of it is verified or kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from thinkmix.curation.read.read import BATCH_ROWS
from thinkmix.flows.sources.http import Opener
from thinkmix.flows.sources.patience import Patience, Transient, retry
from thinkmix.schemas.artifact import RemoteFile
from thinkmix.schemas.errors import SourceError
from thinkmix.schemas.files import kind_of

MOST = 32 * 1024 * 1024
"""Most bytes that are fetched of a file."""

_WHOLE = 1024 * 1024
"""Size up to which a file is fetched whole: a second request would take longer."""

_TEXT = 4 * 1024 * 1024
_FOOTER = 64 * 1024
_TAIL = 8
_MAGIC = b"PAR1"


@dataclass
class Glimpse:
    """The beginning of one file, in a file with holes."""

    path: Path
    whole: bool
    """Whether no byte is missing."""
    row_groups: int | None = None
    """Of a table: how many row groups, from the first on, can be read; unset for text."""
    fetched: int = 0
    """Bytes that were fetched."""
    _open: "_Spans | None" = field(default=None, repr=False)

    def more(self) -> bool:
        """Fetch twice as much of a table; return whether there was any to fetch within `MOST`."""
        if self._open is None or self.whole or self.row_groups is None:
            return False
        before = self.fetched
        self._open.reach *= 2
        _fetch_columns(self, self._open)
        return self.fetched > before


@dataclass
class _Spans:
    """What was fetched of a file so far."""

    opener: Opener
    file: RemoteFile
    patience: Patience
    reach: float = 1.0
    """How much more of each column is fetched than its rows should need."""
    have: dict[int, int] = field(default_factory=dict)
    """Bytes that are there of each column, by where it begins."""


def glimpse(file: RemoteFile, opener: Opener, *, into: Path, rows: int, patience: Patience) -> Glimpse:
    """Return the beginning of a file that a hub holds.

    Args:
        file: as its hub lists it.
        opener: asks the hub for it from a byte on.
        into: folder for the file with holes.
        rows: rows that are to be read.
        patience: how often the hub is asked again.

    Raises:
        SourceError: if it cannot be fetched, or is no table although its name says so.
    """
    path = into / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    spans = _Spans(opener, file, patience)
    is_table = kind_of(file.path) == "parquet"
    found = Glimpse(path, whole=file.size <= _WHOLE, _open=spans)
    if found.whole or not is_table:
        found.whole = file.size <= _TEXT
        path.write_bytes(b"")
        _fetch(found, spans, 0, min(file.size, _TEXT))
        return found
    with path.open("wb") as out:
        out.truncate(file.size)
    _fetch_footer(found, spans)
    footer = pq.read_metadata(path)
    found.row_groups, seen = 0, 0
    while seen < rows and found.row_groups < footer.num_row_groups:
        seen += footer.row_group(found.row_groups).num_rows
        found.row_groups += 1
    _fetch_columns(found, spans)
    return found


def _fetch_footer(found: Glimpse, spans: _Spans) -> None:
    size = spans.file.size
    _fetch(found, spans, size - _FOOTER, _FOOTER)
    with found.path.open("rb") as file:
        file.seek(size - _TAIL)
        tail = file.read(_TAIL)
    need = int.from_bytes(tail[:4], "little") + _TAIL
    if tail[4:] != _MAGIC or need > min(size, MOST):
        msg = f"{spans.file.path}: not a parquet file: its last bytes are not those of one"
        raise SourceError(msg)
    if need > _FOOTER:
        _fetch(found, spans, size - need, need - _FOOTER)


def _fetch_columns(found: Glimpse, spans: _Spans) -> None:
    """Fetch of each column what its first rows should need, if that is within `MOST`."""
    wanted = list(_columns(found, spans))
    if found.fetched + sum(count - spans.have.get(start, 0) for start, count in wanted) > MOST:
        return
    for start, count in wanted:
        have = spans.have.get(start, 0)
        if count > have:
            _fetch(found, spans, start + have, count - have)
            spans.have[start] = count


def _columns(found: Glimpse, spans: _Spans) -> Iterator[tuple[int, int]]:
    """Yield where each column of the row groups begins, and how many bytes of it are wanted."""
    footer = pq.read_metadata(found.path)
    for number in range(found.row_groups or 0):
        group = footer.row_group(number)
        part = min(1.0, BATCH_ROWS / max(1, group.num_rows))
        for place in range(group.num_columns):
            column = group.column(place)
            starts = [column.data_page_offset]
            if column.has_dictionary_page:
                starts.append(column.dictionary_page_offset)
            size = column.total_compressed_size
            yield min(starts), min(size, int(spans.reach * (part * size + _FOOTER)))


def _fetch(found: Glimpse, spans: _Spans, start: int, count: int) -> None:
    """Write bytes of the file to their place."""
    what = f"file {spans.file.path!r}"
    content = retry(partial(_span, spans, start, count), what=what, patience=spans.patience)
    with found.path.open("r+b") as out:
        out.seek(start)
        out.write(content)
    found.fetched += len(content)


def _span(spans: _Spans, start: int, count: int) -> bytes:
    content = bytearray()
    with spans.opener(spans.file, start) as body:
        if body.start != start:
            reason = f"the hub sends the file from byte {body.start} on, where it was asked for byte {start}"
            raise Transient(reason)
        for chunk in body.chunks:
            content += chunk
            if len(content) >= count:
                break
    if len(content) < min(count, spans.file.size - start):
        reason = f"the answer ended after {len(content)} of {count} bytes"
        raise Transient(reason)
    return bytes(content[:count])
