"""Packs fill the budget, hold each row once, and depend on nothing but order and lengths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkmix.train.data.packing import pack


def packed(order, lengths, budget):
    order, lengths = (np.array(each, dtype=np.int64) for each in (order, lengths))
    return [each.tolist() for each in pack(order, lengths, budget=budget)]


def in_order(count):
    return list(range(count))


def test_the_longest_rows_go_first_and_each_where_it_fits_best():
    """7 + 3, 6 + 4 and 5: placed in order of appearance, 3 would have gone to the 6, and 4 nowhere."""
    assert packed(in_order(5), [7, 6, 5, 3, 4], 10) == [[0, 3], [1, 4], [2]]


def test_a_row_of_the_whole_budget_has_a_pack_to_itself():
    """Nothing is cut to make room, however awkward the rows."""
    assert packed(in_order(3), [10, 1, 10], 10) == [[0], [1], [2]]


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(50, 200), st.randoms(use_true_random=False))
def test_every_row_is_in_one_pack_and_no_pack_is_over_the_budget(lengths, budget, random):
    """Each row once, in the order given within its pack; packs in the order of their first rows."""
    order = in_order(len(lengths))
    random.shuffle(order)
    packs = packed(order, lengths, budget)
    rank = {row: place for place, row in enumerate(order)}
    assert sorted(row for each in packs for row in each) == in_order(len(lengths))
    assert all(sum(lengths[row] for row in each) <= budget for each in packs)
    ranks = [[rank[row] for row in each] for each in packs]
    assert ranks == [sorted(each) for each in ranks] == sorted(ranks)


def test_numbers_of_rows_decide_nothing():
    """Rows that are numbered otherwise, in the same order, are packed alike."""
    random = np.random.default_rng(1)
    lengths, names = random.integers(1, 100, 300), random.permutation(300)
    renamed = np.empty(300, dtype=np.int64)
    renamed[names] = lengths
    want = [[int(names[row]) for row in each] for each in packed(in_order(300), lengths, 128)]
    assert packed(names, renamed, 128) == want


@pytest.mark.parametrize("budget", [1024, 4096, 16_384])
def test_packs_of_rows_like_real_ones_are_full(budget):
    """Lengths as skewed as those of traces, cut at the budget: at most 1 % of it stays unused."""
    random = np.random.default_rng(7)
    lengths = np.clip(random.lognormal(5.9, 1.1, 20_000).astype(np.int64), 20, budget)
    packs = packed(in_order(len(lengths)), lengths, budget)
    assert lengths.sum() / (len(packs) * budget) > 0.99


def test_a_pack_holds_rows_that_stand_near_each_other():
    """An epoch's order survives packing: no row moves by more than a window of 128 packs."""
    lengths = np.random.default_rng(3).integers(10, 200, 50_000)
    flat = [row for each in packed(in_order(50_000), lengths, 1000) for row in each]
    moved = np.abs(np.array(flat) - np.arange(50_000))
    assert 0 < moved.max() < 128 * 1000 / 100
