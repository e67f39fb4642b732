"""Buckets, components and the pairs between them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.dedup.clusters import (
    Buckets,
    Items,
    ShingleSets,
    buckets,
    equal_groups,
    join,
    leaders,
    part_sets,
    roots,
    similarities,
    singletons,
    unite,
)
from thinkmix.curation.text.kernels import NO_SHINGLES


def bucket_list(values: list[int]) -> list[list[int]]:
    members, bounds = buckets(np.array(values, np.uint64))
    return sorted(members[bounds[i] : bounds[i + 1]].tolist() for i in range(len(bounds) - 1))


def test_buckets_hold_rows_with_equal_hashes() -> None:
    """Rows whose hash nobody else has are in no bucket, nor are rows without shingles."""
    high = 1 << 40
    values = [5 * high, 7 * high, 5 * high, int(NO_SHINGLES), 9 * high, int(NO_SHINGLES), 7 * high, 5 * high]
    assert bucket_list(values) == [[0, 2, 7], [1, 6]]


@pytest.mark.parametrize(
    "values", [[], [1 << 40], [int(NO_SHINGLES)] * 3, [0, 1 << 63, 1 << 62, 3 << 62, 1 << 61]]
)
def test_without_equal_hashes_there_are_no_buckets(values: list[int]) -> None:
    """No rows, one row, rows that join nothing and hashes that differ in their first bits give no bucket."""
    assert bucket_list(values) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
@settings(deadline=None)
def test_groups_are_of_all_128_bits(pairs: list[tuple[int, int]]) -> None:
    """A row's group is the first row with both halves equal."""
    first, second = (np.array([pair[i] << 50 for pair in pairs], np.uint64) for i in range(2))
    assert equal_groups(first, second).tolist() == [pairs.index(pair) for pair in pairs]


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40))
@settings(deadline=None)
def test_components_are_those_of_the_graph(edges: list[tuple[int, int]]) -> None:
    """Two nodes have one root exactly if a path connects them, and the root is the least of them."""
    parent, want = singletons(20), list(range(20))
    for a, b in edges:
        assert unite(parent, a, b) == (want[a] != want[b])
        low, high = sorted((want[a], want[b]))
        want = [low if label == high else label for label in want]
    assert roots(parent).tolist() == want


def brute_force(sets: list[set[int]], threshold: float) -> list[int]:
    labels = list(range(len(sets)))
    for i, a in enumerate(sets):
        for j in range(i):
            if a | sets[j] and len(a & sets[j]) / len(a | sets[j]) >= threshold and labels[i] != labels[j]:
                low, high = sorted((labels[i], labels[j]))
                labels = [low if label == high else label for label in labels]
    return labels


@given(
    st.integers(0, 10_000),
    st.sampled_from([5, 40, 130]),
    st.sampled_from([0.5, 0.8, 1.0]),
    st.integers(1, 500),
)
@settings(max_examples=60, deadline=None)
def test_a_bucket_of_any_size_finds_every_similar_pair(
    seed: int, size: int, threshold: float, budget: int
) -> None:
    """All pairs of a small bucket and the rare-shingle join of a large one both equal brute force."""
    draw = np.random.default_rng(seed)
    common = set(range(12))
    sets = [common | set(draw.integers(12, 40, draw.integers(0, 6)).tolist()) for _ in range(size)]
    flat = np.array([shingle for found in sets for shingle in sorted(found)], np.uint64)
    flat.flags.writeable = False  # as mapped from a file
    offsets = np.cumsum([0, *map(len, sets)])
    shingle_sets = ShingleSets(flat, offsets, offsets[1:])
    parent, counts = singletons(size), np.zeros(2, np.int64)
    members, bounds = np.arange(size, dtype=np.int32), np.array([0, size // 2, size])
    crossing = draw.permutation(size).astype(np.int32)
    for texts, ends in ((members, bounds), (crossing, np.array([0, size]))):
        at = 0
        while at < len(ends) - 1:
            at = join(Buckets(texts, ends), at, budget, shingle_sets, threshold, parent, counts)
    assert roots(parent).tolist() == brute_force(sets, threshold)
    assert counts[1] == size - len(set(roots(parent).tolist()))


def test_similarity_is_shared_over_all_distinct() -> None:
    """Two sets of three with two in common: 2 / 4; an empty set is similar to nothing."""
    flat, offsets = np.array([1, 2, 3, 2, 3, 4], np.uint64), np.array([0, 3, 6, 6])
    flat.flags.writeable = False
    out = np.empty(3, np.float32)
    left, right = np.array([0, 0, 2], np.int32), np.array([1, 0, 2], np.int32)
    similarities(left, right, ShingleSets(flat, offsets, offsets[1:]), out)
    assert out.tolist() == [0.5, 1.0, 0.0]


def joined(
    sets: list[set[int]], bounds: list[int], *, threshold: float = 0.8, start: int = 0, budget: int = 1000
) -> tuple[int, list[int], list[int]]:
    """Join texts bucket by bucket; return where it stopped, the root of each text, and what was counted."""
    flat = np.array([shingle for found in sets for shingle in sorted(found)], np.uint64)
    offsets = np.cumsum([0, *map(len, sets)])
    parent, counts = singletons(len(sets)), np.zeros(2, np.int64)
    members = np.arange(len(sets), dtype=np.int32)
    proposed = Buckets(members, np.array(bounds))
    at = join(proposed, start, budget, ShingleSets(flat, offsets, offsets[1:]), threshold, parent, counts)
    return at, roots(parent).tolist(), counts.tolist()


@pytest.mark.parametrize(
    ("start", "budget", "at"),
    [(0, 0, 0), (0, 1, 1), (0, 4, 1), (0, 5, 2), (1, 4, 2), (0, 8, 2), (0, 9, 3), (1, 100, 3), (3, 0, 3)],
)
def test_a_join_stops_before_the_next_bucket_once_its_budget_is_spent(
    start: int, budget: int, at: int
) -> None:
    """Three buckets of four shingles each."""
    pairs = [{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}, {10, 11}]
    assert joined(pairs, [0, 2, 4, 6], start=start, budget=budget)[0] == at


def test_a_bucket_that_is_one_tree_costs_no_budget() -> None:
    """The second bucket has nothing to join, so the third is still within the budget."""
    flat, offsets = np.array([1, 2, 1, 2, 3, 4, 5, 6], np.uint64), np.array([0, 2, 4, 6, 8])
    members, bounds = np.array([0, 1, 0, 1, 2, 3], np.int32), np.array([0, 2, 4, 6])
    parent, counts = singletons(4), np.zeros(2, np.int64)
    sets = ShingleSets(flat, offsets, offsets[1:])
    assert join(Buckets(members, bounds), 0, 5, sets, 1.0, parent, counts) == 3
    assert counts.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("sets", "counts"),
    [
        ([{1}, {2}, {3}], [3, 0]),
        ([{1}, {1}, {1}], [2, 2]),
        ([{1}, {1}, {2}, {2}], [6, 2]),
        ([{1}, {1}, {1}, {2}], [5, 2]),
    ],
)
def test_pairs_are_compared_until_their_texts_are_in_one_tree(
    sets: list[set[int]], counts: list[int]
) -> None:
    """Compared are pairs of two trees, and none once there is one tree."""
    assert joined(sets, [0, len(sets)])[2] == counts


@pytest.mark.parametrize("others", [0, 46, 47, 80])
@pytest.mark.parametrize(
    ("shared", "more", "similar"),
    [(8, (1, 1), True), (8, (0, 2), True), (7, (1, 1), False), (4, (1, 0), True)],
)
def test_a_pair_exactly_at_the_threshold_is_similar(
    others: int, shared: int, more: tuple[int, int], similar: bool
) -> None:
    """8 of 10 and 4 of 5 are 0.8, 7 of 9 are not; in buckets of any size, whichever text is larger."""
    common = set(range(100, 100 + shared))
    left, right = common | set(range(more[0])), common | set(range(50, 50 + more[1]))
    alone = [{1000 + number} for number in range(others)]
    for pair in ([left, right], [right, left]):
        sets = [*alone, *pair]
        found = joined(sets, [0, len(sets)])[1]
        assert found == [*range(others + 1), others + (0 if similar else 1)]


@pytest.mark.parametrize("shingle", [0, 5_000])
def test_the_least_and_the_largest_shingle_join_texts_of_a_large_bucket(shingle: int) -> None:
    """Two texts of one shingle are found before and behind the shingles of all others."""
    alone = [{1000 + number} for number in range(60)]
    assert joined([{shingle}, *alone, {shingle}], [0, 62])[1] == [*range(61), 0]


Sets = list[set[int]]


def parted(sets: Sets, boilerplate: set[int]) -> ShingleSets:
    """Lay sets out as they are stored, their boilerplate behind the rest."""
    flat = np.array([shingle for found in sets for shingle in sorted(found)], np.uint64)
    offsets, middle = np.cumsum([0, *map(len, sets)]), np.empty(len(sets), np.int64)
    part_sets(flat, offsets, np.array(sorted(boilerplate), np.uint64), middle)
    return ShingleSets(flat, offsets, middle)


def alike(one: set[int], other: set[int], boilerplate: set[int]) -> float:
    """Return the similarity of two sets: without boilerplate if one is mostly that and it is less so."""
    pairs = [(one, other)]
    if any(2 * len(own & boilerplate) > len(own) and len(own & boilerplate) >= 20 for own in (one, other)):
        pairs.append((one - boilerplate, other - boilerplate))
    return min((len(a & b) / len(a | b) for a, b in pairs if a | b), default=0.0)


SHINGLES = st.sets(st.one_of(st.integers(0, 9), st.integers((1 << 60) - 6, (1 << 60) - 1)), max_size=10)


def sixteenfold(shingles: set[int]) -> set[int]:
    """Return sixteen shingles for each, so that a few of them are an instruction."""
    return {16 * one + more for one in shingles for more in range(16)}


@given(st.lists(SHINGLES, min_size=2, max_size=6), SHINGLES)
@settings(deadline=None)
def test_boilerplate_tells_texts_apart_and_never_makes_them_alike(sets: Sets, boilerplate: set[int]) -> None:
    """Similarity is that of the whole sets or of the rest, whichever is less, unless nothing is left."""
    sets, boilerplate = [sixteenfold(own) for own in sets], sixteenfold(boilerplate)
    found = parted(sets, boilerplate)
    for text, own in enumerate(sets):
        start, middle, end = found.offsets[text], found.middle[text], found.offsets[text + 1]
        assert found.hashes[start:middle].tolist() == sorted(own - boilerplate)
        assert found.hashes[middle:end].tolist() == sorted(own & boilerplate)
    left, right = np.divmod(np.arange(len(sets) ** 2, dtype=np.int32), len(sets))
    out = np.empty(len(left), np.float32)
    similarities(left.astype(np.int32), right.astype(np.int32), found, out)
    want = [alike(sets[a], sets[b], boilerplate) for a, b in zip(left, right, strict=True)]
    assert out.tolist() == pytest.approx(want)


def led(sets: Sets, boilerplate: set[int], answers: list[int], threshold: float, budget: int) -> list[int]:
    """Return the leader of each text of one cluster, the best text first."""
    found, known = np.empty(len(sets), np.int32), np.array(answers, np.uint64)
    items = Items(np.arange(len(sets), dtype=np.int32), known.copy(), np.array([0, len(sets)]))
    assert leaders(items, 0, budget, parted(sets, boilerplate), threshold, known, found) == 1
    return found.tolist()


def led_one_by_one(sets: Sets, boilerplate: set[int], answers: list[int], threshold: float) -> list[int]:
    known, found = list(answers), []
    for item, own in enumerate(sets):
        for leader in (one for one in range(item) if found[one] == one):
            same = not answers[item] or not known[leader] or answers[item] == known[leader]
            if same and alike(own, sets[leader], boilerplate) >= threshold:
                known[leader] = known[leader] or answers[item]
                found.append(leader)
                break
        else:
            found.append(item)
    return found


@given(
    st.integers(0, 10_000),
    st.sampled_from([3, 48, 49, 130]),
    st.sampled_from([0.5, 0.8, 1.0]),
    st.integers(10, 34),
)
@settings(max_examples=60, deadline=None)
def test_each_text_follows_the_best_leader_that_it_is_similar_to(
    seed: int, size: int, threshold: float, shared: int
) -> None:
    """Clusters of any size, with boilerplate and answers: the same leaders as by comparing all with all."""
    draw = np.random.default_rng(seed)
    common = set(range(-20, 12))
    sets = [common | set(draw.integers(12, 40, draw.integers(0, 20)).tolist()) for _ in range(size)]
    sets = [{one + 20 for one in own} for own in sets]
    answers = draw.integers(0, 3, size).tolist()
    boilerplate = set(range(shared))  # of a third to all of a text
    got = led(sets, boilerplate, answers, threshold, budget=1)
    assert got == led_one_by_one(sets, boilerplate, answers, threshold)


def test_the_ends_of_a_chain_do_not_follow_each_other() -> None:
    """Each is like its neighbours alone: the second one follows the first, and the third one leads."""
    chain = [set(range(start, start + 9)) for start in range(5)]
    assert led(chain, set(), [0] * 5, 0.8, budget=1) == [0, 0, 2, 2, 4]


def test_a_leader_of_unknown_answer_takes_that_of_its_first_follower() -> None:
    """Rows with different answers never follow one leader."""
    assert led([{1, 2}] * 5, set(), [0, 7, 8, 7, 0], 0.8, budget=1) == [0, 0, 2, 0, 0]


def test_texts_of_no_other_cluster_are_told_apart_by_their_answers() -> None:
    """A text that is compared with no other has no set, however many answers it has."""
    items = Items(np.full(60, -1, np.int32), np.arange(60, dtype=np.uint64) % np.uint64(7), np.array([0, 60]))
    found, nothing = np.empty(60, np.int32), np.empty(0, np.uint64)
    sets = ShingleSets(nothing, np.zeros(1, np.int64), np.empty(0, np.int64))
    assert leaders(items, 0, 1, sets, 0.8, items.answers.copy(), found) == 1
    assert found.tolist() == [0, 0, *range(2, 7), *[0, 0, 2, 3, 4, 5, 6] * 7, 0, 0, 2, 3]
