"""Boilerplate: the shingles that many texts of a source share, as an instruction around each exercise.

Two exercises in one instruction have most shingles in common and are not the same problem. Which shingles
are boilerplate depends on all rows of a source, so it is found after bands, which are made row by row, and
before texts are compared. Texts are counted, not rows: ten solutions of one problem state it once.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.dedup.candidates import (
    ShardRows,
    Texts,
    about_bands,
    each,
    read_band,
    rows_of_shards,
    texts_of,
)
from thinkmix.curation.dedup.settings import BandPlan
from thinkmix.curation.files.index import index_rows, open_index, write_index
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


def boilerplate(texts: Sequence[Texts], bands: Sequence[Path], *, plan: BandPlan, threads: int = 1) -> Hashes:
    """Return the sorted hashes of the shingles that more than `SHARE` of a source's texts have.

    They depend on the texts alone, not on their order or on how they are cut into shards.

    Args:
        texts: of each shard of the source.
        bands: what `dedup.write_bands` made of each under the same plan.
        plan: how texts are cut and hashed.
        threads: how many shards may be read at once.
    """
    indexes = [index_rows(path, about_bands(plan)) for path in bands]
    rows = _counted(read_band(indexes, plan.bands))
    limit = max(FEWEST, int(SHARE * len(rows)) + 1)
    if len(rows) < limit:
        return np.empty(0, np.uint64)
    shards = rows_of_shards(texts, [index.shape[1] for index in indexes], rows)
    hashes = np.concatenate(each(partial(_shingles, shingle=plan.shingle), shards, threads))
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


def _shingles(shard: ShardRows, *, shingle: int) -> Hashes:
    """Return the shingles of some texts of a shard, those of each text once."""
    sets = [shingle_hashes(some, shingle=shingle)[0] for some in texts_of([shard])]
    return np.concatenate([np.empty(0, np.uint64), *sets])


def _counted(hashes: Hashes) -> NDArray[np.int64]:
    """Return the rows whose texts are counted, ascending, one of each text: of each hash one."""
    values, rows = np.unique(hashes, return_index=True)
    rows = rows[values != NO_SHINGLES]
    return np.sort(rows[:COUNTED])
