"""Exact and near-duplicates of a whole corpus, shard files in and shard files out.

`write_bands` runs once per shard, in any process. `find_duplicates` then sees all shards: it holds about a
hundred bytes per row, reads one band at a time, and loads only texts that share a bucket with another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from thinkmix.curation.dedup.boilerplate import read_boilerplate
from thinkmix.curation.dedup.candidates import (
    FINGERPRINT_ROWS,
    PairCounts,
    ShingleStore,
    Texts,
    about_bands,
    cluster,
    each,
    key_texts,
    lead,
    propose,
    read_band,
    rows_of_shards,
    store_shingles,
    text_similarity,
)
from thinkmix.curation.dedup.clusters import Items, Rows, equal_groups
from thinkmix.curation.dedup.keys import (
    NO_POLICIES,
    UNKNOWN,
    VERIFIED,
    WRONG,
    KeyColumns,
    hex_series,
    read_hex,
    read_keys,
    shard_rows,
)
from thinkmix.curation.dedup.settings import BandPlan, DedupPlan
from thinkmix.curation.dedup.survivors import (
    CAP,
    EVAL,
    EXACT,
    NEAR,
    STAYS,
    Integers,
    Outcomes,
    Solutions,
    best_of,
    problem_outcomes,
)
from thinkmix.curation.files.index import IndexRows, index_rows, write_index
from thinkmix.curation.files.shards import ROWS_AT_ONCE, bounded_lists
from thinkmix.curation.tables import VERDICT_SCHEMA
from thinkmix.curation.text.kernels import NO_SHINGLES, Flags, Hashes
from thinkmix.curation.text.minhash import PRINTS, band_hashes, sketches
from thinkmix.curation.validate.settings import CapBy
from thinkmix.schemas.reasons import Reason

_REASONS = {
    STAYS: None,
    EXACT: Reason.EXACT_DUP,
    NEAR: Reason.NEAR_DUP,
    CAP: Reason.SOLUTION_CAP,
    EVAL: Reason.EVAL_OVERLAP,
}
_BETTER = {
    (WRONG, VERIFIED): "its answer is wrong, that of the row that stays is verified",
    (WRONG, UNKNOWN): "its answer is wrong, that of the row that stays is not known to be",
    (UNKNOWN, VERIFIED): "its answer is not verified, that of the row that stays is",
}
"""What is said of a row that loses by its answer, by its doubt and that of the row that stays."""
_BATCH_ROWS = 16_384


@dataclass(frozen=True)
class DedupCounts:
    """What the search for duplicates did, in rows, distinct texts and pairs of texts."""

    rows: int
    exact_dup: int
    near_dup: int
    solution_cap: int
    eval_overlap: int
    texts: int
    """Distinct word sequences among the rows that are no exact duplicates."""
    candidates: int
    """Distinct texts that shared a bucket with another."""
    pairs_compared: int
    pairs_matched: int


@dataclass(frozen=True)
class _Compared:
    """Which rows have the same text, and which texts are in one cluster; rows are named by row."""

    same: Rows
    clusters: Rows
    store: ShingleStore
    pairs: PairCounts
    distinct: int


@dataclass(frozen=True)
class _Verdicts:
    outcomes: Outcomes
    winner: Rows
    similarity: NDArray[np.float32]
    least_id: Rows
    problems: Rows
    cluster_size: NDArray[np.int64]


def write_bands(keys: Path, out: Path, *, plan: BandPlan) -> None:
    """Write what `find_duplicates` needs of the texts of one shard.

    Args:
        keys: parquet with a column `text`.
        out: index file to write: `text_bands` of each batch, side by side.
        plan: how texts are cut and hashed.
    """
    with pq.ParquetFile(keys) as shard:
        table = np.empty((plan.bands + PRINTS, shard.metadata.num_rows), np.uint64)
        done = 0
        for batch in shard.iter_batches(_BATCH_ROWS, columns=["text"], use_threads=False):
            end = done + len(batch)
            table[:, done:end] = text_bands(pl.Series(batch.column(0)), plan=plan)
            done = end
    write_index(out, table, about_bands(plan))


def text_bands(texts: pl.Series, *, plan: BandPlan) -> Hashes:
    """Return what near-duplicates are found by, shape (plan.bands + 3, texts).

    A hash per band, 128 bits of the text's word sequence, and a hash of its numbers. A text without
    words has `kernels.NO_SHINGLES` throughout.
    """
    table = np.empty((plan.bands + PRINTS, len(texts)), np.uint64)
    signed, prints = sketches(texts, shingle=plan.shingle, permutations=plan.permutations, seed=plan.seed)
    table[: plan.bands] = band_hashes(signed, plan.bands)
    table[plan.bands :] = prints
    table[:, table[0] == NO_SHINGLES] = NO_SHINGLES
    return table


def find_duplicates(
    keys: Sequence[Path],
    bands: Sequence[Path],
    verdicts: Sequence[Path],
    *,
    plan: DedupPlan,
    boilerplate: Sequence[Path] = (),
    overlaps: Sequence[Path] = (),
    texts: Sequence[Texts] = (),
    threads: int = 1,
    cap_by: Mapping[str, CapBy] = NO_POLICIES,
) -> DedupCounts:
    """Decide for every row of all shards whether it stays, and write one verdict file per shard.

    Verdicts depend on the rows alone: not on their order, on how they are cut into shards, or on threads.

    Args:
        keys: one parquet per shard, in the columns of `tables.KEY_SCHEMA`.
        bands: what `write_bands` made of each under the same plan.
        verdicts: parquet files to write, in the columns of `VERDICT_SCHEMA`; beside the first lies the
            scratch folder, of up to 8 bytes per shingle of the texts that are compared.
        plan: bands and threshold.
        boilerplate: what `boilerplate.write_boilerplate` wrote of each source.
        overlaps: of each shard the rows that repeat an evaluation (schema `tables.OVERLAP`); those with
            the action `drop` are out.
        texts: of each shard, if they are not a column of `keys`.
        threads: how many may run at once; each holds some texts and a band of its own.
        cap_by: sources whose solutions are not chosen by solver, see `validate.settings.CapBy`.

    Raises:
        ValueError: if an id or content key is not hexadecimal, or a band file does not fit its keys.
    """
    indexes = _open_bands(keys, bands, plan=plan)
    columns = read_keys(keys, cap_by)
    details = _details(shard_rows(keys), overlaps)
    out = np.fromiter(details, np.int64, len(details))
    contents = read_hex(keys, "content_key")
    contents[0, out] = NO_SHINGLES
    originals = best_of(equal_groups(*contents), columns.ranks)
    del contents
    with TemporaryDirectory(dir=verdicts[0].parent if verdicts else None, prefix=".dedup-") as scratch:
        shared = read_boilerplate(boilerplate)
        compare = partial(_compare_texts, texts or [partial(key_texts, path) for path in keys], indexes)
        compared = compare(originals, out, shared, Path(scratch), plan=plan, threads=threads)
        numbers = read_band(indexes, plan.bands + FINGERPRINT_ROWS) if plan.numbers == "distinguish" else None
        decided = _decide(columns, originals, compared, numbers, plan=plan)
    decided.outcomes[out] = EVAL
    _write_verdicts(verdicts, shard_rows(keys), columns, decided, details, threads)
    outcomes = np.bincount(decided.outcomes, minlength=len(_REASONS))
    return DedupCounts(
        rows=len(originals),
        exact_dup=int(outcomes[EXACT]),
        near_dup=int(outcomes[NEAR]),
        solution_cap=int(outcomes[CAP]),
        eval_overlap=int(outcomes[EVAL]),
        texts=compared.distinct,
        candidates=len(compared.store.rows),
        pairs_compared=compared.pairs.compared,
        pairs_matched=compared.pairs.matched,
    )


def _details(rows: Sequence[int], overlaps: Sequence[Path]) -> dict[int, str]:
    """Return by row what it repeats of an evaluation."""
    found: dict[int, str] = {}
    first = 0
    for path, count in zip(overlaps, rows, strict=False):
        for place, detail in (
            pl.read_parquet(path).filter(action="drop").select("place", "detail").iter_rows()
        ):
            found[first + place] = detail
        first += count
    return found


def _open_bands(keys: Sequence[Path], bands: Sequence[Path], *, plan: DedupPlan) -> list[IndexRows]:
    about = about_bands(plan)
    indexes = [index_rows(path, about) for path in bands]
    for index, rows in zip(indexes, shard_rows(keys), strict=True):
        if index.shape != (plan.bands + PRINTS, rows):
            shape = f"{index.shape} is not the shape of {plan.bands} bands and {rows} rows"
            msg = f"{index.path}: {shape}; write it again"
            raise ValueError(msg)
    return indexes


def _compare_texts(
    texts: Sequence[Texts],
    bands: Sequence[IndexRows],
    originals: Rows,
    out: Integers,
    boilerplate: Hashes,
    scratch: Path,
    *,
    plan: DedupPlan,
    threads: int,
) -> _Compared:
    rows = np.arange(len(originals), dtype=np.int32)
    first, second = (read_band(bands, plan.bands + i) for i in range(FINGERPRINT_ROWS))
    first[originals != rows] = NO_SHINGLES
    first[out] = NO_SHINGLES
    same = equal_groups(first, second)
    distinct = (same == rows) & (first != NO_SHINGLES)
    del first, second
    candidates = propose(bands, distinct, scratch, plan=plan, threads=threads)
    shards = rows_of_shards(texts, [index.shape[1] for index in bands], candidates)
    store = store_shingles(shards, boilerplate, scratch, plan=plan, threads=threads)
    found, pairs = cluster(store, scratch, plan=plan)
    clusters = rows
    clusters[store.rows] = store.rows[found]
    return _Compared(same, clusters[same][originals], store, pairs, int(distinct.sum()))


def _decide(
    columns: KeyColumns, originals: Rows, texts: _Compared, numbers: Hashes | None, *, plan: DedupPlan
) -> _Verdicts:
    """Apply the policy to each problem; only rows that are with others need more than a glance."""
    rows = np.arange(len(originals), dtype=np.int32)
    size = np.bincount(texts.clusters, minlength=len(rows))[texts.clusters]
    outcomes = np.where(originals == rows, STAYS, EXACT).astype(np.uint8)
    together = np.flatnonzero((size > 1) & (outcomes == STAYS)).astype(np.int32)
    problems = rows.copy()
    problems[together] = _problems(columns, together, texts, numbers, plan=plan)
    problems = problems[originals]
    outcomes[together] = problem_outcomes(
        _renumbered(problems[together]),
        _order(columns.ranks[together]),
        Solutions(
            columns.source[together], columns.solver[together], columns.cap[together], columns.doubt[together]
        ),
    )
    twin = (outcomes == EXACT) & (outcomes[originals] == STAYS)
    winner = np.where(outcomes == STAYS, rows, np.where(twin, originals, problems))
    return _Verdicts(
        outcomes,
        winner,
        _similarity(winner, originals, texts),
        _least_ids(columns, texts.clusters, size),
        problems,
        size,
    )


def _problems(
    columns: KeyColumns, rows: Rows, texts: _Compared, numbers: Hashes | None, *, plan: DedupPlan
) -> Rows:
    """Return the best row of each row's problem.

    Rows of one text and one answer are one item. Items of one cluster and one preamble, and with the same
    numbers where those count, are taken best first, and each follows a better one or leads.
    """
    cluster, text = _renumbered(texts.clusters[rows]), texts.same[rows]
    for apart in (columns.preambles, numbers):
        if apart is not None:
            names = _renumbered(apart[rows]).astype(np.uint64)
            cluster = _renumbered(cluster.astype(np.uint64) << np.uint64(32) | names)
    answers, ranks = columns.answers[rows], columns.ranks[rows]
    order = np.lexsort((ranks, answers, text, cluster))
    item = _starts(cluster[order], text[order], answers[order])
    best = order[item]  # of each item its best row
    by_rank = np.lexsort((ranks[best], cluster[best]))
    best = best[by_rank]
    heads = np.flatnonzero(_starts(cluster[best]))
    items = Items(texts.store.places(text[best]), answers[best], np.append(heads, len(best)))
    leader = best[lead(texts.store, items, plan=plan)]
    of_item = np.empty(len(best), np.int32)
    of_item[by_rank] = leader
    problems = np.empty(len(rows), np.int32)
    problems[order] = rows[of_item[np.cumsum(item) - 1]]
    return problems


def _starts(*keys: Rows | Hashes) -> Flags:
    """Return which rows are not like the row before them."""
    starts = np.zeros(len(keys[0]), np.bool_)
    starts[:1] = True
    for key in keys:
        starts[1:] |= key[1:] != key[:-1]
    return starts


def _similarity(winner: Rows, originals: Rows, texts: _Compared) -> NDArray[np.float32]:
    """Return each row's similarity to its winner, by the texts that the two share with others."""
    similarity = np.ones(len(winner), np.float32)
    text = texts.same[originals]
    differs = np.flatnonzero(text != text[winner])
    similarity[differs] = text_similarity(texts.store, text[differs], text[winner[differs]])
    return similarity


def _least_ids(columns: KeyColumns, clusters: Rows, size: NDArray[np.int64]) -> Rows:
    """Return per row the row that has the least id of its cluster."""
    least = np.arange(len(clusters), dtype=np.int32)
    shared = np.flatnonzero(size > 1)
    order = np.lexsort((columns.ids[1][shared], columns.ids[0][shared]))
    place = np.empty(len(shared), np.int32)
    place[order] = np.arange(len(shared), dtype=np.int32)
    least[shared] = shared[best_of(_renumbered(clusters[shared]), place)]
    return least


def _renumbered(clusters: Rows | Hashes) -> Rows:
    """Return cluster names that are all below their number."""
    return np.unique(clusters, return_inverse=True)[1].astype(np.int32)


def _order(ranks: Rows) -> Rows:
    """Return ranks among these rows only."""
    order = np.empty(len(ranks), np.int32)
    order[np.argsort(ranks)] = np.arange(len(ranks), dtype=np.int32)
    return order


def _write_verdicts(
    verdicts: Sequence[Path],
    rows: Sequence[int],
    columns: KeyColumns,
    decided: _Verdicts,
    details: Mapping[int, str],
    threads: int,
) -> None:
    ends = np.cumsum([0, *rows]).tolist()
    shards = list(zip(verdicts, ends[:-1], ends[1:], strict=True))

    def write(part: Sequence[tuple[Path, int, int]]) -> None:
        first = part[0][1]
        frame = _verdicts(columns, decided, details, slice(first, part[-1][2]))
        for path, start, end in part:
            frame.slice(start - first, end - start).write_parquet(path, compression_level=1)

    # some at a time: what a frame takes to be made does not depend on its rows, and all rows are many
    total = ROWS_AT_ONCE // threads
    each(write, bounded_lists(shards, lambda one: one[2] - one[1], count=len(shards), total=total), threads)


def _by_doubt(doubt: Rows, winner: Rows) -> NDArray[np.uint32]:
    """Return for each row which of `_BETTER` says why the row that stays is better, counted from 1; or 0."""
    place = np.zeros(len(doubt), np.uint32)
    for number, (mine, other) in enumerate(_BETTER, start=1):
        place[(doubt == mine) & (winner == other)] = number
    return place


def _verdicts(
    columns: KeyColumns, decided: _Verdicts, details: Mapping[int, str], part: slice
) -> pl.DataFrame:
    """Return the verdicts of consecutive rows."""
    reasons = pl.Series([_REASONS[outcome] for outcome in sorted(_REASONS)], dtype=pl.String)
    outcomes = decided.outcomes[part]
    beaten = pl.Series((outcomes != STAYS) & (outcomes != EVAL))
    hits = np.flatnonzero(outcomes == EVAL)
    said = pl.Series(
        [None, *_BETTER.values(), *(details[row + part.start] for row in hits.tolist())], dtype=pl.String
    )
    doubt = columns.doubt
    place = _by_doubt(doubt[part], doubt[decided.winner[part]]) * beaten.to_numpy()
    place[hits] = np.arange(len(_BETTER) + 1, len(_BETTER) + len(hits) + 1, dtype=np.uint32)
    frame = pl.DataFrame(
        {
            "id": hex_series(columns.ids[:, part]),
            "cluster": hex_series(columns.ids[:, decided.least_id[part]]),
            "cluster_size": decided.cluster_size[part],
            "problem": hex_series(columns.ids[:, decided.problems[part]]),
            "reason": reasons.gather(outcomes),
            "winner": hex_series(columns.ids[:, decided.winner[part]]),
            "similarity": decided.similarity[part],
            "detail": said.gather(place),
        }
    )
    hidden = [pl.when(beaten).then(pl.col(name)).alias(name) for name in ("winner", "similarity")]
    return frame.with_columns(hidden).cast(VERDICT_SCHEMA)
