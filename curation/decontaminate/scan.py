"""The loop that looks for questions in rows: runs of words as anchors, then the whole question around one.

At every place of a text its next `ANCHOR` words are looked up among the runs of words that few questions
have. Where they are one of a question's, the question is laid over the text at that place:

* all its words in their order: it is there, whole;
* otherwise, once several anchors point to it: its pairs of neighbouring words are aligned with those around
  the place (longest common subsequence), each with the weight of its words. The score is the part of the
  question's weight that is found: 1 for all of it. Left-out words, inserted ones and a missing sentence lower
  it, other words around it do not.

A word's weight is its inverse document frequency among the questions, as in allenai/decon.

Most anchors that are found are phrases that anybody says, and each is a place in memory that no cache holds.
So what is known of an anchor lies together, what is known of a question, too, and the words of a question
are read only if those beside the anchor are those of the text.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.decontaminate.words import TURN, Words
from thinkmix.curation.text.compiled import compiled_in_place
from thinkmix.curation.text.kernels import Hashes, Offsets

Weights = NDArray[np.float32]
Numbers = NDArray[np.int32]

ANCHOR = 4
"""Words of an anchor. A shorter question is its own anchor, and found only as a whole turn."""
LONG = 13
"""A question of this many words counts wherever it is found (Brown et al. 2020, appendix C)."""

NOTHING, NEAR, RUN, INSIDE, WHOLE = 0, 1, 2, 3, 4
"""What is found of a question: its score; `LONG` of its words in a row; a short one among other words, whole;
and one that is the turn, or is long."""

_LONGEST = 400
"""Words of a question that are aligned, around the anchor; time grows with the square."""
_SPARE = 8
_ENOUGH, _ENOUGH_PART = 3, 0.2
"""Anchors that must point to a question before it is aligned: this number, one for a short
question, and this part of its anchors."""
_FILTER_BITS = 19
_FILTER_MASK = np.uint64((1 << _FILTER_BITS) - 1)
_BUCKET, _COARSE = np.uint64(44), np.uint64(42)
"""What is not of the first 20 and the first 22 bits of an anchor."""
_AT_ONCE = 1024
_LEAST = np.float32(0.35)
"""Scores below it are not kept."""

_P1, _P2, _P3, _P4 = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
    np.uint64(0xD6E8FEB86659FD93),
)
_SHIFT = np.uint64(32)


_HASH, _OWNER, _BESIDE = range(3)
"""Of an anchor: its hash; `question << 32 | offset`; and `_neighbour` of the words before and after it."""

_SEEN, _SINCE, _HITS, _UNTIL, _FIRST, _SIZE, _ENOUGH_HITS = range(7)
"""Of a question in one text: the text that an anchor of it was last seen in; where the first of these
stands; how many there were; and up to where the text was looked at for it. Of a question in all texts:
its first word, how many it has, and how many of its anchors must point to it before it is aligned."""
_CACHE_LINE = 8  # numbers


class Asked(NamedTuple):
    """Questions as the loop reads them; of n questions, w words in all, a anchors."""

    words: Hashes
    """Shape (w,): the words of all questions."""
    weights: Weights
    """Shape (w,)."""
    anchors: Hashes
    """Shape (a, 3), in ascending order: `_HASH`, `_OWNER` and `_BESIDE`."""
    questions: Offsets
    """Shape (n, 8): `_FIRST` to `_ENOUGH_HITS`, the rest is room for what one text says."""


class Sieve(NamedTuple):
    """Which hashes may be anchors: most words of a text end here, in a few nanoseconds."""

    first: Hashes
    """Shape (2 ** 22 / 64,), small enough for a core's own cache: which first 22 bits anchors have."""
    bits: Hashes
    """Shape (2 ** 25 / 64,): a Bloom filter with three bits for each anchor, all in one integer."""
    buckets: Numbers
    """Shape (2 ** 20 + 1,): where anchors with each beginning of 20 bits begin."""


class Scratch(NamedTuple):
    """What the loop remembers of questions in one text, by question; made once for all texts."""

    questions: Offsets
    """Of `Asked`."""
    row: Weights
    """A row of an alignment."""
    best: NDArray[np.float64]
    """Shape (4,): what was found in the text so far."""
    hashes: Hashes
    """Anchors of the words that are looked at."""
    at: Offsets
    """Words at which an anchor of a question begins."""
    place: Offsets
    """The first of these anchors in `Asked`."""
    turns: Offsets
    """Words that end a turn."""


def ask(words: Hashes, owners: Hashes, weights: Weights, anchors: Hashes, count: int) -> Asked:
    """Return `count` questions as the loop reads them.

    Args:
        words: of all questions.
        owners: the question of each word.
        weights: of each word.
        anchors: shape (2, a), in ascending order: `_HASH` and `_OWNER`.
        count: how many questions.
    """
    first = np.searchsorted(owners, np.arange(count + 1, dtype=np.uint64)).astype(np.int64)
    questions = np.zeros((count, _CACHE_LINE), np.int64)
    questions[:, _FIRST], questions[:, _SIZE] = first[:-1], np.diff(first)
    of = (anchors[_OWNER] >> np.uint64(32)).astype(np.int64)
    questions[:, _ENOUGH_HITS] = enough(np.bincount(of, minlength=count))
    asked = Asked(words, weights, np.zeros((anchors.shape[1], 3), np.uint64), questions)
    asked.anchors[:, :_BESIDE] = anchors.T
    _note_neighbours(asked)
    return asked


def sieve(anchors: Hashes) -> Sieve:
    """Return what quickly rules out hashes that are not anchors, which these are in ascending order."""
    first, bits = np.zeros(1 << (64 - int(_COARSE) - 6), np.uint64), np.zeros(1 << _FILTER_BITS, np.uint64)
    _set_bits(first, bits, anchors)
    starts = np.searchsorted(anchors, np.arange(1 << 20, dtype=np.uint64) << np.uint64(44))
    return Sieve(first, bits, np.append(starts, len(anchors)).astype(np.int32))


def enough(anchors: NDArray[np.int64]) -> Numbers:
    """Return `Asked.enough` of questions with these numbers of anchors."""
    several = np.where(anchors <= LONG - ANCHOR, 1, _ENOUGH)
    least = np.maximum(several, np.ceil(_ENOUGH_PART * anchors))
    found: Numbers = np.minimum(anchors, least).astype(np.int32)
    return found


def scratch(asked: Asked, words: int) -> Scratch:
    """Return room for looking for these questions in texts of no more words together, their ends included."""
    return Scratch(
        questions=asked.questions.copy(),
        row=np.zeros(4 * _LONGEST, np.float32),
        best=np.zeros(4),
        hashes=np.empty(_AT_ONCE, np.uint64),
        at=np.empty(words, np.int64),
        place=np.empty(words, np.int64),
        turns=np.empty(words, np.int64),
    )


@compiled_in_place
def _full_anchor(words: Hashes, at: int) -> np.uint64:
    """Return the hash of `ANCHOR` words from `at` on."""
    state = (words[at] * _P1) ^ (words[at + 1] * _P2)
    state = (state ^ (state >> _SHIFT)) * _P3 + words[at + 2]
    state = (state ^ (words[at + 3] * _P4)) * _P1
    found: np.uint64 = state ^ (state >> _SHIFT)
    return found


@compiled_in_place
def _short_anchor(words: Hashes, at: int, size: int) -> np.uint64:
    """Return the hash of fewer words."""
    state = np.uint64(size) * _P2
    for step in range(size):
        state = (state ^ words[at + step]) * _P3
        state ^= state >> _SHIFT
    return state


@compiled_in_place
def anchors_of(words: Hashes, first: Offsets, anchors: Hashes, owners: Numbers, offsets: Numbers) -> int:
    """Write all anchors of all questions; return how many there are."""
    count = 0
    for question in range(len(first) - 1):
        start, size = first[question], first[question + 1] - first[question]
        width = min(size, ANCHOR)
        for offset in range(size - width + 1 if size else 0):
            anchors[count] = (
                _full_anchor(words, start + offset) if width == ANCHOR else _short_anchor(words, start, width)
            )
            owners[count], offsets[count] = question, offset
            count += 1
    return count


@compiled_in_place
def _three_bits(anchor: np.uint64) -> np.uint64:
    """Return the bits that an anchor has in its integer of the filter."""
    one = np.uint64(1)
    low = one << ((anchor >> np.uint64(19)) & np.uint64(63))
    middle = one << ((anchor >> np.uint64(25)) & np.uint64(63))
    return low | middle | one << ((anchor >> np.uint64(31)) & np.uint64(63))


@compiled_in_place
def _set_bits(first: Hashes, bits: Hashes, anchors: Hashes) -> None:
    """Set the bits of all anchors in both filters."""
    for anchor in anchors:
        begins = anchor >> _COARSE
        first[begins >> np.uint64(6)] |= np.uint64(1) << (begins & np.uint64(63))
        bits[anchor & _FILTER_MASK] |= _three_bits(anchor)


@compiled_in_place
def _neighbour(word: np.uint64) -> np.uint64:
    """Return 32 bits of a word, never 0, which stands for no word."""
    return word >> np.uint64(32) | np.uint64(1)


@compiled_in_place
def _note_neighbours(asked: Asked) -> None:
    """Write `_BESIDE` of all anchors."""
    anchors, questions, words = asked.anchors, asked.questions, asked.words
    for anchor in range(len(anchors)):
        question = np.int64(anchors[anchor, _OWNER] >> np.uint64(32))
        offset = np.int64(anchors[anchor, _OWNER] & np.uint64(0xFFFFFFFF))
        first, size = questions[question, _FIRST], questions[question, _SIZE]
        if offset > 0:
            anchors[anchor, _BESIDE] = _neighbour(words[first + offset - 1]) << np.uint64(32)
        if offset + ANCHOR < size:
            anchors[anchor, _BESIDE] |= _neighbour(words[first + offset + ANCHOR])


@compiled_in_place
def _overlay(words: Hashes, at: np.int64, asked: Asked, first: np.int64, size: np.int64) -> bool:
    """Return whether all words of a question stand at `at`, in their order."""
    for step in range(size):  # noqa: SIM110 - numba knows no `all`
        if words[at + step] != asked.words[first + step]:
            return False
    return True


@compiled_in_place
def _run(
    words: Hashes, start: int, end: int, at: int, asked: Asked, question: np.int64, offset: np.int64
) -> int:
    """Return how many words in a row, with the anchor at `at`, the turn and a question share."""
    first = asked.questions[question, _FIRST]
    last = first + asked.questions[question, _SIZE]
    place = first + offset
    before = 0
    while (
        at - before > start and place - before > first
        and words[at - before - 1] == asked.words[place - before - 1]
    ):  # fmt: skip
        before += 1
    after = ANCHOR
    while at + after < end and place + after < last and words[at + after] == asked.words[place + after]:
        after += 1
    return before + after


@compiled_in_place
def _aligned(
    words: Hashes, low: int, high: int, asked: Asked, question: np.int64, offset: np.int64, row: Weights
) -> np.float32:
    """Return the part of a question's weight whose pairs of words are in `words[low:high]`, in order."""
    start, size = asked.questions[question, _FIRST], asked.questions[question, _SIZE]
    left = max(0, min(offset - _LONGEST // 2, size - _LONGEST))
    right = min(size, left + _LONGEST)
    width = min(high - low - 1, len(row) - 1)
    for column in range(width + 1):
        row[column] = 0
    total = np.float32(0)
    for place in range(start + left, start + right - 1):
        weight = asked.weights[place] + asked.weights[place + 1]
        total += weight
        one, two = asked.words[place], asked.words[place + 1]
        above_left = row[0]
        for column in range(width):
            above = row[column + 1]
            best = max(above, row[column])
            if words[low + column] == one and words[low + column + 1] == two:
                best = max(best, above_left + weight)
            row[column + 1], above_left = best, above
    return row[width] / total if total > 0 else np.float32(0)


@compiled_in_place
def _meet(
    words: Hashes, start: int, end: int, at: int, place: int, text: int, asked: Asked, scratch: Scratch
) -> None:
    """Look at one question, whose anchor `place` is at word `at` of the turn `words[start:end]`."""
    owner = asked.anchors[place, _OWNER]
    question, offset = np.int64(owner >> np.uint64(32)), np.int64(owner & np.uint64(0xFFFFFFFF))
    known, best = scratch.questions, scratch.best
    if known[question, _SEEN] == text and at < known[question, _UNTIL]:
        return
    size = known[question, _SIZE]
    base = at - offset
    before, after = _fits_beside(words, at, asked.anchors[place, _BESIDE])
    whole = before >= 0 and after >= 0 and base >= start and base + size <= end
    if whole and _overlay(words, base, asked, known[question, _FIRST], size):
        kind = WHOLE if size >= LONG or 2 * size >= end - start else INSIDE
        longer = size > known[np.int64(best[1]), _SIZE]
        if kind > best[0] or (kind == best[0] and longer):
            best[0], best[1], best[2], best[3] = kind, question, 1, base
        known[question, _SEEN], known[question, _UNTIL] = text, base + size
        return
    if best[0] >= INSIDE or size < ANCHOR:
        return
    if known[question, _SEEN] != text or at - known[question, _SINCE] > 2 * size:
        known[question, _SEEN], known[question, _SINCE] = text, at
        known[question, _HITS], known[question, _UNTIL] = 0, 0
    known[question, _HITS] += 1
    may_run = before > 0 or after > 0
    is_run = may_run and _run(words, start, end, at, asked, question, offset) >= LONG
    if known[question, _HITS] < known[question, _ENOUGH_HITS] and not is_run:
        return
    spare = size // 4 + _SPARE
    low = max(start, base - spare, at - 2 * _LONGEST)
    high = min(end, base + size + spare, at + 2 * _LONGEST)
    part = _aligned(words, low, high, asked, question, offset, scratch.row)
    known[question, _UNTIL] = high
    known[question, _HITS] = 0
    kind = RUN if is_run else NEAR if part >= _LEAST else NOTHING
    if kind > best[0] or (kind == best[0] and part > best[2]):
        best[0], best[1], best[2], best[3] = kind, question, part, low


@compiled_in_place
def _fits_beside(words: Hashes, at: int, beside: np.uint64) -> tuple[int, int]:
    """Return of the words before and after the anchor at `at` whether they are those of the question.

    1 if one seems to be, -1 if it is not, and 0 where the question begins or ends.
    """
    before, after = beside >> np.uint64(32), beside & np.uint64(0xFFFFFFFF)
    return _fits(before, words[at - 1]), _fits(after, words[at + ANCHOR]) if after else 0


@compiled_in_place
def _fits(wanted: np.uint64, word: np.uint64) -> int:
    if wanted == np.uint64(0):
        return 0
    return 1 if wanted == _neighbour(word) else -1


@compiled_in_place
def find_all(
    words: Words, asked: Asked, sieve: Sieve, scratch: Scratch, done: int, out: NDArray[np.float64]
) -> None:
    """Look for questions in each of n texts.

    Args:
        words: of these texts, no more than `scratch` has room for.
        asked: the questions.
        sieve: of their anchors.
        scratch: room.
        done: how many texts were looked at with this `scratch` before.
        out: takes per text how, question, score and the first byte of what was found, shape (n, 4).
    """
    best = scratch.best
    anchors = _find_anchors(words.hashes, words.first[len(out)], asked, sieve, scratch)
    anchor, turn = 0, 0
    for text in range(len(out)):
        for part in range(4):
            best[part] = NOTHING
        start = words.first[text]
        while start < words.first[text + 1]:
            end = scratch.turns[turn]
            turn += 1
            if end - start < ANCHOR:
                wanted = _short_anchor(words.hashes, start, end - start)
                place = _first_from(sieve.buckets[np.int64(wanted >> _BUCKET)], wanted, asked.anchors)
                _meet_all(words.hashes, start, end, start, wanted, place, done + text + 1, asked, scratch)
            while anchor < anchors and scratch.at[anchor] < end:
                at, place = scratch.at[anchor], scratch.place[anchor]
                wanted = asked.anchors[place, _HASH]
                _meet_all(words.hashes, start, end, at, wanted, place, done + text + 1, asked, scratch)
                anchor += 1
            start = end + 1
        for part in range(3):
            out[text, part] = best[part]
        out[text, 3] = words.places[np.int64(best[3])] if best[0] else -1


@compiled_in_place
def _find_anchors(words: Hashes, count: int, asked: Asked, sieve: Sieve, scratch: Scratch) -> int:
    """Write where anchors of questions begin in `words[:count]`, and which; return how many there are.

    For all places one thing at a time: the processor then waits for many places in memory at once.
    """
    at, place = scratch.at, scratch.place
    may_be, ends = 0, 0
    for low in range(1, count, _AT_ONCE):
        may_be, ends = _sift(words, low, min(low + _AT_ONCE, count), sieve, scratch, may_be, ends)
    for found in range(may_be):
        place[found] = sieve.buckets[np.int64(_full_anchor(words, at[found]) >> _BUCKET)]
    anchors = 0
    for found in range(may_be):
        anchor = _full_anchor(words, at[found])
        here = _first_from(place[found], anchor, asked.anchors)
        if here < len(asked.anchors) and asked.anchors[here, _HASH] == anchor:
            at[anchors], place[anchors] = at[found], here
            anchors += 1
    return anchors


@compiled_in_place
def _sift(
    words: Hashes, low: int, high: int, sieve: Sieve, scratch: Scratch, may_be: int, ends: int
) -> tuple[int, int]:
    """Write after `may_be` others which of `words[low:high]` may begin an anchor, and those that end turns.

    Without a branch on what is found, which no processor could guess; return how many there are then.
    """
    hashes, at, turns = scratch.hashes, scratch.at, scratch.turns
    for word in range(low, high):
        hashes[word - low] = _full_anchor(words, word)
    kept = 0
    for word in range(low, high):
        anchor = hashes[word - low]
        first = anchor >> _COARSE
        hashes[kept], at[may_be + kept], turns[ends] = anchor, word, word
        bit = (sieve.first[first >> np.uint64(6)] >> (first & np.uint64(63))) & np.uint64(1)
        kept += int(np.int64(bit))
        ends += words[word] == TURN
    start = may_be
    for place in range(kept):
        wanted = _three_bits(hashes[place])
        at[may_be] = at[start + place]
        may_be += sieve.bits[hashes[place] & _FILTER_MASK] & wanted == wanted
    return may_be, ends


@compiled_in_place
def _first_from(place: int, anchor: np.uint64, anchors: Hashes) -> int:
    """Return the first place from `place` on whose anchor is not less than this one."""
    while place < len(anchors) and anchors[place, _HASH] < anchor:
        place += 1
    return place


@compiled_in_place
def _meet_all(
    words: Hashes,
    start: int,
    end: int,
    at: int,
    anchor: np.uint64,
    place: int,
    text: int,
    asked: Asked,
    scratch: Scratch,
) -> None:
    """Look at each question that has the anchor at word `at`: those from `place` on."""
    while place < len(asked.anchors) and asked.anchors[place, _HASH] == anchor:
        _meet(words, start, end, at, place, text, asked, scratch)
        place += 1
