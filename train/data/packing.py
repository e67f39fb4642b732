"""Packing: rows that together fill the token budget share one sequence, in which nothing is padded."""

from bisect import bisect_left, insort
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_FULL_PACKS = 128
"""Packs' worth of tokens that rows are chosen from: only the last pack or two of them stay unfilled."""


def pack(order: NDArray[np.int64], lengths: NDArray[np.int64], *, budget: int) -> Iterator[NDArray[np.int64]]:
    """Yield packs of rows, of at most `budget` tokens together; in and among them `order` stays, roughly.

    Rows go into packs by best fit, the longest first, among the next 128 packs' worth of tokens in
    `order`. So a pack holds rows that stand near each other in the order, and the packs depend on
    nothing but the rows' order and lengths.

    Args:
        order: rows in the order of the epoch; none is longer than `budget`.
        lengths: tokens of each row, by number.
        budget: tokens of a pack.
    """
    ends = np.cumsum(lengths[order])
    first = 0
    while first < len(order):
        before = int(ends[first - 1]) if first else 0
        last = int(np.searchsorted(ends, before + _FULL_PACKS * budget)) + 1
        window = order[first:last]
        yield from (window[places] for places in _best_fit(lengths[window], budget))
        first = last


def _best_fit(lengths: NDArray[np.int64], budget: int) -> list[list[int]]:
    """Return the places that share a pack: each row goes, longest first, where it leaves the least room."""
    packs: list[list[int]] = []
    room: list[tuple[int, int]] = []  # what is left of each pack, and its number; sorted
    for place in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[place])
        found = bisect_left(room, (length, 0))
        if found < len(room):
            left, number = room.pop(found)
        else:
            left, number = budget, len(packs)
            packs.append([])
        packs[number].append(place)
        insort(room, (left - length, number))
    return sorted(sorted(places) for places in packs)
