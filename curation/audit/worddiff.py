"""Which words two texts do not share, for people who read them side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from thinkmix.curation.audit.overlap import Word, cut_words

MOST_WORDS = 1_000
"""Words of each text that are compared; time and memory grow with the square."""

_MOST_LETTERS = 64 * MOST_WORDS

Highlight = tuple[int, int]


@dataclass(frozen=True)
class WordDiff:
    """Two texts in NFC, and the characters of each that hold words the other does not have in this order."""

    left: str
    right: str
    left_only: tuple[Highlight, ...]
    """Start and end in `left`, ascending; neighbouring words are one span."""
    right_only: tuple[Highlight, ...]
    whole: bool
    """Whether all words were compared; if not, both texts end where the comparison does."""


def word_diff(left: str, right: str) -> WordDiff:
    """Compare two texts by a longest common subsequence of their words.

    Words are cut and folded as the duplicate search does it, so a difference of letter case or of the stop
    after a word is none. The work is bounded by `MOST_WORDS`, whatever the texts say.
    """
    left, right = pl.Series([left, right]).str.normalize("NFC")
    whole = max(len(left), len(right)) <= _MOST_LETTERS
    left, right = left[:_MOST_LETTERS], right[:_MOST_LETTERS]
    ours, theirs = cut_words(left), cut_words(right)
    whole = whole and max(len(ours), len(theirs)) <= MOST_WORDS
    if len(ours) > MOST_WORDS:
        left, ours = left[: ours[MOST_WORDS - 1][2]], ours[:MOST_WORDS]
    if len(theirs) > MOST_WORDS:
        right, theirs = right[: theirs[MOST_WORDS - 1][2]], theirs[:MOST_WORDS]
    kept, found = _common([word for word, _, _ in ours], [word for word, _, _ in theirs])
    return WordDiff(left, right, _highlights(ours, kept), _highlights(theirs, found), whole)


def _common(left: Sequence[str], right: Sequence[str]) -> tuple[set[int], set[int]]:
    """Return the places of a longest common subsequence in both lists."""
    first = 0
    while first < min(len(left), len(right)) and left[first] == right[first]:
        first += 1
    last = 0
    while last < min(len(left), len(right)) - first and left[-1 - last] == right[-1 - last]:
        last += 1
    same_left = {*range(first), *range(len(left) - last, len(left))}
    same_right = {*range(first), *range(len(right) - last, len(right))}
    for i, j in _pairs(left[first : len(left) - last], right[first : len(right) - last]):
        same_left.add(first + i)
        same_right.add(first + j)
    return same_left, same_right


def _pairs(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int]]:
    """Return the matched places, from the table of lengths: one row of numpy per word of `left`."""
    codes = {word: code for code, word in enumerate({*left, *right})}
    a = np.array([codes[word] for word in left], np.int32)
    b = np.array([codes[word] for word in right], np.int32)
    longest = np.zeros((len(a) + 1, len(b) + 1), np.int16)
    for i, word in enumerate(a):
        row = longest[i].copy()
        row[1:] = np.maximum(row[1:], longest[i, :-1] + (b == word))
        longest[i + 1] = np.maximum.accumulate(row)
    pairs = []
    i, j = len(a), len(b)
    while i and j:
        if longest[i, j] == longest[i - 1, j]:
            i -= 1
        elif longest[i, j] == longest[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs


def _highlights(words: Sequence[Word], same: set[int]) -> tuple[Highlight, ...]:
    """Return the stretches of words that are not among `same`."""
    highlights: list[Highlight] = []
    for place, (_, start, end) in enumerate(words):
        if place in same:
            continue
        if highlights and place - 1 not in same:
            highlights[-1] = (highlights[-1][0], end)
        else:
            highlights.append((start, end))
    return tuple(highlights)
