r"""The words that questions and rows are compared by; case, white space and LaTeX delimiters do not count.

What a word is:

1. A run of letters, in lower case; an apostrophe ends it.
2. A number with its decimal point; separators of thousands (`8,400`, `8,\!400`, `8\,400`) are left out.
3. The name of a LaTeX command. Those that only set type (`\left`, `\quad`, `\text` ...) are left out, and
   variants of one command (`\dfrac`, `\frac`) are one word.
4. One of `+ - * / = < >`, if it does not join letters, as the hyphen does.
5. Each character of a script without spaces (Han, kana, Thai ...).

All else (`$`, `\(`, `\[`, braces, punctuation) separates words. Full-width forms are read
as those of ASCII, U+2212 as the minus, and `×` as `*`.

The loop is in one file with what it calls: numba's cache notices changes only to the file that it compiled.
"""

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.text.compiled import compiled
from thinkmix.curation.text.kernels import ALONE, KIND_BIT, SEPARATOR, WORD, Bytes, Hashes, Hashes32, Offsets
from thinkmix.curation.text.shingles import character_forms

TURN = np.uint64(0)
"""The word that says that a turn ends, at `TURN_END`; no word has this hash."""

_SEED, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x9FB21C651E98DF25)
_SHIFT = np.uint64(29)
_NO_WORD = np.uint64(1)
_ZERO, _ONE, _TWO, _THREE = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3)

_NAMES_ONLY_TYPE = (
    "left right big bigl bigr bigg biggl biggr Big Bigl Bigr Bigg quad qquad displaystyle textstyle "
    "scriptstyle limits nolimits text textrm textbf textit mathrm mathbf mathit mathsf mbox hbox "
    "operatorname hspace vspace hfill thinspace nobreak displaylimits phantom"
)
_OPERATORS = "+-*/=<>"
_SAME_OPERATOR = {"−": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/"}
_VARIANTS = {
    "dfrac": "frac",
    "tfrac": "frac",
    "cfrac": "frac",
    "leq": "le",
    "leqslant": "le",
    "geq": "ge",
    "geqslant": "ge",
    "neq": "ne",
    "dbinom": "binom",
    "tbinom": "binom",
    "ldots": "dots",
    "cdots": "dots",
    "dotsc": "dots",
    "dotsb": "dots",
    "rightarrow": "to",
    "lt": "<",
    "gt": ">",
    "cdot": "*",
    "times": "*",
    "ast": "*",
}


class Alphabet(NamedTuple):
    """What `read_words` knows of characters and commands."""

    forms: Hashes32
    """Of `character_forms`."""
    letters: Bytes
    """Shape (256,): the lower case of each byte that is an ASCII letter, 0 for all others."""
    dropped: Hashes
    """Commands that are no words, in ascending order."""
    variants: Hashes
    """Shape (2, n): commands in ascending order, and the words they are read as."""


@compiled
def _add(state: np.uint64, code: np.uint64) -> np.uint64:
    """Add a character to the hash of a word."""
    return (state ^ code) * _PRIME


@compiled
def _finished(state: np.uint64) -> np.uint64:
    """Return the hash of a word whose characters are added."""
    return state ^ (state >> _SHIFT)


@compiled
def _is_digit(data: Bytes, at: np.uint64, end: np.uint64) -> bool:
    return bool(at < end and 48 <= data[at] <= 57)


@compiled
def _after_separator(data: Bytes, at: np.uint64, end: np.uint64) -> np.uint64:
    r"""Return where a number goes on after a separator of thousands at `at`; `at` if it does not.

    Such a separator is `,`, `{,}`, `\,`, `\!` or `,\!`, and three digits and no more follow it.
    """
    place = at
    if place + _TWO < end and data[place] == 123 and data[place + _ONE] == 44 and data[place + _TWO] == 125:
        place += _THREE
    elif place < end and data[place] == 44:
        place += _ONE
    if place + _ONE < end and data[place] == 92 and (data[place + _ONE] == 44 or data[place + _ONE] == 33):
        place += _TWO
    if place == at:
        return at
    for step in range(3):
        if not _is_digit(data, place + np.uint64(step), end):
            return at
    return at if _is_digit(data, place + _THREE, end) else place


@compiled
def _wide(data: Bytes, at: np.uint64, end: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the code point of the character at `at`, and where the next one starts."""
    lead = np.uint64(data[at])
    if lead < np.uint64(0x80):
        return lead, at + _ONE
    size = (
        np.uint64(2) if lead < np.uint64(0xE0) else np.uint64(3) if lead < np.uint64(0xF0) else np.uint64(4)
    )
    code = lead & (np.uint64(0xFF) >> (size + _ONE))
    if at + size > end:
        return np.uint64(32), end
    for step in range(1, size):
        code = code << np.uint64(6) | (np.uint64(data[at + np.uint64(step)]) & np.uint64(0x3F))
    return code, at + size


@compiled
def _folded(code: np.uint64, forms: Hashes32) -> tuple[np.uint64, np.uint64]:
    """Return a character as words are compared by it, and its kind."""
    if code >= np.uint64(0x10000):
        alone = np.uint64(0x20000) <= code < np.uint64(0x40000)
        return code, np.uint64(ALONE) if alone else np.uint64(WORD)
    form = np.uint64(forms[code])
    return form & np.uint64(0xFFFFFF), (form >> np.uint64(KIND_BIT)) & np.uint64(3)


@compiled
def read_words(
    data: Bytes,
    start: int,
    end: int,
    alphabet: Alphabet,
    words: Hashes,
    places: Offsets,
) -> int:
    """Write the hash of each word of `data[start:end]`, and where it begins; return how many there are.

    Args:
        data: UTF-8.
        start: first byte.
        end: byte after the last.
        alphabet: what is known of characters and commands.
        words: room for `end - start` words.
        places: room for as many places.
    """
    forms, letters = alphabet.forms, alphabet.letters
    count, at, last = _ZERO, np.uint64(start), np.uint64(end)
    while at < last:
        byte, first = data[at], at
        if letters[byte]:
            word = _SEED
            while at < last and letters[data[at]]:
                word = _add(word, np.uint64(letters[data[at]]))
                at += _ONE
            if at < last and data[at] >= 0x80:
                word, at = _more_letters(data, at, last, forms, word)
            word = _finished(word)
        elif byte == 32:
            at += _ONE
            continue
        elif 48 <= byte <= 57:
            word, at = _number(data, at, last)
        elif byte >= 0x80:
            word, at = _foreign(data, at, last, forms)
        elif byte == 92:
            word, at = _command(data, at, last, alphabet)
        else:
            before = data[at - _ONE] if at > np.uint64(start) else np.uint8(32)
            word, at = _sign(byte, before, letters), at + _ONE
        if word != _NO_WORD:
            words[count], places[count] = word, first
            count += _ONE
    found: int = np.int64(count)  # type: ignore[assignment]
    return found


@compiled
def _more_letters(
    data: Bytes, at: np.uint64, end: np.uint64, forms: Hashes32, state: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Go on with a word that has characters beyond ASCII; return its state and where it ends."""
    while at < end:
        code, after = _wide(data, at, end)
        letter, kind = _folded(code, forms)
        if kind != np.uint64(WORD) or (data[at] < 0x80 and 48 <= letter <= 57):
            break
        state, at = _add(state, letter), after
    return state, at


@compiled
def _foreign(data: Bytes, at: np.uint64, end: np.uint64, forms: Hashes32) -> tuple[np.uint64, np.uint64]:
    """Read what begins with a character beyond ASCII; return its hash, if it is a word, and its end."""
    code, after = _wide(data, at, end)
    letter, kind = _folded(code, forms)
    if kind == np.uint64(WORD):
        state, after = _more_letters(data, at, end, forms, _SEED)
        return _finished(state), after
    return _finished(_add(_SEED, letter)) if kind == np.uint64(ALONE) else _NO_WORD, after


@compiled
def _number(data: Bytes, at: np.uint64, end: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Read a number without its separators of thousands; return its hash and where it ends."""
    state = _SEED
    while at < end:
        if 48 <= data[at] <= 57:
            state = _add(state, np.uint64(data[at]))
            at += _ONE
        elif data[at] == 46 and _is_digit(data, at + _ONE, end):
            state = _add(state, np.uint64(46))
            at += _ONE
        else:
            after = _after_separator(data, at, end)
            if after == at:
                break
            at = after
    return _finished(state), at


@compiled
def _command(data: Bytes, at: np.uint64, end: np.uint64, alphabet: Alphabet) -> tuple[np.uint64, np.uint64]:
    """Read what a backslash begins: a command, or an escaped character, which separates."""
    at += _ONE
    if at >= end:
        return _NO_WORD, at
    if not alphabet.letters[data[at]]:
        return _NO_WORD, at + _ONE if data[at] < 0x80 and data[at] != 30 else at
    state = _SEED
    while at < end and alphabet.letters[data[at]]:
        state = _add(state, np.uint64(data[at]))
        at += _ONE
    state = _finished(state)
    if _has(alphabet.dropped, state) >= 0:
        return _NO_WORD, at
    known = _has(alphabet.variants[0], state)
    return alphabet.variants[1, known] if known >= 0 else state, at


@compiled
def _sign(byte: np.uint8, before: np.uint8, letters: Bytes) -> np.uint64:
    """Return the hash of an operator other than a hyphen, the mark of a turn's end, or nothing."""
    if byte == 30:
        return TURN
    if byte == 45 and (letters[before] or before == 45):
        return _NO_WORD
    if byte == 45 or 42 <= byte <= 43 or 60 <= byte <= 62 or byte == 47:
        return _finished(_add(_SEED, np.uint64(byte)))
    return _NO_WORD


@compiled
def _has(known: Hashes, wanted: np.uint64) -> int:
    """Return where a hash is among those in ascending order, -1 if nowhere."""
    at: int = np.searchsorted(known, wanted)  # type: ignore[assignment]
    return at if at < len(known) and known[at] == wanted else -1


@cache
def alphabet() -> Alphabet:
    """Return the one alphabet."""
    letters = np.zeros(256, np.uint8)
    for code in range(ord("a"), ord("z") + 1):
        letters[[code, code - 32]] = code
    dropped = np.sort(np.array([_hash(name) for name in _NAMES_ONLY_TYPE.split()], np.uint64))
    pairs = sorted((_hash(name), _hash(word)) for name, word in _VARIANTS.items())
    return Alphabet(_forms(), letters, dropped, np.array(pairs, np.uint64).T.copy())


def _forms() -> Hashes32:
    """Return the forms of `character_forms`, with punctuation as separators and full-width forms as ASCII."""
    forms = character_forms().copy()
    for code in range(0x80, len(forms)):
        if unicodedata.category(chr(code))[0] in "PZC":
            forms[code] = code | SEPARATOR << KIND_BIT
    for code in range(0x80):
        letter = chr(code).lower()
        kind = WORD if letter.isalnum() else ALONE if letter in _OPERATORS else SEPARATOR
        forms[code] = ord(letter) | kind << KIND_BIT
    forms[0xFF01:0xFF5F] = forms[0x21:0x7F]
    for char, operator in _SAME_OPERATOR.items():
        forms[ord(char)] = ord(operator) | ALONE << KIND_BIT
    return forms


def _hash(word: str) -> int:
    state = int(_SEED)
    for char in word:
        state = (state ^ ord(char)) * int(_PRIME) & 0xFFFFFFFFFFFFFFFF
    return state ^ state >> int(_SHIFT)


def words_of(text: str) -> NDArray[np.uint64]:
    """Return the hashes of the words of one text."""
    data = np.frombuffer(text.encode(), np.uint8)
    words, places = np.empty(len(data), np.uint64), np.empty(len(data), np.int64)
    return words[: read_words(data, 0, len(data), alphabet(), words, places)].copy()
