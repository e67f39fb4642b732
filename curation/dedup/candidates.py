"""From band files to near-equal texts and what leads them: one band, then one stretch of texts at a time."""

import mmap
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from thinkmix.curation.dedup.clusters import (
    Buckets,
    Items,
    Rows,
    ShingleSets,
    buckets,
    join,
    leaders,
    part_sets,
    roots,
    similarities,
    singletons,
)
from thinkmix.curation.dedup.settings import BandPlan, DedupPlan
from thinkmix.curation.files.index import IndexRows
from thinkmix.curation.text.kernels import NO_SHINGLES, Flags, Hashes, Offsets
from thinkmix.curation.text.shingles import shingle_hashes

FINGERPRINT_ROWS = 2
"""Rows of a band file after its bands: 128 bits of the text's word sequence."""

Texts = Callable[[], Iterator[pa.Array]]
"""Yields all texts of a shard in their order, batch by batch."""

Item = TypeVar("Item")
Made = TypeVar("Made")

_BATCH_ROWS = 8_192
_BUDGET = 32 << 20  # shingles of 8 bytes looked at before their pages are released
_PAIRS = 1 << 17
_COPIED = 1 << 20


@dataclass(frozen=True)
class ShingleStore:
    """Shingle sets of the candidate texts, in a file that is mapped while it is read."""

    path: Path
    rows: NDArray[np.int64]
    """Row of each candidate text, ascending."""
    offsets: Offsets
    """Where each text's set starts and ends, in shingles."""
    middle: Offsets
    """Where the boilerplate of each text's set starts."""

    def sets(self, pages: mmap.mmap) -> ShingleSets:
        """Return the sets in the mapped file."""
        return ShingleSets(np.frombuffer(pages, np.uint64), self.offsets, self.middle)

    def places(self, rows: Rows) -> Rows:
        """Return where in `rows` some rows are, -1 for those that are no candidates."""
        found = np.searchsorted(self.rows, rows)
        there = found < len(self.rows)
        there[there] = self.rows[found[there]] == rows[there]
        return np.where(there, found, -1).astype(np.int32)


class ShardRows(NamedTuple):
    """Some rows of a shard."""

    texts: Texts
    first: int
    """The number of its first row among those of all shards."""
    rows: NDArray[np.int64]
    """Places in the shard, ascending."""


@dataclass(frozen=True)
class PairCounts:
    """Pairs of texts that were compared, and those that reached the threshold."""

    compared: int
    matched: int


def about_bands(plan: BandPlan) -> dict[str, object]:
    """Return what the header of a band file says: all that decides which texts have equal bands."""
    cut = {"shingle": plan.shingle, "permutations": plan.permutations, "bands": plan.bands, "seed": plan.seed}
    return {"index": "minhash bands", "scheme": "affine32", **cut}


def read_band(bands: Sequence[IndexRows], band: int) -> Hashes:
    """Return one row of all band files, shard after shard."""
    parts = [rows.read(band) for rows in bands]
    return np.concatenate(parts) if parts else np.empty(0, np.uint64)


def each(work: Callable[[Item], Made], items: Iterable[Item], threads: int) -> list[Made]:
    """Return what work makes of each item, in their order; kernels and libraries let threads run at once."""
    if threads == 1:
        return list(map(work, items))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))


def propose(
    bands: Sequence[IndexRows], eligible: Flags, scratch: Path, *, plan: DedupPlan, threads: int
) -> NDArray[np.int64]:
    """Write the buckets of each band to `scratch`; return the rows that are in any, ascending."""
    proposed = np.zeros(len(eligible), np.bool_)

    def of_band(band: int) -> None:
        hashes = read_band(bands, band)
        hashes[~eligible] = NO_SHINGLES
        members, bounds = buckets(hashes)
        proposed[members] = True
        np.save(_members(scratch, band), members)
        np.save(_bounds(scratch, band), bounds)

    each(of_band, range(plan.bands), threads)
    return np.flatnonzero(proposed)


def store_shingles(
    shards: Sequence[ShardRows], boilerplate: Hashes, scratch: Path, *, plan: DedupPlan, threads: int
) -> ShingleStore:
    """Write the shingle sets of some rows' texts to `scratch`, batch by batch, a run of shards a thread."""
    path = scratch / "shingles.u64"
    ends = np.cumsum([0, *(len(shard.rows) for shard in shards)])
    group = np.minimum(ends[:-1] * threads // max(ends[-1], 1), threads - 1)
    groups = [
        ([shard for shard, of in zip(shards, group, strict=True) if of == number], part)
        for number, part in enumerate([path, *(scratch / f"shingles-{n}.u64" for n in range(1, threads))])
    ]
    found = each(partial(_write_sets, boilerplate=boilerplate, plan=plan), groups, threads)
    sizes = [np.zeros(1, np.int64), *(size for size, _ in found)]
    starts = np.cumsum([0, *(int(size.sum()) for size, _ in found)])
    with path.open("ab") as whole:
        for _, part in groups[1:]:
            with part.open("rb") as more:
                shutil.copyfileobj(more, whole, _COPIED)
            part.unlink()
    middles = [middle + start for (_, middle), start in zip(found, starts[:-1], strict=True)]
    rows = np.concatenate([np.empty(0, np.int64), *(shard.first + shard.rows for shard in shards)])
    return ShingleStore(path, rows, np.cumsum(np.concatenate(sizes)), np.concatenate(middles))


def _write_sets(
    part: tuple[Sequence[ShardRows], Path], *, boilerplate: Hashes, plan: DedupPlan
) -> tuple[Offsets, Offsets]:
    """Write the sets of some shards' texts; return their sizes, and where the boilerplate of each starts."""
    shards, path = part
    sizes, middles, written = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0
    with path.open("wb") as file:
        for texts in texts_of(shards):
            hashes, offsets = shingle_hashes(texts, shingle=plan.shingle)
            middle = offsets[1:].copy()
            if len(boilerplate):
                part_sets(hashes, offsets, boilerplate, middle)
            file.write(hashes.data)
            sizes.append(np.diff(offsets))
            middles.append(middle + written)
            written += len(hashes)
    return np.concatenate(sizes), np.concatenate(middles)


def cluster(store: ShingleStore, scratch: Path, *, plan: DedupPlan) -> tuple[Rows, PairCounts]:
    """Return the cluster of each candidate text, named by one of its texts, and what was compared."""
    parent, counts = singletons(len(store.rows)), np.zeros(2, np.int64)
    place = np.zeros(store.rows.max(initial=-1) + 1, np.int32)
    place[store.rows] = parent
    pages = _mapped(store.path)
    sets = store.sets(pages)
    for band in range(plan.bands):
        members = place[np.load(_members(scratch, band))]
        proposed, at = Buckets(members, np.load(_bounds(scratch, band))), 0
        while at < len(proposed.bounds) - 1:
            at = join(proposed, at, _BUDGET, sets, plan.threshold, parent, counts)
            _release(pages)
    return roots(parent), PairCounts(compared=int(counts[0]), matched=int(counts[1]))


def lead(store: ShingleStore, items: Items, *, plan: DedupPlan) -> Rows:
    """Return which item leads each, see `clusters.leaders`."""
    found, known, at = np.empty(len(items.texts), np.int32), items.answers.copy(), 0
    pages = _mapped(store.path)
    sets = store.sets(pages)
    while at < len(items.bounds) - 1:
        at = leaders(items, at, _BUDGET, sets, plan.threshold, known, found)
        _release(pages)
    return found


def text_similarity(store: ShingleStore, left: Rows, right: Rows) -> NDArray[np.float32]:
    """Return the similarity of pairs of candidate rows, see `clusters`."""
    found = np.empty(len(left), np.float32)
    pages = _mapped(store.path)
    sets = store.sets(pages)
    for start in range(0, len(left), _PAIRS):
        part = slice(start, start + _PAIRS)
        similarities(store.places(left[part]), store.places(right[part]), sets, found[part])
        _release(pages)
    return found


def key_texts(keys: Path) -> Iterator[pa.Array]:
    """Yield the column `text` of a parquet file."""
    with pq.ParquetFile(keys) as shard:
        for batch in shard.iter_batches(_BATCH_ROWS, columns=["text"], use_threads=False):
            yield batch.column(0)


def rows_of_shards(texts: Sequence[Texts], counts: Sequence[int], rows: NDArray[np.int64]) -> list[ShardRows]:
    """Return which of some ascending rows of all shards each shard has."""
    ends = np.cumsum([0, *counts])
    places = np.searchsorted(rows, ends)
    return [
        ShardRows(of_shard, int(first), rows[start:end] - first)
        for of_shard, first, start, end in zip(texts, ends, places, places[1:], strict=False)
    ]


def texts_of(shards: Sequence[ShardRows]) -> Iterator[pl.Series]:
    """Yield the texts of rows, batch by batch; a shard without such rows is not opened."""
    for shard in shards:
        first, wanted = 0, shard.rows
        for batch in shard.texts() if len(wanted) else ():
            here = (
                wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, first + len(batch))] - first
            )
            if len(here):
                yield pl.Series(batch).gather(here)
            first += len(batch)
            if first > wanted[-1]:
                break


def _mapped(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        if not path.stat().st_size:
            return mmap.mmap(-1, 8)
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _release(pages: mmap.mmap) -> None:
    """Let go of the pages read so far: they stay in the file and in the page cache, but are not ours."""
    if hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)


def _members(scratch: Path, band: int) -> Path:
    return scratch / f"members-{band:03}.npy"


def _bounds(scratch: Path, band: int) -> Path:
    return scratch / f"bounds-{band:03}.npy"
