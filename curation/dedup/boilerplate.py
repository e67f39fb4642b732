"""Boilerplate: the shingles that many texts of a source share, as an instruction around each exercise.

Two exercises in one instruction have most shingles in common and are not the same problem. Which shingles
are boilerplate depends on all rows of a source, so it is found after bands, which are made row by row, and
before texts are compared. Texts are counted, not rows: ten solutions of one problem state it once. At most
those whose hash is least are counted, and each shard keeps its own while bands are made of its texts: nothing
reads all texts a second time.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from thinkmix.curation.dedup.settings import BandPlan
from thinkmix.curation.files.index import open_index, write_index
from thinkmix.curation.text.kernels import NO_SHINGLES, Hashes
from thinkmix.curation.text.shingles import shingle_hashes

SHARE = 0.01
"""Part of a source's texts above which a shingle that they share is boilerplate."""
FEWEST = 10
"""Texts that must share it: of a small source a hundredth is a pair of duplicates."""
COUNTED = 5_000
"""Texts of a source that are counted: all, or those whose hash is least."""

_BUCKETS = 1 << 20
_ABOUT = {"index": "boilerplate"}
_LEAST = {"hash": pl.UInt64(), "text": pl.String()}
_GROUP_ROWS = 256  # of many shards a few texts each are read


class LeastTexts:
    """The distinct texts of a shard whose hash is least, taken batch by batch: those that may be counted."""

    def __init__(self) -> None:
        self._hashes = [np.empty(0, np.uint64)]
        self._texts: list[pa.Array] = []
        self._bound = NO_SHINGLES
        self._size = 0

    def add(self, texts: pa.Array, hashes: Hashes) -> None:
        """Take the texts of a batch that are among the least so far.

        Args:
            texts: strings.
            hashes: one per text, equal for equal word sequences; `NO_SHINGLES` for a text without words.
        """
        wanted = hashes < self._bound
        if not wanted.any():
            return
        self._hashes.append(hashes[wanted])
        # a copy, because a view would keep the whole batch; large, because together they may pass 2 GB
        self._texts.append(texts.filter(pa.array(wanted)).cast(pa.large_string()))
        self._size += len(self._hashes[-1])
        if self._size > 2 * COUNTED:
            self._trim()

    def write(self, out: Path) -> None:
        """Write them as parquet: `hash`, ascending, and `text`."""
        self._trim()
        texts = pl.Series(self._texts[0] if self._texts else [], dtype=pl.String)
        frame = pl.DataFrame({"hash": self._hashes[0], "text": texts}, schema=_LEAST)
        frame.write_parquet(out, compression_level=1, row_group_size=_GROUP_ROWS)

    def _trim(self) -> None:
        if not self._texts:
            return
        hashes, first = np.unique(np.concatenate(self._hashes), return_index=True)
        self._hashes = [hashes[:COUNTED]]
        self._texts = [pa.chunked_array(self._texts).take(pa.array(first[:COUNTED])).combine_chunks()]
        self._size = len(self._hashes[0])
        if self._size == COUNTED:
            self._bound = self._hashes[0][-1]


def boilerplate(least: Sequence[Path], *, plan: BandPlan) -> Hashes:
    """Return the sorted hashes of the shingles that more than `SHARE` of a source's texts have.

    They depend on the texts alone, not on their order or on how they are cut into shards.

    Args:
        least: what `LeastTexts` wrote of each shard of the source.
        plan: how texts are cut and hashed.
    """
    wanted = _counted(least)
    count = sum(map(len, wanted))
    limit = max(FEWEST, int(SHARE * count) + 1)
    if count < limit:
        return np.empty(0, np.uint64)
    hashes = np.concatenate([_shingles(path, rows, plan) for path, rows in zip(least, wanted, strict=True)])
    bucket = (hashes >> np.uint64(44)).astype(np.int32)  # most are dropped before what is left is sorted
    often = np.bincount(bucket, minlength=_BUCKETS)[bucket] >= limit
    values, counts = np.unique(hashes[often], return_counts=True)
    found: Hashes = values[counts >= limit]
    return found


def write_boilerplate(out: Path, hashes: Hashes) -> None:
    """Write what `boilerplate` found of one source."""
    write_index(out, hashes, _ABOUT)


def read_boilerplate(paths: Sequence[Path]) -> Hashes:
    """Return the boilerplate of all sources, sorted."""
    return np.unique(np.concatenate([np.empty(0, np.uint64), *(open_index(path, _ABOUT) for path in paths)]))


def _counted(least: Sequence[Path]) -> list[NDArray[np.int64]]:
    """Return the rows of each file whose texts are counted, ascending, one of each text."""
    hashes = [pl.read_parquet(path, columns=["hash"])["hash"].to_numpy() for path in least]
    first = np.unique(np.concatenate([np.empty(0, np.uint64), *hashes]), return_index=True)[1]
    rows = np.sort(first[:COUNTED])
    ends = np.cumsum([0, *map(len, hashes)])
    return [rows[(start <= rows) & (rows < end)] - start for start, end in pairwise(ends)]


def _shingles(path: Path, rows: NDArray[np.int64], plan: BandPlan) -> Hashes:
    """Return the shingles of some texts of a file, those of each text once."""
    if not len(rows):
        return np.empty(0, np.uint64)
    texts = pl.read_parquet(path, columns=["text"], n_rows=int(rows[-1]) + 1)["text"]
    return shingle_hashes(texts.gather(rows), shingle=plan.shingle)[0]
