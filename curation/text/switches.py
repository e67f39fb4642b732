"""Switches of script: sentences of a text that hold words of a script which the rest of it does not have.

What is looked at is prose: outside of code, LaTeX, quotation marks and addresses.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.text.compiled import compiled
from thinkmix.curation.text.text_kernels import Bytes, Flags, Offsets

_NONE, _LATIN, _CJK, _HANGUL, _CYRILLIC, _OTHER = range(6)
SCRIPTS = _OTHER + 1
_RANGES = (
    (0x0400, 0x052F, _CYRILLIC),
    (0x0590, 0x10FF, _OTHER),  # Hebrew, Arabic, the scripts of India, Thai, Tibetan, Georgian
    (0x3005, 0x3007, _CJK),
    (0x3041, 0x30FA, _CJK),
    (0x30FC, 0x30FF, _CJK),
    (0x3400, 0x4DBF, _CJK),
    (0x4E00, 0x9FFF, _CJK),
    (0xAC00, 0xD7A3, _HANGUL),
)
"""Greek is left out, because formulas have it; Han and kana count as one script."""
_ENGLISH_WORDS = 8  # in a row are a sentence, where a word may be a term
_LETTERS = (0, 0, 1, 1, 2, 2)  # of each script that make a word: a single one of an alphabet is a variable
_FAR = 4_000  # bytes in which a formula or an inline quotation must end


class Switch(NamedTuple):
    """A sentence that holds words of a foreign script, in bytes of its text."""

    start: int
    end: int
    found: int
    """Where the first of these words begins."""
    found_end: int


def scripts_of(text: bytes) -> Flags:
    """Return which scripts, shape (6,), a text has; Latin is one if eight of its words stand in a row."""
    counts = np.zeros(SCRIPTS, np.int64)
    longest = _count(np.frombuffer(text, np.uint8), _scripts(), counts, all_of_it=True)
    has: Flags = counts > 0
    has[_LATIN] = longest >= _ENGLISH_WORDS
    return has


def switches(text: bytes, known: Flags, *, english: bool) -> list[Switch]:
    """Return the sentences of a text that hold words of a script which is not known.

    Args:
        text: UTF-8.
        known: which scripts its question has, see `scripts_of`.
        english: whether English sentences are foreign in a text that is mostly Chinese or Japanese.
    """
    data = np.frombuffer(text, np.uint8)
    counts = np.zeros(SCRIPTS, np.int64)
    _count(data, _scripts(), counts, all_of_it=False)
    words = counts / (1, 1, 1.5, 2, 5, 5)  # about as many as the characters make
    foreign = ~known & (words <= words.sum() / 2)
    foreign[_NONE] = False
    foreign[_LATIN] = english and not known[_LATIN] and words[_CJK] > 2 * words[_LATIN]
    places = np.empty((len(text) // 3 + 1, len(Switch._fields)), np.int64)
    found = _find(data, _scripts(), foreign, places)
    return [Switch(*place) for place in places[:found].tolist()]


@cache
def _scripts() -> Bytes:
    """Return the script of each character of the Basic Multilingual Plane."""
    scripts = np.zeros(0x10000, np.uint8)
    for first, last, script in _RANGES:
        scripts[first : last + 1] = script
    for letters in (b"AZ", b"az"):
        scripts[letters[0] : letters[1] + 1] = _LATIN
    scripts.flags.writeable = False
    return scripts


@compiled
def _count(data: Bytes, scripts: Bytes, counts: NDArray[np.int64], all_of_it: bool) -> int:
    """Add up Latin words, and letters of other scripts; return the most Latin words in a row."""
    at, end, words, longest = 0, len(data), 0, 0
    while at < end:
        after = at if all_of_it else _skip(data, at, end)
        if after > at:
            at, words = after, 0
            continue
        script, size = _letter(data, at, end, scripts)
        if script == _LATIN:
            at = _latin_end(data, at, end, scripts)
            counts[_LATIN] += 1
            words += 1
            longest = max(longest, words)
            continue
        if script != _NONE:
            counts[script] += 1
        if data[at] != 0x20 and data[at] != 0x2C:
            words = 0
        at += size
    return longest


@compiled
def _find(data: Bytes, scripts: Bytes, foreign: Flags, places: Offsets) -> int:
    """Write the sentences that hold words of a foreign script, as `Switch` has them; return their number."""
    at, end, start, found, count = 0, len(data), 0, -1, 0
    words, first = 0, 0
    while at < end:
        after = _skip(data, at, end)
        if after > at:
            at, words = after, 0
            continue
        script, size = _letter(data, at, end, scripts)
        if script == _LATIN:
            if not words:
                first = at
            at = _latin_end(data, at, end, scripts)
            words += 1
            if foreign[_LATIN] and words >= _ENGLISH_WORDS and found < 0:
                found = first
                places[count, 2], places[count, 3] = first, at
            continue
        if script != _NONE and foreign[script]:
            stop, letters = _run_end(data, at, end, scripts, script)
            if found < 0 and letters >= _LETTERS[script]:
                found = at
                places[count, 2], places[count, 3] = at, stop
            at, words = stop, 0
            continue
        if data[at] != 0x20 and data[at] != 0x2C:
            words = 0
        if _ends_sentence(data, at, end, size):
            if found >= 0:
                places[count, 0], places[count, 1] = start, at
                count += 1
            start, found = at + size, -1
        at += size
    if found >= 0:
        places[count, 0], places[count, 1] = start, end
        count += 1
    return count


@compiled
def _ends_sentence(data: Bytes, at: int, end: int, size: int) -> bool:
    """Return whether the character at `at` ends a sentence: a line break, or a stop in English or Chinese."""
    byte = data[at]
    if byte == 0x0A:
        return True
    if byte == 0x2E or byte == 0x21 or byte == 0x3F:  # noqa: PLR1714 - a set would be slower
        return at + 1 == end or data[at + 1] <= 0x20
    if size != 3:
        return False
    code = (np.int64(byte) << 16) | (np.int64(data[at + 1]) << 8) | np.int64(data[at + 2])
    return code in (0xE38082, 0xEFBC81, 0xEFBC9F)  # 。！？


@compiled
def _latin_end(data: Bytes, at: int, end: int, scripts: Bytes) -> int:
    """Return where ASCII letters end; apostrophes and hyphens are part of it."""
    while at < end and data[at] < 0x80:
        if scripts[data[at]] != _LATIN and data[at] != 0x27 and data[at] != 0x2D:
            break
        at += 1
    return at


@compiled
def _run_end(data: Bytes, at: int, end: int, scripts: Bytes, script: int) -> tuple[int, int]:
    """Return where letters of a script end that begin at `at`, and how many there are."""
    letters = 0
    while at < end:
        other, size = _letter(data, at, end, scripts)
        if other != script:
            break
        at, letters = at + size, letters + 1
    return at, letters


@compiled
def _letter(data: Bytes, at: int, end: int, scripts: Bytes) -> tuple[int, int]:
    """Return the script of the character at `at`, and its bytes; rare Han count, too."""
    lead = np.int64(data[at])
    if lead < 0x80:
        return int(scripts[lead]), 1
    size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if at + size > end:
        return _NONE, int(end - at)
    if size == 4:
        return _CJK if lead == 0xF0 and 0xA0 <= data[at + 1] < 0xB0 else _NONE, 4
    code = lead & (0x7F >> size)
    for place in range(at + 1, at + size):
        code = (code << 6) | (np.int64(data[place]) & 0x3F)
    return int(scripts[code]), size


@compiled
def _skip(data: Bytes, at: int, end: int) -> int:
    """Return where code, a formula, a quotation or an address ends that begins at `at`, or `at`."""
    byte = data[at]
    if byte == 0x60:
        return _code_end(data, at, end)
    if byte == 0x24 or byte == 0x5C:  # noqa: PLR1714 - a set would be slower
        return _formula_end(data, at, end)
    if byte == 0x22:
        return _line_end(data, at, end, 0x22)
    if byte == 0xE2 or byte == 0xE3:  # noqa: PLR1714
        return _quotation_end(data, at, end)
    return _address_end(data, at, end) if byte == 0x68 else at


@compiled
def _code_end(data: Bytes, at: int, end: int) -> int:
    """Return where code ends that begins at `at`: with the fence, with the line, or with the text."""
    if not _is_fence(data, at, end):
        return _line_end(data, at, end, 0x60)
    at += 3
    while at < end and not _is_fence(data, at, end):
        at += 1
    return min(at + 3, end)


@compiled
def _is_fence(data: Bytes, at: int, end: int) -> bool:
    return at + 2 < end and data[at] == 0x60 and data[at + 1] == 0x60 and data[at + 2] == 0x60


@compiled
def _formula_end(data: Bytes, at: int, end: int) -> int:
    r"""Return where `$…$`, `$$…$$`, `\(…\)`, `\[…\]`, or a command with words such as `\text{…}` ends."""
    after = data[at + 1] if at + 1 < end else 0
    if data[at] == 0x24:
        if after == 0x24:
            return _pair_end(data, at + 2, end, 0x24, 0x24, at)
        return _line_end(data, at, end, 0x24)
    if after == 0x28 or after == 0x5B:  # noqa: PLR1714
        return _pair_end(data, at + 2, end, 0x5C, 0x29 if after == 0x28 else 0x5D, at)
    stop = at + 1
    while stop < end and 0x61 <= (data[stop] | 0x20) <= 0x7A:
        stop += 1
    found = _line_end(data, stop, end, 0x7D) if stop < end and data[stop] == 0x7B else stop
    return found if found > stop else at


@compiled
def _quotation_end(data: Bytes, at: int, end: int) -> int:
    """Return where “…”, ‘…’, 《…》, 「…」 or 『…』 ends: each closing mark follows its opening one."""
    if at + 2 >= end or data[at + 1] != 0x80:
        return at
    byte, last = data[at], data[at + 2]
    opens = last in (0x98, 0x9C) if byte == 0xE2 else last in (0x8A, 0x8C, 0x8E)
    mark = (np.int64(byte) << 16) | 0x8000 | (np.int64(last) + 1)
    return _mark_end(data, at, end, int(mark)) if opens else at


@compiled
def _address_end(data: Bytes, at: int, end: int) -> int:
    """Return where `http://…` or `https://…` ends."""
    if at + 7 >= end or data[at + 1] != 0x74 or data[at + 2] != 0x74 or data[at + 3] != 0x70:
        return at
    if data[at + 4] != 0x3A and data[at + 5] != 0x3A:
        return at
    while at < end and data[at] > 0x20:
        at += 1
    return at


@compiled
def _line_end(data: Bytes, at: int, end: int, byte: int) -> int:
    """Return the place after the next `byte` of the line, or `at` if the line has none."""
    stop = at + 1
    while stop < min(end, at + _FAR) and data[stop] != 0x0A:
        if data[stop] == byte:
            return stop + 1
        stop += 1
    return at


@compiled
def _pair_end(data: Bytes, at: int, end: int, one: int, other: int, none: int) -> int:
    """Return the place after the next two bytes that are `one` and `other`, `none` if they are not near."""
    while at + 1 < min(end, none + _FAR):
        if data[at] == one and data[at + 1] == other:
            return at + 2
        at += 1
    return none


@compiled
def _mark_end(data: Bytes, at: int, end: int, mark: int) -> int:
    """Return the place after the next closing quotation mark of the line, or `at` if the line has none."""
    stop = at + 3
    while stop + 2 < min(end, at + _FAR) and data[stop] != 0x0A:
        if (np.int64(data[stop]) << 16) | (np.int64(data[stop + 1]) << 8) | np.int64(data[stop + 2]) == mark:
            return stop + 3
        stop += 1
    return at
