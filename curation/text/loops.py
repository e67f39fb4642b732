"""Loops that a text ends in: a stretch of words that is said again and again, up to the end."""

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.text.compiled import compiled
from thinkmix.curation.text.repeats import cut_words
from thinkmix.curation.text.text_kernels import Bytes, Flags, Offsets

_CUT = 2  # words after a loop that it may end in: the one that was cut, and a sign beside it


@compiled
def measure_loops(
    data: Bytes, offsets: Offsets, asked: Flags, least: float, times: NDArray[np.float64], spans: Offsets
) -> None:
    """Write of each text that is asked for how often it says the stretch that it ends in, and where.

    The loop is the longest end of the text in which each word equals the one a period before it, and that
    lasts for `least` periods. Up to two words may follow it.

    Args:
        data: the texts.
        offsets: places between which they stand.
        asked: which of them are judged.
        least: times that a loop says its stretch, the last one perhaps in part.
        times: takes the times; 0 where a text does not end in a loop.
        spans: shape (texts, 3), takes the bytes in the text between which the loop stands, and its words.
    """
    for text in range(len(asked)):
        if not asked[text]:
            continue
        start, end = offsets[text], offsets[text + 1]
        room = (end - start) // 2 + 1
        starts, ends, prints = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
        words = cut_words(data, start, end, starts, ends, prints)
        same = np.empty(words, np.int64)
        for cut in range(min(_CUT, words) + 1):
            left = words - cut
            _match_end(prints, left, same)
            for period in range(1, int(left / least) + 1):
                covered = same[period] + period
                if covered >= least * period and covered > spans[text, 2]:
                    times[text] = covered / period
                    spans[text, 0] = starts[left - covered] - start
                    spans[text, 1] = ends[left - 1] - start
                    spans[text, 2] = covered


@compiled
def _match_end(prints: Offsets, words: int, same: Offsets) -> None:
    """Write for each distance how many words at the end equal those that stand this distance before them.

    This is the Z-function (Gusfield 1997, section 1.4) of the words from last to first.
    """
    left = right = 0
    for at in range(1, words):
        found = min(right - at, same[at - left]) if at < right else 0
        while at + found < words and prints[words - 1 - found] == prints[words - 1 - at - found]:
            found += 1
        same[at] = found
        if at + found > right:
            left, right = at, at + found
