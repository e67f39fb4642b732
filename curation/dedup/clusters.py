"""Groups out of equal hashes: buckets by sorting, pairs by true Jaccard, clusters by union-find, leaders.

A band proposes buckets of texts; every pair of a bucket is decided by the similarity of the two shingle
sets, unless both texts are in one cluster already. Small buckets try all pairs. Larger ones first join on
rare shingles: two sets of similarity `t` share at least `ceil(t * size)` shingles, so they share one among
the `size - ceil(t * size) + 1` rarest of each (prefix filter; Chaudhuri, Ganti, Kaushik 2006). Both ways
find every pair, so clusters depend neither on order nor on which pair is tried first.

The similarity of two texts is the Jaccard similarity of their sets. Where one of them is boilerplate for
more than half, and for more than a sentence, it is the smaller one of that and of the similarity without
boilerplate, unless neither has anything else. So boilerplate may tell texts apart and never makes them alike.

A cluster may be a chain whose ends have nothing in common. `leaders` takes its texts best first: a text
follows the best leader that it is similar to, and leads without one. What follows is left out for the
leader's sake, so that each text that is left out is similar to one that stays.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.text.compiled import compiled
from thinkmix.curation.text.kernels import NO_SHINGLES, Hashes, Offsets

Rows = NDArray[np.int32]

_SMALL_BUCKET = 48
_INSTRUCTION = 20
"""Shingles from which boilerplate is an instruction; exercises of one kind share sentences, too."""
_KNOWN_BITS = 16
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
    middle: Offsets
    """Where the boilerplate of each text's set starts: both parts are sorted by themselves."""


class Items(NamedTuple):
    """Texts with their answers, cluster after cluster, the best of each cluster first."""

    texts: Rows
    """Places in `ShingleSets`; -1 for a text that is compared with no other, the only one of its cluster."""
    answers: Hashes
    """What the rows say that the answer is; 0 if they say nothing."""
    bounds: Offsets
    """Where each cluster starts and, last, ends."""


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
        threshold: least similarity of a pair.
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
    """Write the similarity of each pair of texts."""
    for i in range(len(left)):
        out[i] = _similarity(sets, left[i], right[i], 0.0)


@compiled
def part_sets(hashes: Hashes, offsets: Offsets, boilerplate: Hashes, middle: Offsets) -> None:
    """Move the boilerplate of each text's sorted set behind the rest, in place; write where it starts.

    Args:
        hashes: the sets, one after the other.
        offsets: where each starts and, last, ends.
        boilerplate: sorted hashes.
        middle: takes where the boilerplate of each set starts.
    """
    known = np.zeros(1 << _KNOWN_BITS, np.bool_)  # spares the search for nearly all others
    for value in boilerplate:
        known[value >> np.uint64(64 - _KNOWN_BITS)] = True
    moved = np.empty(len(boilerplate), np.uint64)
    for text in range(len(middle)):
        end, count = offsets[text], 0
        for i in range(offsets[text], offsets[text + 1]):
            value = hashes[i]
            if known[value >> np.uint64(64 - _KNOWN_BITS)]:
                place = np.searchsorted(boilerplate, value)
                if place < len(boilerplate) and boilerplate[place] == value:
                    moved[count] = value
                    count += 1
                    continue
            hashes[end] = value
            end += 1
        middle[text] = end
        hashes[end : end + count] = moved[:count]


@compiled
def leaders(
    items: Items, start: int, budget: int, sets: ShingleSets, threshold: float, known: Hashes, out: Rows
) -> int:
    """Write the leader of each item, from cluster `start` on; return the cluster where it stopped.

    An item follows the first leader before it that it reaches `threshold` with and whose answer is not
    another one. Who follows a leader of unknown answer gives it its own.

    Args:
        items: the items of each cluster, the best first.
        start: first cluster to do.
        budget: stop after clusters with this many shingles, see `join`.
        sets: the shingle sets of all texts.
        threshold: least similarity of an item and its leader.
        known: the answers of the items, changed in place.
        out: takes the item that leads each, itself if it leads.
    """
    bounds = items.bounds
    for cluster in range(start, len(bounds) - 1):
        if budget <= 0:
            return cluster
        first, last = bounds[cluster], bounds[cluster + 1]
        if items.texts[first] < 0 or last - first <= _SMALL_BUCKET:
            _lead_all(items, first, last, sets, threshold, known, out)
        else:
            _lead_rare(items, first, last, sets, threshold, known, out)
        for item in range(first, last):
            text = items.texts[item]
            budget -= sets.offsets[text + 1] - sets.offsets[text] if text >= 0 else 0
    return len(bounds) - 1


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
def _shared(hashes: Hashes, left: tuple[int, int], right: tuple[int, int], least: float) -> int:
    """Return how many hashes two sorted sets share, or -1 once their similarity cannot reach `least`."""
    i, end_i = left
    j, end_j = right
    needed = np.int64(np.ceil(least / (1.0 + least) * ((end_i - i) + (end_j - j)) - _SLACK))
    shared = 0
    if min(end_i - i, end_j - j) < needed:
        return -1
    while i < end_i and j < end_j:
        if shared + min(end_i - i, end_j - j) < needed:
            return -1
        x, y = hashes[i], hashes[j]
        shared += x == y
        i += x <= y
        j += y <= x
    return shared


@compiled
def _similarity(sets: ShingleSets, left: int, right: int, least: float) -> float:
    """Return the similarity of two texts, or 0 once it cannot reach `least`."""
    hashes, offsets, middle = sets
    rest = (middle[left] - offsets[left]) + (middle[right] - offsets[right])
    total = (offsets[left + 1] - offsets[left]) + (offsets[right + 1] - offsets[right])
    if total == 0:
        return 0.0
    found, shared = 1.0, 0
    if rest:
        told = total == rest or _is_mostly_shared(sets, left) or _is_mostly_shared(sets, right)
        needed = least if told else 0.0
        shared = _shared(hashes, (offsets[left], middle[left]), (offsets[right], middle[right]), needed)
        if shared < 0:
            return 0.0
        if told:
            found = float(shared / (rest - shared))
        if total == rest:
            return found
    shared += _shared(hashes, (middle[left], offsets[left + 1]), (middle[right], offsets[right + 1]), 0.0)
    return min(found, float(shared / (total - shared)))


@compiled
def _is_mostly_shared(sets: ShingleSets, text: int) -> bool:
    """Return whether more than half of a text is boilerplate, and that is more than a sentence."""
    whole = sets.offsets[text + 1] - sets.offsets[text]
    shared = sets.offsets[text + 1] - sets.middle[text]
    return bool(2 * shared > whole and shared >= _INSTRUCTION)


@compiled
def _rarest(texts: Rows, sets: ShingleSets, threshold: float) -> tuple[Hashes, Offsets]:
    """Return the rarest shingles of each text, one among which two similar texts share.

    Boilerplate counts as more frequent than the rest. Of a text that is mostly boilerplate as many are
    returned as its rest makes necessary, which the others return, too.

    Returns:
        All of them one after the other, and where those of each text start and, last, end.
    """
    hashes, offsets, middle = sets
    total, end = 0, 0
    for text in texts:
        total += offsets[text + 1] - offsets[text]
    pool = np.empty(total, np.uint64)
    for text in texts:
        size = offsets[text + 1] - offsets[text]
        pool[end : end + size] = hashes[offsets[text] : offsets[text + 1]]
        end += size
    pool.sort()
    shingles, bounds, end = np.empty(total, np.uint64), np.zeros(len(texts) + 1, np.int64), 0
    for place in range(len(texts)):
        text = texts[place]
        rest, size = middle[text] - offsets[text], offsets[text + 1] - offsets[text]
        counted = rest if rest and _is_mostly_shared(sets, text) else size
        kept = counted - np.int64(np.ceil(threshold * counted - _SLACK)) + 1
        for first, last in ((offsets[text], middle[text]), (middle[text], offsets[text + 1])):
            own = hashes[first:last]
            often = np.searchsorted(pool, own, side="right") - np.searchsorted(pool, own, side="left")
            for i in np.argsort(often, kind="mergesort")[: max(kept - (end - bounds[place]), 0)]:
                shingles[end] = own[i]
                end += 1
        bounds[place + 1] = end
    return shingles[:end], bounds


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
            if _similarity(sets, texts[i], texts[j], threshold) >= threshold:
                counts[1] += 1
                trees -= unite(parent, texts[i], texts[j])


@compiled
def _join_rare(texts: Rows, sets: ShingleSets, threshold: float, parent: Rows, counts: Offsets) -> None:
    """Join the texts that have one of their rarest shingles in common."""
    shingles, bounds = _rarest(texts, sets, threshold)
    owners = np.empty(len(shingles), np.int32)
    for place in range(len(texts)):
        owners[bounds[place] : bounds[place + 1]] = texts[place]
    order = np.argsort(shingles, kind="mergesort")
    first = 0
    for i in range(1, len(order) + 1):
        if i == len(order) or shingles[order[i]] != shingles[order[first]]:
            if i - first > 1:
                _join_all(owners[order[first:i]], sets, threshold, parent, counts)
            first = i


@compiled
def _follows(
    items: Items, item: int, leader: int, sets: ShingleSets, threshold: float, known: Hashes
) -> bool:
    """Return whether an item is the same problem as a leader; if so, the leader learns its answer."""
    answer = items.answers[item]
    if answer and known[leader] and answer != known[leader]:
        return False
    text, other = items.texts[item], items.texts[leader]
    if text != other and _similarity(sets, text, other, threshold) < threshold:
        return False
    if not known[leader]:
        known[leader] = answer
    return True


@compiled
def _lead_all(
    items: Items, first: int, last: int, sets: ShingleSets, threshold: float, known: Hashes, out: Rows
) -> None:
    """Write the leaders of a cluster's items: each is compared with all leaders before it."""
    chosen, count = np.empty(last - first, np.int32), 0
    for item in range(first, last):
        out[item] = item
        for leader in chosen[:count]:
            if _follows(items, item, leader, sets, threshold, known):
                out[item] = leader
                break
        if out[item] == item:
            chosen[count] = item
            count += 1


@compiled
def _lead_rare(
    items: Items, first: int, last: int, sets: ShingleSets, threshold: float, known: Hashes, out: Rows
) -> None:
    """Do what `_lead_all` does, with the leaders alone that have one of an item's rarest shingles."""
    shingles, bounds = _rarest(items.texts[first:last], sets, threshold)
    order = np.argsort(shingles, kind="mergesort")
    name, names = np.empty(len(shingles), np.int64), 0
    for i in range(len(order)):
        names += i > 0 and shingles[order[i]] != shingles[order[i - 1]]
        name[order[i]] = names
    # of each shingle a list of the leaders that have it: the last one that came, and for each the one before
    head, before = np.full(names + 1, -1, np.int64), np.empty(len(shingles), np.int64)
    owner = np.empty(len(shingles), np.int32)
    tried = np.full(last - first, -1, np.int32)
    for item in range(first, last):
        own = name[bounds[item - first] : bounds[item - first + 1]]
        candidates, count = np.empty(16, np.int32), 0
        for shingle in own:
            entry = head[shingle]
            while entry >= 0:
                leader = owner[entry]
                if tried[leader - first] != item:
                    tried[leader - first] = item
                    if count == len(candidates):
                        candidates = np.append(candidates, candidates)
                    candidates[count] = leader
                    count += 1
                entry = before[entry]
        out[item] = item
        for leader in np.sort(candidates[:count]):
            if _follows(items, item, leader, sets, threshold, known):
                out[item] = leader
                break
        if out[item] == item:
            for i in range(bounds[item - first], bounds[item - first + 1]):
                owner[i], before[i] = item, head[name[i]]
                head[name[i]] = i
