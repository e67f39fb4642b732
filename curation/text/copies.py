"""What one text copies of another: the share of its words that lie in runs of ten which stand there, too."""

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.text.compiled import compiled
from thinkmix.curation.text.repeats import cut_words
from thinkmix.curation.text.text_kernels import Bytes, Flags, Offsets

_GRAM = 10


@compiled
def measure_copies(
    data: Bytes,
    offsets: Offsets,
    other: Bytes,
    other_offsets: Offsets,
    asked: Flags,
    least: int,
    shares: NDArray[np.float64],
    spans: Offsets,
) -> None:
    """Write the share of words of each text that is asked for that it copies of the other one at its place.

    Args:
        data: the texts.
        offsets: places between which they stand.
        other: the texts that they may copy, as many.
        other_offsets: places between which these stand.
        asked: which of them are judged.
        least: words that a text needs; one with fewer has share 0.
        shares: takes the shares.
        spans: shape (texts, 2), takes the bytes in the text between which the longest copied stretch stands.
    """
    for text in range(len(asked)):
        if not asked[text]:
            continue
        start, end = offsets[text], offsets[text + 1]
        first, last = other_offsets[text], other_offsets[text + 1]
        room, there = (end - start) // 2 + 1, (last - first) // 2 + 1
        starts, ends, prints = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
        words = cut_words(data, start, end, starts, ends, prints)
        if words < max(least, _GRAM):
            continue
        theirs, at, to = np.empty(there, np.int64), np.empty(there, np.int64), np.empty(there, np.int64)
        count = cut_words(other, first, last, at, to, theirs)
        size = 16
        while size < 2 * count:
            size *= 2
        table = np.full(size, -1, np.int64)
        for place in range(count - _GRAM + 1):
            slot = _slot(theirs, place, size)
            while table[slot] >= 0 and not _equal(theirs, table[slot], theirs, place):
                slot = (slot + 1) & (size - 1)
            if table[slot] < 0:
                table[slot] = place
        covered, reached, begin, longest = 0, 0, 0, 0
        for place in range(words - _GRAM + 1):
            slot = _slot(prints, place, size)
            while table[slot] >= 0 and not _equal(theirs, table[slot], prints, place):
                slot = (slot + 1) & (size - 1)
            if table[slot] < 0:
                continue
            if place > reached:
                begin = place
            covered += place + _GRAM - max(reached, place)
            reached = place + _GRAM
            if reached - begin > longest:
                longest = reached - begin
                spans[text, 0], spans[text, 1] = starts[begin] - start, ends[reached - 1] - start
        shares[text] = covered / words


@compiled
def _slot(prints: Offsets, at: int, size: int) -> int:
    """Return where a run of ten words is looked for in a table of `size`."""
    mark = np.int64(0)
    for word in range(_GRAM):
        mark = (mark ^ prints[at + word]) * np.int64(0x2545F4914F6CDD1D)
        mark ^= (mark >> 29) & np.int64(0x7FFFFFFFF)
    return int(mark & (size - 1))


@compiled
def _equal(one: Offsets, at: int, other: Offsets, place: int) -> bool:
    """Return whether two runs of ten words are equal."""
    for word in range(_GRAM):  # noqa: SIM110 - a kernel has no generators
        if one[at + word] != other[place + word]:
            return False
    return True
