"""Words of texts: how many there are, and runs of them that a text repeats, how much and where."""

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.text.compiled import compiled
from thinkmix.curation.text.text_kernels import Bytes, Flags, Offsets

_GRAM = 10
_SPACE = np.uint8(0x20)


@compiled
def cut_words(data: Bytes, at: int, end: int, starts: Offsets, ends: Offsets, prints: Offsets) -> int:
    """Write where the words of a text stand and a hash of each; return how many there are.

    Words stand between ASCII white space; a character from U+3000 to U+9FFF, or from the supplementary
    ideographic planes, is a word by itself.
    """
    count = 0
    while at < end:
        byte = data[at]
        if byte == _SPACE or 0x09 <= byte <= 0x0D:
            at += 1
            continue
        start, mark = at, np.int64(0x345678)
        if 0xE3 <= byte <= 0xE9 or (byte == 0xF0 and at + 1 < end and data[at + 1] >= 0xA0):
            stop = at + 3 if byte < 0xF0 else at + 4
            while at < stop:
                mark = mark * 1_000_003 ^ np.int64(data[at])
                at += 1
        else:
            while at < end:
                byte = data[at]
                if (
                    byte == _SPACE
                    or 0x09 <= byte <= 0x0D
                    or 0xE3 <= byte <= 0xE9
                    or (byte == 0xF0 and at + 1 < end and data[at + 1] >= 0xA0)
                ):
                    break
                mark = mark * 1_000_003 ^ np.int64(byte)
                at += 1
        starts[count], ends[count], prints[count] = start, at, mark
        count += 1
    return count


@compiled
def count_words(data: Bytes, offsets: Offsets, asked: Flags, most: int, words: Offsets) -> None:
    """Write how many words, as `cut_words` cuts them, each text that is asked for has; stop above `most`."""
    for text in range(len(asked)):
        at, end, inside = offsets[text], offsets[text + 1], False
        while asked[text] and at < end and words[text] <= most:
            byte = data[at]
            if byte == _SPACE or 0x09 <= byte <= 0x0D:
                inside = False
            elif 0xE3 <= byte <= 0xE9 or (byte == 0xF0 and at + 1 < end and data[at + 1] >= 0xA0):
                words[text] += 1
                inside = False
                at += 2 if byte < 0xF0 else 3
            elif not inside:
                words[text] += 1
                inside = True
            at += 1


@compiled
def _firsts(prints: Offsets, words: int, first: Offsets) -> None:
    """Write of each run of ten words the place at which the same run stands first."""
    size = 16
    while size < 2 * words:
        size *= 2
    table = np.full(size, -1, np.int64)
    for place in range(words - _GRAM + 1):
        mark = np.int64(0)
        for word in range(_GRAM):
            mark = (mark ^ prints[place + word]) * np.int64(0x2545F4914F6CDD1D)
            mark ^= (mark >> 29) & np.int64(0x7FFFFFFFF)
        slot = mark & (size - 1)
        first[place] = place
        while table[slot] >= 0:
            other, same = table[slot], True
            for word in range(_GRAM):
                if prints[other + word] != prints[place + word]:
                    same = False
                    break
            if same:
                first[place] = other
                break
            slot = (slot + 1) & (size - 1)
        if first[place] == place:
            table[slot] = place


@compiled
def measure_repeats(
    data: Bytes, offsets: Offsets, asked: Flags, least: int, shares: NDArray[np.float64], spans: Offsets
) -> None:
    """Write the share of repeated words of each text that is asked for, and its most repeated stretch.

    Args:
        data: the texts.
        offsets: places between which they stand.
        asked: which of them are judged.
        least: words that a text needs; one with fewer has share 0.
        shares: takes the shares.
        spans: shape (texts, 2), takes the bytes in the text between which the stretch stands.
    """
    for text in range(len(asked)):
        if not asked[text]:
            continue
        start, end = offsets[text], offsets[text + 1]
        room = (end - start) // 2 + 1  # between two words of one byte each there is at least one more
        starts, ends, prints = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
        words = cut_words(data, start, end, starts, ends, prints)
        if words < max(least, _GRAM):
            continue
        grams = words - _GRAM + 1
        first, times = np.empty(grams, np.int64), np.zeros(grams, np.int64)
        _firsts(prints, words, first)
        covered, reached, best = 0, 0, 0
        for place in range(grams):
            times[first[place]] += 1
            if first[place] < place:
                covered += place + _GRAM - max(reached, place)
                reached = place + _GRAM
        if not covered:
            continue
        for place in range(grams):
            if times[place] > times[best]:
                best = place
        last = best
        while last + 1 < grams and first[last + 1] == last + 1 and times[last + 1] == times[best]:
            last += 1
        shares[text] = covered / words
        spans[text, 0], spans[text, 1] = starts[best] - start, ends[last + _GRAM - 1] - start
