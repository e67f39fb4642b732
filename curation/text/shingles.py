"""Texts as sets of shingles: how a text is folded, cut into words and hashed, straight over Arrow buffers.

Two texts are compared by the sets of their `shingle`-word sequences. What a word is:

1. Text is put in Unicode form NFC, then lower-cased character by character; ’ counts as ', and the minus
   sign and hyphens beyond ASCII as -. Full-width and half-width characters count as their usual forms
   (Unicode's <wide> and <narrow> decompositions); other compatibility forms do not: 10² is not 102.
2. White space, control characters, double quotes, em dashes, ellipses and the full-width commas, stops,
   colons, question and exclamation marks of Chinese and Japanese separate words.
3. Each character of a script without spaces (Han, kana, Thai, Lao, Tibetan, Burmese, Khmer) is a word.
4. Everything else between separators is one word, without the `. , ; : ?` that trail it. Operators and
   brackets stay: `2+3` is not `2-3`, and `5!` is not `5`.
5. A text of fewer words than `shingle` is one shingle; a text without words has none and equals nothing.
"""

import unicodedata
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa

from thinkmix.curation.text.kernels import (
    ALONE,
    KIND_BIT,
    NUMERAL_BIT,
    SEPARATOR,
    TAIL,
    UNSTABLE_BIT,
    WORD,
    Bytes,
    Flags,
    Hashes,
    Hashes32,
    Offsets,
    shingle_sets,
)

_ALONE = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # iteration mark, closing mark, zero
    (0x3041, 0x30FA),  # Hiragana, Katakana
    (0x30FC, 0x312F),  # Katakana marks, Bopomofo
    (0x31A0, 0x31BF),  # Bopomofo
    (0x31F0, 0x31FF),  # Katakana
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),  # Han
    (0xF900, 0xFAFF),  # Han, compatibility
    (0xFF66, 0xFF9F),  # Katakana, half width
)
_SEPARATORS = (
    (0x00, 0x20),  # controls, space
    (0x22, 0x22),  # "
    (0x7F, 0xA0),  # controls, no-break space
    (0x1680, 0x1680),  # Ogham space
    (0x2000, 0x200F),  # spaces, zero-width and direction marks
    (0x2014, 0x2015),  # em dash
    (0x201C, 0x201F),  # double quotes
    (0x2026, 0x2026),  # ellipsis
    (0x2028, 0x202F),  # line and paragraph separators, direction marks
    (0x205F, 0x206F),  # spaces, invisible operators
    (0x3000, 0x3003),  # ideographic space, comma and stop
    (0x3008, 0x3011),  # corner and angle quotes
    (0x3014, 0x301F),  # brackets and quotes
    (0x30FB, 0x30FB),  # katakana middle dot
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFF01, 0xFF01),  # ！
    (0xFF0C, 0xFF0C),  # ，
    (0xFF1A, 0xFF1B),  # ：；
    (0xFF1F, 0xFF1F),  # ？
    (0xFF61, 0xFF65),  # half-width ideographic stop, quotes, comma, dot
)
_HAN_NUMERALS = "零〇一二三四五六七八九十百千万亿两半壹贰叁肆伍陆柒捌玖拾佰仟萬億兩貳參陸"
_BMP = 0x10000
_CHARACTERS = "".join(map(chr, range(_BMP)))


def shingle_hashes(texts: pl.Series | pa.Array, *, shingle: int) -> tuple[Hashes, Offsets]:
    """Return the shingle set of each text as sorted, distinct 64-bit hashes.

    Args:
        texts: n texts; null counts as empty.
        shingle: words to a shingle, 1 to 32.

    Returns:
        All hashes one after the other, and n + 1 offsets: text i owns `hashes[offsets[i]:offsets[i + 1]]`.
    """
    series = as_texts(texts)
    hashes, offsets, unstable = _sets(series, shingle)
    if not unstable.any():
        return hashes, offsets
    again, places, _ = _sets(folded(series.filter(pl.Series(unstable))), shingle)
    sets = np.split(hashes, offsets[1:-1])
    for row, of_row in zip(np.flatnonzero(unstable), np.split(again, places[1:-1]), strict=True):
        sets[row] = of_row
    sizes = [0, *map(len, sets)]
    return np.concatenate(sets), np.cumsum(sizes)


def as_texts(texts: pl.Series | pa.Array) -> pl.Series:
    """Return texts as polars keeps them, null as empty."""
    return (texts if isinstance(texts, pl.Series) else pl.Series(texts)).cast(pl.String).fill_null("")


def folded(texts: pl.Series) -> pl.Series:
    """Return texts in NFC, half-width characters in their usual forms: to be compared, never kept."""
    narrow = _narrow()
    return texts.str.replace_many(list(narrow), list(narrow.values())).str.normalize("NFC")


def utf8_buffers(texts: pl.Series) -> tuple[Bytes, Offsets]:
    """Return the UTF-8 bytes of texts without null, and where in them each starts and, last, ends."""
    array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, content = array.buffers()
    data = np.frombuffer(b"" if content is None else content, np.uint8)
    starts = np.zeros(1, np.int64)
    if len(array):
        starts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    for buffer in (data, starts):
        buffer.flags.writeable = False  # always of one type, so compiled once
    return data, starts


def _sets(texts: pl.Series, shingle: int) -> tuple[Hashes, Offsets, Flags]:
    data, places = utf8_buffers(texts)
    room = np.empty(int(places[-1] - places[0]) // 2 + 2 * len(texts) + 2, np.uint64)
    offsets, unstable = np.zeros(len(texts) + 1, np.int64), np.zeros(len(texts), np.bool_)
    shingle_sets(data, places, character_forms(), shingle, room, offsets, unstable)
    return room[: offsets[-1]].copy(), offsets, unstable


@cache
def character_forms() -> Hashes32:
    """Return the form of each character of the Basic Multilingual Plane, see `kernels.KIND_BIT`."""
    forms = _lower()
    forms += _kinds() << np.uint32(KIND_BIT)
    forms[[*{*_unstable(), *map(ord, _narrow())}]] += np.uint32(1 << UNSTABLE_BIT)
    forms[_numerals()] += np.uint32(1 << NUMERAL_BIT)
    return forms


@cache
def _narrow() -> dict[str, str]:
    """Return the usual forms of half-width characters: kana with their marks, Hangul and symbols."""
    parts = {char: unicodedata.decomposition(char).split() for char in _CHARACTERS[0xFF61:0xFFF0]}
    return {char: chr(int(form[1], 16)) for char, form in parts.items() if form and form[0] == "<narrow>"}


def _wide() -> dict[int, int]:
    """Return the usual forms of full-width characters, by code."""
    parts = {code: unicodedata.decomposition(chr(code)).split() for code in range(0xFF01, 0xFFE7)}
    return {code: int(form[1], 16) for code, form in parts.items() if form and form[0] == "<wide>"}


def _numerals() -> list[int]:
    """Characters beyond ASCII that are digits of any script, or numerals of Chinese."""
    return [
        code
        for code, char in enumerate(_CHARACTERS)
        if code >= 0x80 and (char in _HAN_NUMERALS or unicodedata.category(char) == "Nd")
    ]


def _lower() -> Hashes32:
    """Return the lower case of each character, itself where that would be more than one."""
    chars = _CHARACTERS.replace("\u0130", "i")  # the only one that becomes two
    lower = np.frombuffer(chars.lower().encode("utf-32-le", "surrogatepass"), np.uint32).copy()
    lower[0x130], lower[0x2019] = 0x130, ord("'")
    lower[[0x2010, 0x2011, 0x2212]] = ord("-")
    for code, usual in _wide().items():
        lower[code] = lower[usual]
    return lower


def _kinds() -> Hashes32:
    kinds = np.full(_BMP, WORD, np.uint32)
    for spans, kind in ((_ALONE, ALONE), (_SEPARATORS, SEPARATOR)):
        for first, last in spans:
            kinds[first : last + 1] = kind
    kinds[[ord(mark) for mark in ".,;:?"]] = TAIL
    kinds[0xFF02], kinds[0xFF0E] = SEPARATOR, TAIL  # full-width " and .
    return kinds


def _unstable() -> list[int]:
    """Characters that NFC replaces, reorders or merges (UAX #15: combining, or quick check No or Maybe)."""
    found = {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}  # vowels and finals that Hangul composes
    found.update(code for code, place in enumerate(map(unicodedata.combining, _CHARACTERS)) if place)
    for code, parts in enumerate(map(unicodedata.decomposition, _CHARACTERS)):
        if not parts or parts.startswith("<"):  # composed alone, or alike only for NFKC
            continue
        if not unicodedata.is_normalized("NFC", chr(code)):
            found.add(code)
        if len(pair := parts.split()) == 2:
            found.add(int(pair[1], 16))
    return sorted(code for code in found if code < _BMP)
