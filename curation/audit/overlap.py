"""What two texts share, for people: the similarity that decided, and the passages behind it."""

from dataclasses import dataclass

import polars as pl

from thinkmix.curation.text.kernels import ALONE, KIND_BIT, SEPARATOR, TAIL
from thinkmix.curation.text.shingles import character_forms, folded

Word = tuple[str, int, int]


@dataclass(frozen=True)
class Overlap:
    """How much two texts have in common."""

    jaccard: float
    """Shared shingles over all distinct shingles of both, as the duplicate search computes it."""
    shared: tuple[str, ...]
    """Passages of the first text whose shingles the second text has too, in reading order."""


def explain_pair(a: str, b: str, *, shingle: int) -> Overlap:
    """Return the similarity of `a` and `b`, and the passages of `a`, folded, that `b` has too.

    Args:
        a: text whose passages are shown.
        b: text it is compared with.
        shingle: words to a shingle.
    """
    a, b = folded(pl.Series([a, b]))
    words_a, words_b = cut_words(a), cut_words(b)
    ours, theirs = _shingles(words_a, shingle), set(_shingles(words_b, shingle))
    either = theirs | set(ours)
    jaccard = len(theirs & set(ours)) / len(either) if either else 0.0
    return Overlap(jaccard=jaccard, shared=_passages(a, words_a, ours, theirs, shingle))


def cut_words(text: str) -> list[Word]:
    """Return the words of NFC `text` as the kernels cut and fold them, with start and end."""
    forms = character_forms()
    words: list[Word] = []
    letters: list[str] = []
    start, end, kept = 0, 0, 0
    for at, char in enumerate(text):
        code = ord(char)
        form = int(forms[code]) if code < len(forms) else code
        kind = (form >> KIND_BIT) & 3
        if code >= len(forms):
            kind = ALONE if 0x20000 <= code < 0x40000 else 1
        lower = chr(form & 0xFFFFFF)
        if kind in (SEPARATOR, ALONE):
            if kept:
                words.append(("".join(letters[:kept]), start, end))
            letters, kept = [], 0
            if kind == ALONE:
                words.append((lower, at, at + 1))
            continue
        start = start if letters else at
        letters.append(lower)
        if kind != TAIL:
            kept, end = len(letters), at + 1
    return [*words, ("".join(letters[:kept]), start, end)] if kept else words


def _shingles(words: list[Word], shingle: int) -> list[tuple[str, ...]]:
    letters = [word for word, _, _ in words]
    count = max(len(letters) - shingle + 1, 1) if letters else 0
    return [tuple(letters[i : i + shingle]) for i in range(count)]


def _passages(
    text: str, words: list[Word], ours: list[tuple[str, ...]], theirs: set[tuple[str, ...]], shingle: int
) -> tuple[str, ...]:
    """Merge the shared shingles that touch or overlap."""
    spans: list[tuple[int, int]] = []
    for i, shared in enumerate(ours):
        if shared not in theirs:
            continue
        first, last = i, min(i + shingle, len(words))
        if spans and first <= spans[-1][1]:
            first = spans.pop()[0]
        spans.append((first, last))
    return tuple(text[words[first][1] : words[last - 1][2]] for first, last in spans)
