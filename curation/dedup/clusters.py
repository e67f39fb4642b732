"""Groups out of equal hashes: buckets by sorting, pairs by true Jaccard, clusters by union-find.

A band proposes buckets of texts; every pair of a bucket is decided by the Jaccard similarity of the two
shingle sets, unless both texts are in one cluster already. Small buckets try all pairs. Larger ones first
join on rare shingles: two sets of similarity `t` share at least `ceil(t * size)` shingles, so they share one
among the `size - ceil(t * size) + 1` rarest of each (prefix filter; Chaudhuri, Ganti, Kaushik 2006). Both
ways find every pair, so clusters depend neither on order nor on which pair is tried first.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.text.compiled import compiled
from thinkmix.curation.text.kernels import NO_SHINGLES, Hashes, Offsets

Rows = NDArray[np.int32]

_SMALL_BUCKET = 48
_SLACK = 1e-9  # a bound computed in floating point must not lose a pair that is exactly at the threshold


class Buckets(NamedTuple):
    """Groups of texts, one after the other. The compiler knows a named tuple as it knows its arrays."""

    members: Rows
    bounds: Offsets
    """Where each bucket starts and, last, ends."""


class ShingleSets(NamedTuple):
    """The sorted shingle sets of texts, one after the other."""

    hashes: Hashes
    offsets: Offsets
    """Where each text's set starts and, last, ends."""


def buckets(hashes: Hashes) -> Buckets:
    """Return the rows that share their hash with another, bucket by bucket.

    Sorts hash and row packed into one 64-bit integer: the row takes as many low bits as it needs, so two
    of the remaining upper bits may agree by chance. Buckets propose, they do not decide.

    Args:
        hashes: one per row; `NO_SHINGLES` joins no bucket. Overwritten.
    """
    shift = np.uint64(max(len(hashes) - 1, 1).bit_length())
    outside = hashes == NO_SHINGLES
    hashes >>= shift
    hashes <<= shift
    hashes |= np.arange(len(hashes), dtype=np.uint64)
    packed = hashes[~outside] if outside.any() else hashes
    packed.sort()
    return Buckets(*_runs(packed, shift))


def equal_groups(first: Hashes, second: Hashes) -> Rows:
    """Return per row the first row with the same 128 bits; rows whose `first` is `NO_SHINGLES` stay alone."""
    groups = np.arange(len(first), dtype=np.int32)
    members, bounds = buckets(first.copy())
    _match(members, bounds, first, second, groups)
    return groups


def singletons(count: int) -> Rows:
    """Return a forest of `count` trees of one node, to be grown by `join` and read by `roots`."""
    return np.arange(count, dtype=np.int32)


@compiled
def roots(parent: Rows) -> Rows:
    """Return the root of each node."""
    found = np.empty_like(parent)
    for node in range(len(parent)):
        found[node] = _find(parent, node)
    return found


@compiled
def unite(parent: Rows, left: int, right: int) -> bool:
    """Make one tree of two; return whether they were two."""
    left, right = _find(parent, left), _find(parent, right)
    if left == right:
        return False
    parent[max(left, right)] = min(left, right)
    return True


@compiled
def join(
    proposed: Buckets,
    start: int,
    budget: int,
    sets: ShingleSets,
    threshold: float,
    parent: Rows,
    counts: Offsets,
) -> int:
    """Unite the texts of each bucket that reach `threshold`, from bucket `start` on; return where it stopped.

    Args:
        proposed: buckets of texts; a text is its place in `sets` and `parent`.
        start: first bucket to do.
        budget: stop after buckets with this many shingles, so that the caller can release the pages of
            `sets` that were read.
        sets: the shingle sets of all texts.
        threshold: least Jaccard similarity of a pair.
        parent: union-find forest, changed in place.
        counts: pairs compared and pairs at or over the threshold, added to in place.
    """
    members, bounds = proposed
    for bucket in range(start, len(bounds) - 1):
        if budget <= 0:
            return bucket
        texts = members[bounds[bucket] : bounds[bucket + 1]]
        if _one_tree(parent, texts):
            continue
        for text in texts:
            budget -= sets.offsets[text + 1] - sets.offsets[text]
        if len(texts) <= _SMALL_BUCKET:
            _join_all(texts, sets, threshold, parent, counts)
        else:
            _join_rare(texts, sets, threshold, parent, counts)
    return len(bounds) - 1


@compiled
def similarities(left: Rows, right: Rows, sets: ShingleSets, out: NDArray[np.float32]) -> None:
    """Write the Jaccard similarity of each pair of texts."""
    for i in range(len(left)):
        out[i] = _jaccard(sets, left[i], right[i], 0.0)


@compiled
def _find(parent: Rows, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled
def _one_tree(parent: Rows, nodes: Rows) -> bool:
    """Return whether the nodes are in one tree."""
    top, one = _find(parent, nodes[0]), True
    for node in nodes:
        one &= _find(parent, node) == top
    return one


@compiled
def _trees(parent: Rows, nodes: Rows) -> int:
    """Return how many trees the nodes are in."""
    tops = np.empty(len(nodes), np.int64)
    for i in range(len(nodes)):
        tops[i] = _find(parent, nodes[i])
    tops.sort()
    trees = 1
    for i in range(1, len(tops)):
        trees += tops[i] != tops[i - 1]
    return trees


@compiled
def _runs(packed: Hashes, shift: np.uint64) -> tuple[Rows, Offsets]:
    """Return the rows of sorted `packed` whose upper bits repeat, and the bounds of each run."""
    low = (np.uint64(1) << shift) - np.uint64(1)
    rows, runs = 0, 0
    for i in range(1, len(packed)):
        if packed[i] >> shift == packed[i - 1] >> shift:
            opens = i == 1 or packed[i - 1] >> shift != packed[i - 2] >> shift
            runs += opens
            rows += 1 + opens
    members, bounds = np.empty(rows, np.int32), np.empty(runs + 1, np.int64)
    rows, runs = 0, 0
    for i in range(1, len(packed)):
        if packed[i] >> shift == packed[i - 1] >> shift:
            if i == 1 or packed[i - 1] >> shift != packed[i - 2] >> shift:
                bounds[runs] = rows
                members[rows] = np.int32(packed[i - 1] & low)
                runs += 1
                rows += 1
            members[rows] = np.int32(packed[i] & low)
            rows += 1
    bounds[runs] = rows
    return members, bounds


@compiled
def _match(members: Rows, bounds: Offsets, first: Hashes, second: Hashes, groups: Rows) -> None:
    for bucket in range(len(bounds) - 1):
        for i in range(bounds[bucket] + 1, bounds[bucket + 1]):
            row = members[i]
            for j in range(bounds[bucket], i):
                other = members[j]
                if groups[other] == other and first[row] == first[other] and second[row] == second[other]:
                    groups[row] = other
                    break


@compiled
def _jaccard(sets: ShingleSets, left: int, right: int, least: float) -> float:
    """Return the Jaccard similarity of two sorted sets, or 0 once it cannot reach `least`."""
    hashes, offsets = sets
    i, end_i, j, end_j = offsets[left], offsets[left + 1], offsets[right], offsets[right + 1]
    total = (end_i - i) + (end_j - j)
    if total == 0:
        return 0.0
    needed = np.int64(np.ceil(least / (1.0 + least) * total - _SLACK))
    shared = 0
    if min(end_i - i, end_j - j) < needed:
        return 0.0
    while i < end_i and j < end_j:
        if shared + min(end_i - i, end_j - j) < needed:
            return 0.0
        x, y = hashes[i], hashes[j]
        shared += x == y
        i += x <= y
        j += y <= x
    return float(shared / (total - shared))


@compiled
def _join_all(texts: Rows, sets: ShingleSets, threshold: float, parent: Rows, counts: Offsets) -> None:
    trees = _trees(parent, texts)
    for i in range(len(texts)):
        for j in range(i + 1, len(texts)):
            if trees == 1:
                return
            if _find(parent, texts[i]) == _find(parent, texts[j]):
                continue
            counts[0] += 1
            if _jaccard(sets, texts[i], texts[j], threshold) >= threshold:
                counts[1] += 1
                trees -= unite(parent, texts[i], texts[j])


@compiled
def _join_rare(texts: Rows, sets: ShingleSets, threshold: float, parent: Rows, counts: Offsets) -> None:
    """Join the texts that have one of their rarest shingles in common."""
    hashes, offsets = sets
    total = 0
    for text in texts:
        total += offsets[text + 1] - offsets[text]
    pool = np.empty(total, np.uint64)
    end = 0
    for text in texts:
        size = offsets[text + 1] - offsets[text]
        pool[end : end + size] = hashes[offsets[text] : offsets[text + 1]]
        end += size
    pool.sort()
    shingles, owners = np.empty(total, np.uint64), np.empty(total, np.int32)
    end = 0
    for text in texts:
        own = hashes[offsets[text] : offsets[text + 1]]
        often = np.searchsorted(pool, own, side="right") - np.searchsorted(pool, own, side="left")
        kept = len(own) - np.int64(np.ceil(threshold * len(own) - _SLACK)) + 1
        for i in np.argsort(often, kind="mergesort")[:kept]:
            shingles[end], owners[end] = own[i], text
            end += 1
    order = np.argsort(shingles[:end], kind="mergesort")
    first = 0
    for i in range(1, end + 1):
        if i == end or shingles[order[i]] != shingles[order[first]]:
            if i - first > 1:
                _join_all(owners[order[first:i]], sets, threshold, parent, counts)
            first = i
