"""The first rows of a source, wherever it lies: nothing is hashed, and of a hub one file is read in part."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.density import about_rows, count_rows, unpacked_size
from thinkmix.curation.read.read import RawRow, RawSlice, first_rows, read_rows, slices
from thinkmix.flows import sources
from thinkmix.flows.sources.contract import Matches, Source
from thinkmix.flows.sources.glimpse import MOST, Glimpse, glimpse
from thinkmix.flows.sources.patience import PATIENT, Patience
from thinkmix.schemas.artifact import Snapshot
from thinkmix.schemas.errors import SourceError
from thinkmix.schemas.files import kind_of

ROWS = 200
"""Rows of a source that are looked at."""

_FILES = 8
"""Files that they are taken from, where all lie on this machine."""

_COUNTED = 8 * 1024 * 1024
"""Size, unpacked, up to which a text on this machine is read to its end to count its rows."""

_FOOTERS = 500
"""Files of a source whose footers are all read, to know how many rows they hold."""


@dataclass(frozen=True)
class Taken:
    """The first rows of one file."""

    file: str
    rows: Sequence[RawRow]
    path: Path
    total: int
    """Rows that the file holds."""
    exact: bool
    """Whether they were counted; else the number is an estimate."""
    size: int


@dataclass(frozen=True)
class Sample:
    """The first rows of a source, and what is known of its files."""

    dataset: str
    commit: str
    """What the revision means now; empty for files on this machine, which are not hashed."""
    files: Mapping[str, int]
    """Bytes of each file."""
    matched: Mapping[str, int]
    """How many files each pattern means."""
    taken: Sequence[Taken]
    rows: int
    """Rows of all files together."""
    exact: bool
    """Whether all of them were counted."""
    fetched: int = 0
    """Bytes that were fetched to know it."""
    missing: int = 0
    """Bytes that a build would have to download."""

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(self.files.values())


@dataclass(frozen=True)
class Place:
    """Where a source is looked for, and what is fetched of it goes."""

    base: Path
    """Folder that its patterns start from."""
    scratch: Path
    """An empty folder for what is fetched."""
    downloads: Path | None = None
    """Where a store keeps what it fetched; a file that is there is not fetched again."""
    patience: Patience = PATIENT
    """How often a hub is asked again."""


def sample(source: Source, place: Place, *, max_row_bytes: int, least: int = 0) -> Sample:
    """Return the first rows of a source, at most `ROWS`.

    Args:
        source: from the recipe.
        place: where it is looked for.
        max_row_bytes: most bytes of text in a row.
        least: least rows that are read of each file, however many files there are.

    Raises:
        SourceError: if the source cannot be read.
    """
    found = source.matches(place.base)
    if found is not None:
        return _local(source, found, max_row_bytes, least)
    snapshot = sources.resolve(source, base=place.base, into=place.scratch, patience=place.patience)
    return _remote(source, snapshot, place, max_row_bytes)


def _local(source: Source, found: Matches, max_row_bytes: int, least: int) -> Sample:
    names = list(found.paths)
    chosen = _spread(names)
    share = max(least, -(-ROWS // len(chosen)))
    sizes = {name: path.stat().st_size for name, path in found.paths.items()}
    pieces = {
        name: slices(name, Blob(found.paths[name], ""), source.rows, source.encoding) for name in chosen
    }
    taken, short = [], 0
    for name in chosen:
        wanted = share + short
        found_rows = first_rows(pieces[name][0], wanted, max_row_bytes=max_row_bytes)
        short = max(0, wanted - len(found_rows))  # what a short file lacks, the next ones make up for
        total, exact = _total(pieces[name], found_rows, sizes[name], whole=short > 0, longest=max_row_bytes)
        taken.append(Taken(name, found_rows, found.paths[name], total, exact, sizes[name]))
    exact = all(kind_of(name) == "parquet" for name in names) and len(names) <= _FOOTERS
    if exact:
        others = (slices(name, Blob(path, "")) for name, path in found.paths.items() if name not in pieces)
        count = sum(one.total for one in taken) + sum(piece.rows or 0 for cut in others for piece in cut)
    else:
        count = _extrapolated(taken, sum(sizes.values()))
        exact = len(chosen) == len(names) and all(one.exact for one in taken)
    return Sample(source.name, "", sizes, found.matched, taken, count, exact)


def _spread(names: Sequence[str]) -> list[str]:
    """Return some of the names, spread evenly over all."""
    if len(names) <= _FILES:
        return list(names)
    return [names[place * len(names) // _FILES] for place in range(_FILES)]


def _total(
    pieces: Sequence[RawSlice], rows: Sequence[RawRow], size: int, *, whole: bool, longest: int | None = None
) -> tuple[int, bool]:
    """Return how many rows a file holds, and whether they were counted.

    Args:
        pieces: the file.
        rows: its first rows.
        size: bytes of the file.
        whole: whether these rows are all that can be read of a text.
        longest: most bytes of text in a row of a file that may be read to its end; unset for one with holes.
    """
    if pieces[0].row_groups is not None:
        return sum(piece.rows or 0 for piece in pieces), True
    if whole:
        return len(rows), True
    if longest is not None and unpacked_size(pieces[0], size) <= _COUNTED:
        return count_rows(pieces[0], longest=longest), True
    return about_rows(pieces[0], rows, size), False


def _extrapolated(taken: Sequence[Taken], size: int) -> int:
    """Return how many rows all files hold if they are as dense as those that were looked at."""
    seen = sum(one.size for one in taken)
    rows = sum(one.total for one in taken)
    return rows if seen >= size or not seen else round(rows * size / seen)


def _remote(source: Source, snapshot: Snapshot, place: Place, max_row_bytes: int) -> Sample:
    sizes = {file.path: file.size for file in snapshot.files}
    held = source.fetched(snapshot, into=place.downloads) if place.downloads else {}
    first = next((file for file in snapshot.files if file.path in held), snapshot.files[0])
    seen = None
    if first.path not in held:
        opener = source.opener(snapshot)
        seen = glimpse(first, opener, into=place.scratch / "files", rows=ROWS, patience=place.patience)
    path = held[first.path] if seen is None else seen.path
    pieces = slices(first.path, Blob(path, ""), source.rows, source.encoding)
    readable = pieces[0]
    if seen is not None and seen.row_groups is not None:
        readable = readable.model_copy(update={"row_groups": (0, seen.row_groups)})
    found = _first(readable, ROWS, max_row_bytes, seen)
    whole = len(found) < ROWS and (seen is None or seen.whole)
    total, exact = _total(pieces, found, first.size, whole=whole)
    taken = [Taken(first.path, found, path, total, exact, first.size)]
    return Sample(
        dataset=snapshot.dataset,
        commit=snapshot.commit,
        files=sizes,
        matched=snapshot.matched,
        taken=taken,
        rows=_extrapolated(taken, snapshot.size),
        exact=len(sizes) == 1 and exact,
        fetched=seen.fetched if seen else 0,
        missing=sum(size for name, size in sizes.items() if name not in held),
    )


def _first(piece: RawSlice, most: int, max_row_bytes: int, seen: Glimpse | None) -> Sequence[RawRow]:
    """Return the first rows of a file that may have holes: what cannot be read may lie in one of them."""
    while True:
        try:
            if seen is None or seen.whole or seen.row_groups is not None:
                return first_rows(piece, most, max_row_bytes=max_row_bytes)
            return _until_cut(piece, most, max_row_bytes)
        except SourceError:
            if seen is None or seen.whole:
                raise
            if not seen.more():
                most_of_it = f"more than {MOST >> 20} MB, and a sample fetches no more"
                msg = f"{piece.file}: its first {most} rows need {most_of_it}; build it to see"
                raise SourceError(msg) from None


def _until_cut(piece: RawSlice, most: int, max_row_bytes: int) -> Sequence[RawRow]:
    """Return the first rows of the beginning of a file of text; the last row may be cut off."""
    rows: list[RawRow] = []
    with suppress(SourceError):
        for row in read_rows(piece, max_row_bytes=max_row_bytes):
            rows.append(row)
            if len(rows) == most:
                return rows
    if len(rows) < 2:
        msg = f"{piece.file}: no row ends in its first megabytes, and a sample fetches no more"
        raise SourceError(msg)
    return rows[:-1]
