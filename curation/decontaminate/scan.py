"""The loop that looks for questions in rows: runs of words as anchors, then the whole question around one.

At every place of a text its next `ANCHOR` words are looked up among the runs of words that few questions
have. Where they are one of a question's, the question is laid over the text at that place:

* all its words in their order: it is there, whole;
* otherwise, once several anchors point to it: its pairs of neighbouring words are aligned with those around
  the place (longest common subsequence), each with the weight of its words. The score is the part of the
  question's weight that is found: 1 for all of it. Left-out words, inserted ones and a missing sentence lower
  it, other words around it do not.

A word's weight is its inverse document frequency among the questions, as in allenai/decon.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.decontaminate.words import TURN, Alphabet, read_words
from thinkmix.curation.text.compiled import compiled
from thinkmix.curation.text.kernels import Bytes, Hashes, Offsets

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
_BITS = 25
_LEAST = np.float32(0.35)
"""Scores below it are not kept."""

_P1, _P2, _P3, _P4 = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
    np.uint64(0xD6E8FEB86659FD93),
)
_SHIFT = np.uint64(32)


class Asked(NamedTuple):
    """Questions as the loop reads them; of n questions, w words in all, a anchors."""

    words: Hashes
    """Shape (w,): the words of all questions."""
    first: Offsets
    """Shape (n + 1,): where each question's words begin."""
    weights: Weights
    """Shape (w,)."""
    anchors: Hashes
    """Shape (a,), in ascending order."""
    owners: Numbers
    """Shape (a,): whose anchor it is."""
    offsets: Numbers
    """Shape (a,): at which of the question's words it begins."""
    enough: Numbers
    """Shape (n,): how many anchors must point to a question before it is aligned."""


class Sieve(NamedTuple):
    """Which hashes may be anchors: most words of a text end here, in a few nanoseconds."""

    bits: Hashes
    """Shape (2 ** 25 / 64,): a Bloom filter with two bits for each anchor."""
    buckets: Numbers
    """Shape (2 ** 20 + 1,): where anchors with each beginning of 20 bits begin."""


class Scratch(NamedTuple):
    """What the loop remembers of questions in one text, by question; made once for all texts."""

    seen: Offsets
    """The text that an anchor of it was last seen in, plus one."""
    since: Offsets
    """Where the first of these stands."""
    hits: Numbers
    until: Offsets
    """Up to where the text was looked at for it."""
    row: Weights
    above: Weights
    best: NDArray[np.float64]
    """Shape (4,): what was found in the text so far."""


def sieve(anchors: Hashes) -> Sieve:
    """Return what quickly rules out hashes that are not anchors."""
    bits = np.zeros(1 << (_BITS - 6), np.uint64)
    for shift in (0, _BITS):
        low = (anchors >> np.uint64(shift)) & np.uint64((1 << _BITS) - 1)
        np.bitwise_or.at(bits, (low >> np.uint64(6)).astype(np.int64), np.uint64(1) << (low & np.uint64(63)))
    starts = np.searchsorted(anchors, np.arange(1 << 20, dtype=np.uint64) << np.uint64(44))
    return Sieve(bits, np.append(starts, len(anchors)).astype(np.int32))


def enough(anchors: NDArray[np.int64]) -> Numbers:
    """Return `Asked.enough` of questions with these numbers of anchors."""
    several = np.where(anchors <= LONG - ANCHOR, 1, _ENOUGH)
    least = np.maximum(several, np.ceil(_ENOUGH_PART * anchors))
    found: Numbers = np.minimum(anchors, least).astype(np.int32)
    return found


def scratch(questions: int) -> Scratch:
    """Return room for this number of questions."""
    return Scratch(
        seen=np.zeros(questions, np.int64),
        since=np.zeros(questions, np.int64),
        hits=np.zeros(questions, np.int32),
        until=np.zeros(questions, np.int64),
        row=np.zeros(4 * _LONGEST, np.float32),
        above=np.zeros(4 * _LONGEST, np.float32),
        best=np.zeros(4),
    )


@compiled
def _full_anchor(words: Hashes, at: int) -> np.uint64:
    """Return the hash of `ANCHOR` words from `at` on."""
    state = (words[at] * _P1) ^ (words[at + 1] * _P2)
    state = (state ^ (state >> _SHIFT)) * _P3 + words[at + 2]
    state = (state ^ (words[at + 3] * _P4)) * _P1
    found: np.uint64 = state ^ (state >> _SHIFT)
    return found


@compiled
def _short_anchor(words: Hashes, at: int, size: int) -> np.uint64:
    """Return the hash of fewer words."""
    state = np.uint64(size) * _P2
    for step in range(size):
        state = (state ^ words[at + step]) * _P3
        state ^= state >> _SHIFT
    return state


@compiled
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


@compiled
def _overlay(words: Hashes, count: int, base: int, asked: Asked, question: int) -> bool:
    """Return whether all words of a question stand at `base`, in their order."""
    start, end = asked.first[question], asked.first[question + 1]
    if base < 0 or base + (end - start) > count:
        return False
    for step in range(end - start):  # noqa: SIM110 - numba knows no `all`
        if words[base + step] != asked.words[start + step]:
            return False
    return True


@compiled
def _run(words: Hashes, start: int, end: int, at: int, asked: Asked, question: int, offset: int) -> int:
    """Return how many words in a row, with the anchor at `at`, the turn and a question share."""
    first, last = asked.first[question], asked.first[question + 1]
    place = asked.first[question] + offset
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


@compiled
def _aligned(
    words: Hashes, low: int, high: int, asked: Asked, question: int, offset: int, scratch: Scratch
) -> np.float32:
    """Return the part of a question's weight whose pairs of words are in `words[low:high]`, in order."""
    start, size = asked.first[question], asked.first[question + 1] - asked.first[question]
    left = max(0, min(offset - _LONGEST // 2, size - _LONGEST))
    right = min(size, left + _LONGEST)
    row, above = scratch.row, scratch.above
    width = min(high - low - 1, len(row) - 1)
    row[: width + 1] = 0
    total = np.float32(0)
    for place in range(start + left, start + right - 1):
        weight = asked.weights[place] + asked.weights[place + 1]
        total += weight
        above[: width + 1] = row[: width + 1]
        one, two = asked.words[place], asked.words[place + 1]
        for column in range(width):
            best = max(above[column + 1], row[column])
            if words[low + column] == one and words[low + column + 1] == two:
                best = max(best, above[column] + weight)
            row[column + 1] = best
    return row[width] / total if total > 0 else np.float32(0)


@compiled
def find_question(words: Hashes, count: int, text: int, asked: Asked, sieve: Sieve, scratch: Scratch) -> None:
    """Note in `scratch.best` what is found in one text: how, which question, its score, and at which word.

    Args:
        words: words of the text; `TURN` ends a turn, the last one too.
        count: how many.
        text: a number that no other text has, 1 or more.
        asked: the questions.
        sieve: of their anchors.
        scratch: room.
    """
    scratch.best[:] = NOTHING
    bits = sieve.bits
    start = 0
    while start < count:
        end = start
        while words[end] != TURN:
            end += 1
        if end - start < ANCHOR:
            _look_up(
                words,
                start,
                end,
                start,
                _short_anchor(words, start, end - start),
                text,
                asked,
                sieve,
                scratch,
            )
        for at in range(start, end - ANCHOR + 1):
            anchor = _full_anchor(words, at)
            if _is_set(bits, anchor) and _is_set(bits, anchor >> np.uint64(_BITS)):
                _look_up(words, start, end, at, anchor, text, asked, sieve, scratch)
        start = end + 1


@compiled
def _is_set(bits: Hashes, anchor: np.uint64) -> bool:
    low = anchor & np.uint64((1 << _BITS) - 1)
    return bool((bits[low >> np.uint64(6)] >> (low & np.uint64(63))) & np.uint64(1))


@compiled
def _look_up(
    words: Hashes,
    start: int,
    end: int,
    at: int,
    anchor: np.uint64,
    text: int,
    asked: Asked,
    sieve: Sieve,
    scratch: Scratch,
) -> None:
    """Look at each question that has the anchor at word `at` of the turn `words[start:end]`."""
    bucket = np.int64(anchor >> np.uint64(44))
    for place in range(sieve.buckets[bucket], sieve.buckets[bucket + 1]):
        if asked.anchors[place] == anchor:
            _meet(words, start, end, at, place, text, asked, scratch)


@compiled
def _meet(
    words: Hashes, start: int, end: int, at: int, place: int, text: int, asked: Asked, scratch: Scratch
) -> None:
    """Look at one question, whose anchor `place` is at word `at` of the turn `words[start:end]`."""
    question, offset = asked.owners[place], asked.offsets[place]
    if scratch.seen[question] == text and at < scratch.until[question]:
        return
    best = scratch.best
    size = asked.first[question + 1] - asked.first[question]
    base = at - offset
    if base >= start and _overlay(words, end, base, asked, question):
        kind = WHOLE if size >= LONG or 2 * size >= end - start else INSIDE
        longer = size > asked.first[np.int64(best[1]) + 1] - asked.first[np.int64(best[1])]
        if kind > best[0] or (kind == best[0] and longer):
            best[0], best[1], best[2], best[3] = kind, question, 1, base
        scratch.seen[question], scratch.until[question] = text, base + size
        return
    if best[0] >= INSIDE or size < ANCHOR:
        return
    if scratch.seen[question] != text or at - scratch.since[question] > 2 * size:
        scratch.seen[question], scratch.since[question], scratch.hits[question] = text, at, 0
        scratch.until[question] = 0
    scratch.hits[question] += 1
    is_run = _run(words, start, end, at, asked, question, offset) >= LONG
    if scratch.hits[question] < asked.enough[question] and not is_run:
        return
    spare = size // 4 + _SPARE
    low = max(start, base - spare, at - 2 * _LONGEST)
    high = min(end, base + size + spare, at + 2 * _LONGEST)
    part = _aligned(words, low, high, asked, question, offset, scratch)
    scratch.until[question] = high
    scratch.hits[question] = 0
    kind = RUN if is_run else NEAR if part >= _LEAST else NOTHING
    if kind > best[0] or (kind == best[0] and part > best[2]):
        best[0], best[1], best[2], best[3] = kind, question, part, low


@compiled
def find_all(
    data: Bytes,
    starts: Offsets,
    alphabet: Alphabet,
    words: Hashes,
    places: Offsets,
    asked: Asked,
    sieve: Sieve,
    scratch: Scratch,
    done: int,
    out: NDArray[np.float64],
) -> None:
    """Look for questions in each of n texts.

    Args:
        data: UTF-8 of all texts.
        starts: n + 1 places between which a text lies.
        alphabet: what is known of characters and commands.
        words: room for the words of the longest text, and one more.
        places: as much room.
        asked: the questions.
        sieve: of their anchors.
        scratch: room.
        done: how many texts were looked at with this `scratch` before.
        out: takes per text how, question, score and the first byte of what was found, shape (n, 4).
    """
    for text in range(len(starts) - 1):
        count = read_words(data, starts[text], starts[text + 1], alphabet, words, places)
        words[count] = TURN
        find_question(words, count + 1, done + text + 1, asked, sieve, scratch)
        out[text] = scratch.best
        out[text, 3] = places[np.int64(scratch.best[3])] if scratch.best[0] else -1
