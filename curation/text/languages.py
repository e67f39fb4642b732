"""Languages of texts, told apart by their scripts and, among Latin ones, by English function words.

What is counted is prose: words and characters outside fenced code, LaTeX commands and identifiers. A text
without any is of no language, whatever it is written in; one in which no language has 70 % is mixed.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thinkmix.curation.text.compiled import compiled
from thinkmix.curation.text.shingles import utf8_buffers

LANGUAGES = ("zh", "en", "ja", "ko", "ru", "other", "mixed")
"""What a text may be: Han is Chinese unless there are kana, Cyrillic is Russian, `other` is all else."""

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]

_NONE, _LATIN, _HAN, _KANA, _HANGUL, _CYRILLIC, _OTHER, _ENGLISH, _ACCENTED = range(9)
"""What is counted: characters of Han, kana, Hangul and other scripts; words of Latin and Cyrillic, and among
the Latin ones those that English is recognised by, and those with letters that English does not have."""

_SCRIPTS = (
    (0x00C0, 0x024F, _LATIN),
    (0x0400, 0x052F, _CYRILLIC),
    (0x0531, 0x10FF, _OTHER),  # Armenian, Hebrew, Arabic, the scripts of India, Thai, Tibetan, Georgian
    (0x1100, 0x11FF, _HANGUL),
    (0x1200, 0x1CFF, _OTHER),  # Ethiopic, Khmer, Mongolian and others
    (0x1E00, 0x1EFF, _LATIN),
    (0x1F00, 0x1FFF, _OTHER),  # Greek with accents, which formulas do not have
    (0x3005, 0x3007, _HAN),
    (0x3041, 0x30FA, _KANA),
    (0x30FC, 0x30FF, _KANA),
    (0x3131, 0x318E, _HANGUL),
    (0x31F0, 0x31FF, _KANA),
    (0x3400, 0x4DBF, _HAN),
    (0x4E00, 0x9FFF, _HAN),
    (0xAC00, 0xD7A3, _HANGUL),
    (0xF900, 0xFAFF, _HAN),
    (0xFF66, 0xFF9F, _KANA),
)
_NO_LETTERS = (0x00D7, 0x00F7)  # × and ÷
_BMP = 0x10000

_FUNCTION_WORDS = "the and of to that is for this with are it we by from what how which be have you"
_LONGEST = 5
_SLOTS = 1 << 8

# bytes that often stand beside words in programs and formulas, and seldom in prose
_BEFORE = np.zeros(256, np.bool_)
_BEFORE[list(b"_$=<>{}[|&%#@~^/\\0123456789.")] = True
_AFTER = np.zeros(256, np.bool_)
_AFTER[list(b"_$=<>{}[]|&%#@~^/\\0123456789(")] = True

_MOSTLY = 0.7
_FEW_WORDS = 20
_ENGLISH_AT_LEAST = 1 / 12
_ACCENTED_AT_MOST = 1 / 5
_KANA_AT_LEAST = 0.1


def languages(texts: Sequence[str]) -> pl.Series:
    """Return the language of each text, one of `LANGUAGES`."""
    data, places = utf8_buffers(pl.Series(texts, dtype=pl.String))
    counts = np.zeros((len(texts), _ACCENTED + 1), np.int64)
    _count(data, places, _scripts(), _BEFORE, _AFTER, _function_words(), counts)
    return pl.Series([LANGUAGES[code] for code in _judged(counts)], dtype=pl.String)


def _judged(counts: Counts) -> NDArray[np.int64]:
    """Return the place in `LANGUAGES` of each text, by its counts."""
    latin, han, kana = counts[:, _LATIN], counts[:, _HAN], counts[:, _KANA]
    cjk = (han + kana) / 1.5  # about as many words as the characters make
    amounts = np.stack([latin, cjk, counts[:, _HANGUL] / 2, counts[:, _CYRILLIC], counts[:, _OTHER] / 5])
    total = amounts.sum(axis=0)
    few = latin < _FEW_WORDS
    english = np.where(
        few,
        counts[:, _ACCENTED] <= _ACCENTED_AT_MOST * latin,
        counts[:, _ENGLISH] >= _ENGLISH_AT_LEAST * latin,
    )
    zh, en, ja, ko, ru, other, mixed = range(len(LANGUAGES))
    names = np.stack(
        [
            np.where(english, en, other),
            np.where(kana >= _KANA_AT_LEAST * (han + kana), ja, zh),
            np.full(len(counts), ko),
            np.full(len(counts), ru),
            np.full(len(counts), other),
        ]
    )
    most = amounts.argmax(axis=0)
    rows = np.arange(len(counts))
    found = np.where(amounts[most, rows] >= _MOSTLY * total, names[most, rows], mixed)
    return np.where(total > 0, found, other)


@cache
def _function_words() -> Counts:
    """Return English function words, each as one integer of its bytes, where `_slot` looks for it."""
    words = np.zeros(_SLOTS, np.int64)
    for word in _FUNCTION_WORDS.split():
        packed = int.from_bytes(word.encode(), "big")
        assert not words[_slot(packed)], f"{word} needs a table of other size"
        words[_slot(packed)] = packed
    return words


@cache
def _scripts() -> Bytes:
    """Return what is counted of each character of the Basic Multilingual Plane."""
    scripts = np.zeros(_BMP, np.uint8)
    for first, last, script in _SCRIPTS:
        scripts[first : last + 1] = script
    scripts[list(_NO_LETTERS)] = _NONE
    for letters in (b"AZ", b"az"):
        scripts[letters[0] : letters[1] + 1] = _LATIN
    scripts.flags.writeable = False
    return scripts


@compiled
def _slot(word: int) -> int:
    """Return the slot of a short word in the table of function words."""
    return (word ^ (word >> 2) ^ (word >> 20)) & (_SLOTS - 1)


@compiled
def _count(
    data: Bytes,
    places: Counts,
    scripts: Bytes,
    before: Flags,
    after: Flags,
    function_words: Counts,
    counts: Counts,
) -> None:
    """Add up what is in each text; `counts` has shape (texts, kinds)."""
    for text in range(len(places) - 1):
        start, end = places[text], places[text + 1]
        at, fenced = start, False
        while at < end:
            byte = data[at]
            if byte == 0x60 and at + 2 < end and data[at + 1] == 0x60 and data[at + 2] == 0x60:
                fenced = not fenced
                at += 3
                continue
            if fenced or (byte < 0x80 and scripts[byte] == _NONE):
                at += 1
                continue
            first = at
            at, script, letters, word = _word(data, at, end, scripts)
            if script != _LATIN and script != _CYRILLIC:  # noqa: PLR1714 - a set would be slower
                counts[text, script] += 1
            elif not _is_prose(data, start, first, at, end, before, after):
                continue
            elif script == _CYRILLIC:
                counts[text, _CYRILLIC] += 1
            elif letters > 1:  # a single one is a variable, or an article that other languages have, too
                counts[text, _LATIN] += 1
                if word < 0:
                    counts[text, _ACCENTED] += 1
                elif letters <= _LONGEST and function_words[_slot(word)] == word:
                    counts[text, _ENGLISH] += 1


@compiled
def _word(data: Bytes, at: int, end: int, scripts: Bytes) -> tuple[int, int, int, int]:
    """Return where a word ends, its script, its letters, and their bytes as one integer.

    That is -1 if a letter is beyond ASCII. In scripts without words one character is one.
    """
    first, word = at, np.int64(0)
    while at < end and data[at] < 0x80 and scripts[data[at]] == _LATIN:
        word = (word << 8) | np.int64(data[at] | 0x20)
        at += 1
    letters, script = at - first, _LATIN
    while at < end and data[at] >= 0x40:  # rare: letters beyond ASCII, or a sign after the word
        kind, size = _script(data, at, end, scripts)
        if at == first:
            script = kind
            if script != _LATIN and script != _CYRILLIC:  # noqa: PLR1714 - a set would be slower
                return at + size, script, 1, -1
        if kind != script:
            break
        word = word if size == 1 else np.int64(-1)
        letters += 1
        at += size
    return at, script, letters, int(word)


@compiled
def _is_prose(data: Bytes, start: int, first: int, at: int, end: int, before: Flags, after: Flags) -> bool:
    """Return whether nothing beside the word from `first` to `at` makes it one of a program or a formula."""
    if first > start and before[data[first - 1]]:
        return False
    if at == end:
        return True
    is_attribute = data[at] == 0x2E and at + 1 < end and data[at + 1] > 0x40
    return not (after[data[at]] or is_attribute)


@compiled
def _script(data: Bytes, at: int, end: int, scripts: Bytes) -> tuple[int, int]:
    """Return what is counted of the character that starts at `at`, and its bytes; text is UTF-8."""
    lead = np.int64(data[at])
    if lead < 0x80:
        return int(scripts[lead]), 1
    size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if size == 4 or at + size > end:
        # beyond the Basic Multilingual Plane are rare Han, and symbols
        code = ((np.int64(data[at + 1]) & 0x3F) << 12 | (lead & 7) << 18) if at + size <= end else 0
        return (_HAN if 0x20000 <= code < 0x30000 else _NONE), size
    code = lead & (0x7F >> size)
    for i in range(at + 1, at + size):
        code = (code << 6) | (np.int64(data[i]) & 0x3F)
    return int(scripts[code]), size
