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

A text is looked at in blocks of 64 bytes: their bits say where words of ASCII letters and plain numbers begin
and end, and these are hashed eight bytes at a time. All others are read a character at a time.

The loop is in one file with what it calls: numba's cache notices changes only to the file that it compiled.
"""

import unicodedata
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.text.blocks import BLOCK, Builder, each, machine_bits, machine_lowest, within
from thinkmix.curation.text.compiled import compiled_in_place
from thinkmix.curation.text.kernels import ALONE, KIND_BIT, SEPARATOR, WORD, Bytes, Hashes, Hashes32, Offsets
from thinkmix.curation.text.shingles import character_forms

TURN = np.uint64(0)
"""The word that says that a turn ends, at `TURN_END`; no word has this hash."""
SPARE = 4
"""How many such words follow the last one: a reader may look at the next few words of each."""

_SEED, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x9FB21C651E98DF25)
_SHIFT = np.uint64(32)
_NO_WORD = np.uint64(1)
_ZERO, _ONE, _TWO, _THREE, _FOUR, _SIX, _EIGHT = (np.uint64(value) for value in (0, 1, 2, 3, 4, 6, 8))
_LAST = np.uint64(BLOCK - 1)
_CONTINUED = np.uint64(0x3F)
"""The bits of a character in the bytes after its first."""
_BLOCK = np.uint64(BLOCK)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_MASKS = np.array([(1 << 8 * min(size, 8)) - 1 for size in range(BLOCK + 1)], np.uint64)
"""Which of eight bytes belong to a word, by what is left of it."""
_LOWER_CASE = np.uint64(0x2020202020202020)
"""The bit that makes ASCII letters small; digits and the point have it."""
_AS_IT_IS = np.uint64(0)
_TURN_END, _POINT, _HYPHEN, _BACKSLASH = (np.uint8(ord(mark)) for mark in "\x1e.-\\")
_BEYOND = 0x80
"""The first byte that is not ASCII; set in the last of three bytes that such a character is hashed as."""

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
    signs: Hashes
    """Shape (256,): the word that a byte is by itself: an operator, the end of a turn, or none."""
    follows: Bytes
    """Shape (256,), bits: 1 for bytes that may continue letters, 2 and 4 for the first and the
    second after digits that may go on with a number."""
    commands: Hashes
    """Shape (2, n): commands in ascending order, and the words they are read as, or none."""


class Words(NamedTuple):
    """The words of some texts, and room for reading them; made once for many of them."""

    hashes: Hashes
    """All words; `TURN` stands before the first text and after each."""
    places: Offsets
    """The first byte of each word."""
    first: Offsets
    """Where the words of each text begin, and, last, where they end."""
    text: Bytes
    """The text that is read, with two blocks of zeros after it."""
    spelled: Bytes
    """The word that is read, as it is hashed, if it does not stand in the text like that."""


def _is_letter(builder: Builder, block: Any) -> Any:  # noqa: ANN401
    return within(builder, builder.or_(block, each(0x20)), "a", "z")


def _is_mark(builder: Builder, block: Any) -> Any:  # noqa: ANN401
    """Test for operators, backslashes, ends of turns, and first bytes of characters beyond ASCII."""
    found = builder.or_(within(builder, block, "*", "+"), within(builder, block, "<", ">"))
    found = builder.or_(found, builder.icmp_unsigned(">=", block, each(0xC0)))
    for mark in (_HYPHEN, ord("/"), _BACKSLASH, _TURN_END):
        found = builder.or_(found, builder.icmp_unsigned("==", block, each(int(mark))))
    return found


_lowest = machine_lowest()
_letters = machine_bits(_is_letter)
_digits = machine_bits(lambda builder, block: within(builder, block, "0", "9"))
_marks = machine_bits(_is_mark)


@compiled_in_place
def _eight(data: Bytes, at: np.uint64) -> np.uint64:
    """Return the eight bytes from `at` on as one little-endian integer; the compiler makes it one load."""
    value = np.uint64(0)
    for i in range(8):
        value |= np.uint64(data[at + np.uint64(i)]) << np.uint64(8 * i)
    return value


@compiled_in_place
def _absorb(state: np.uint64, block: np.uint64) -> np.uint64:
    """Add eight bytes to the hash of a word."""
    state = (state ^ block) * _PRIME
    return state ^ (state >> _SHIFT)


@compiled_in_place
def _hashed(data: Bytes, at: np.uint64, size: np.uint64, case: np.uint64) -> np.uint64:
    """Return the hash of the `size` bytes of a word, eight at a time, with `case` in each of them."""
    state = _absorb(_SEED, (_eight(data, at) | case) & _MASKS[min(size, _BLOCK)])
    while size > _EIGHT:
        at, size = at + _EIGHT, size - _EIGHT
        state = _absorb(state, (_eight(data, at) | case) & _MASKS[min(size, _BLOCK)])
    return state


@compiled_in_place
def _character(letter: np.uint64) -> np.uint64:
    """Return what `_hashed` does of one character that is spelled."""
    return _absorb(_SEED, letter if letter < np.uint64(_BEYOND) else letter | np.uint64(_BEYOND << 16))


@compiled_in_place
def _is_digit(byte: np.uint8) -> bool:
    return bool(48 <= byte <= 57)


@compiled_in_place
def _is_ascii_letter(byte: np.uint8) -> bool:
    return bool(97 <= (byte | 32) <= 122)


@compiled_in_place
def _after_separator(text: Bytes, at: np.uint64) -> np.uint64:
    r"""Return where a number goes on after a separator of thousands at `at`; `at` if it does not.

    Such a separator is `,`, `{,}`, `\,`, `\!` or `,\!`, and three digits and no more follow it.
    """
    place = at
    if text[place] == 123 and text[place + _ONE] == 44 and text[place + _TWO] == 125:
        place += _THREE
    elif text[place] == 44:
        place += _ONE
    if text[place] == _BACKSLASH and (text[place + _ONE] == 44 or text[place + _ONE] == 33):
        place += _TWO
    if place == at:
        return at
    for step in range(3):
        if not _is_digit(text[place + np.uint64(step)]):
            return at
    return at if _is_digit(text[place + _THREE]) else place


@compiled_in_place
def _wide(text: Bytes, at: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the code point of the character at `at`, and where the next one starts."""
    lead = np.uint64(text[at])
    if lead < np.uint64(_BEYOND):
        return lead, at + _ONE
    code = np.uint64(text[at + _ONE]) & _CONTINUED
    if lead < np.uint64(0xE0):
        return (lead & np.uint64(0x1F)) << _SIX | code, at + _TWO
    code = code << _SIX | (np.uint64(text[at + _TWO]) & _CONTINUED)
    if lead < np.uint64(0xF0):
        return (lead & np.uint64(0x0F)) << np.uint64(12) | code, at + _THREE
    code = code << _SIX | (np.uint64(text[at + _THREE]) & _CONTINUED)
    return (lead & np.uint64(0x07)) << np.uint64(18) | code, at + _FOUR


@compiled_in_place
def _folded(code: np.uint64, forms: Hashes32) -> tuple[np.uint64, np.uint64]:
    """Return a character as words are compared by it, and its kind."""
    if code >= np.uint64(0x10000):
        alone = np.uint64(0x20000) <= code < np.uint64(0x40000)
        return code, np.uint64(ALONE) if alone else np.uint64(WORD)
    form = np.uint64(forms[code])
    return form & np.uint64(0xFFFFFF), (form >> np.uint64(KIND_BIT)) & np.uint64(3)


@compiled_in_place
def _spell(spelled: Bytes, size: np.uint64, letter: np.uint64) -> np.uint64:
    """Add a character to a word that is spelled; return the size of the word."""
    spelled[size] = np.uint8(letter)
    if letter < np.uint64(_BEYOND):
        return size + _ONE
    spelled[size + _ONE] = np.uint8(letter >> np.uint64(8))
    spelled[size + _TWO] = np.uint8(letter >> np.uint64(16)) | np.uint8(_BEYOND)
    return size + _THREE


@compiled_in_place
def _copy(data: Bytes, start: int, end: int, text: Bytes) -> None:
    """Write a text with two blocks of zeros after it: no reader need ask where it ends."""
    for at in range(end - start):
        text[at] = data[start + at]
    for at in range(end - start, end - start + 2 * BLOCK):
        text[at] = 0


@compiled_in_place
def read_words(data: Bytes, starts: Offsets, low: int, high: int, alphabet: Alphabet, words: Words) -> None:
    """Write the hash of each word of the texts `low` to `high - 1`, and where it begins.

    Args:
        data: UTF-8 of all texts.
        starts: of n texts n + 1 places between which each lies.
        low: the first text.
        high: the text after the last.
        alphabet: what is known of characters and commands.
        words: what is written, with `room_for` these texts.
    """
    words.hashes[0] = TURN
    count = _ONE
    for text in range(low, high):
        words.first[text - low] = np.int64(count)
        count = _read_text(data, starts[text], starts[text + 1], alphabet, words, count)
        words.hashes[count] = TURN
        count += _ONE
    words.first[high - low] = np.int64(count)
    for step in range(SPARE):
        words.hashes[count + np.uint64(step)] = TURN


@compiled_in_place
def _read_text(
    data: Bytes, start: int, end: int, alphabet: Alphabet, words: Words, count: np.uint64
) -> np.uint64:
    """Write the words of one text after `count` others; return how many there are then."""
    text, forms = words.text, alphabet.forms
    _copy(data, start, end, text)
    resume, first = _ZERO, np.uint64(start)
    letter_before, digit_before = _ZERO, _ZERO
    letters, digits = _letters(text, _ZERO), _digits(text, _ZERO)
    for number in range((end - start + BLOCK - 1) // BLOCK):
        block = np.uint64(number) * _BLOCK
        more_letters, more_digits = _letters(text, block + _BLOCK), _digits(text, block + _BLOCK)
        begins = letters & ~(letters << _ONE | letter_before) | digits & ~(digits << _ONE | digit_before)
        begins |= _marks(text, block)
        if resume >= block:
            begins = _from(begins, letters | digits, resume - block)
        while begins:
            bit = _lowest(begins)
            begins &= begins - _ONE
            at = block + bit
            is_number = (digits >> bit) & _ONE
            if (letters >> bit | is_number) & _ONE:
                run, more = (digits, more_digits) if is_number else (letters, more_letters)
                size = _lowest(~(run >> bit | more << (_LAST - bit) << _ONE))
                if size < _BLOCK and not _goes_on(text, at + size, is_number, alphabet.follows):
                    words.hashes[count] = _hashed(text, at, size, _LOWER_CASE)
                    words.places[count] = first + at
                    count += _ONE
                    continue
            if text[at] >= _BEYOND:
                letter, kind = _folded(_wide(text, at)[0], forms)
                if kind != np.uint64(WORD):  # what follows begins with a bit of its own
                    words.hashes[count], words.places[count] = _character(letter), first + at
                    count += np.uint64(kind == np.uint64(ALONE))
                    continue
            word, resume = _read_one(text, at, alphabet, words.spelled)
            begins = _from(begins, letters | digits, resume - block)
            if word != _NO_WORD:
                words.hashes[count], words.places[count] = word, first + at
                count += _ONE
        letter_before, digit_before = letters >> _LAST, digits >> _LAST
        letters, digits = more_letters, more_digits
    return count


@compiled_in_place
def _goes_on(text: Bytes, at: np.uint64, is_number: np.uint64, follows: Bytes) -> bool:
    """Return whether letters or digits that end at `at` may not be the whole word."""
    if is_number:
        return bool(follows[text[at]] & 2 and follows[text[at + _ONE]] & 4)
    return bool(follows[text[at]] & 1)


@compiled_in_place
def _from(begins: np.uint64, plain: np.uint64, place: np.uint64) -> np.uint64:
    """Return what of a block begins from `place` on, where what was read ends, maybe before a letter."""
    if place >= _BLOCK:
        return _ZERO
    return (begins & (_ALL << place)) | (plain & (_ONE << place))


@compiled_in_place
def _read_one(text: Bytes, at: np.uint64, alphabet: Alphabet, spelled: Bytes) -> tuple[np.uint64, np.uint64]:
    """Read what begins at `at`; return its hash, if it is a word, and its end."""
    byte = text[at]
    if byte == _BACKSLASH:
        return _command(text, at, alphabet)
    if _is_digit(byte):
        return _number(text, at, spelled)
    if byte >= _BEYOND or _is_ascii_letter(byte):
        return _letters_and_more(text, at, alphabet.forms, spelled)
    before = text[at - _ONE] if at else np.uint8(32)
    is_hyphen = byte == _HYPHEN and (_is_ascii_letter(before) or before == _HYPHEN)
    return _NO_WORD if is_hyphen else alphabet.signs[byte], at + _ONE


@compiled_in_place
def _letters_and_more(
    text: Bytes, at: np.uint64, forms: Hashes32, spelled: Bytes
) -> tuple[np.uint64, np.uint64]:
    """Read a word that has characters beyond ASCII; return its hash and where it ends."""
    size = _ZERO
    while True:
        code, after = _wide(text, at)
        letter, kind = _folded(code, forms)
        if kind != np.uint64(WORD) or _is_digit(text[at]):
            break
        size, at = _spell(spelled, size, letter), after
    return _hashed(spelled, _ZERO, size, _AS_IT_IS), at


@compiled_in_place
def _number(text: Bytes, at: np.uint64, spelled: Bytes) -> tuple[np.uint64, np.uint64]:
    """Read a number without its separators of thousands; return its hash and where it ends."""
    size = _ZERO
    while True:
        if _is_digit(text[at]) or (text[at] == _POINT and _is_digit(text[at + _ONE])):
            spelled[size] = text[at]
            size, at = size + _ONE, at + _ONE
        else:
            after = _after_separator(text, at)
            if after == at:
                return _hashed(spelled, _ZERO, size, _AS_IT_IS), at
            at = after


@compiled_in_place
def _command(text: Bytes, at: np.uint64, alphabet: Alphabet) -> tuple[np.uint64, np.uint64]:
    """Read what a backslash begins: a command, or an escaped character, which separates."""
    at += _ONE
    first = at
    while _is_ascii_letter(text[at]):
        at += _ONE
    if at == first:
        return _NO_WORD, at + _ONE if text[at] < _BEYOND and text[at] != _TURN_END else at
    name = _hashed(text, first, at - first, _AS_IT_IS)
    return _read_as(name, alphabet.commands), at


@compiled_in_place
def _read_as(name: np.uint64, commands: Hashes) -> np.uint64:
    """Return the word that a command is read as: its name, unless something else is known of it."""
    low, high = 0, commands.shape[1]
    while low < high:
        middle = (low + high) // 2
        if commands[0, middle] < name:
            low = middle + 1
        else:
            high = middle
    return commands[1, low] if low < commands.shape[1] and commands[0, low] == name else name


@cache
def alphabet() -> Alphabet:
    """Return the one alphabet."""
    signs = np.full(256, _NO_WORD, np.uint64)
    signs[_TURN_END] = TURN
    signs[[ord(operator) for operator in _OPERATORS]] = [_hash(operator) for operator in _OPERATORS]
    follows = np.zeros(256, np.uint8)
    follows[_BEYOND:] = 1
    follows[[ord(mark) for mark in ".,{\\"]] = 2
    follows[[ord(mark) for mark in ",\\!0123456789"]] |= np.uint8(4)
    commands = {_hash(name): _hash(word) for name, word in _VARIANTS.items()}
    commands |= {_hash(name): int(_NO_WORD) for name in _NAMES_ONLY_TYPE.split()}
    return Alphabet(_forms(), signs, follows, np.array(sorted(commands.items()), np.uint64).T.copy())


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
    """Return what `_hashed` does of an ASCII word; no kernel is compiled for it."""
    state, content = int(_SEED), word.encode()
    for at in range(0, len(content), 8):
        state = (state ^ int.from_bytes(content[at : at + 8], "little")) * int(_PRIME) % (1 << 64)
        state ^= state >> int(_SHIFT)
    return state


def room_for(texts: int, size: int, longest: int) -> Words:
    """Return room for the words of `texts` texts of `size` bytes in all, by the longest of them."""
    words = size + texts + 1 + SPARE
    hashes, places = np.empty(words, np.uint64), np.empty(words, np.int64)
    text, spelled = np.empty(longest + 2 * BLOCK, np.uint8), np.empty(2 * longest + BLOCK, np.uint8)
    return Words(hashes, places, np.empty(texts + 1, np.int64), text, spelled)


def words_of(text: str) -> NDArray[np.uint64]:
    """Return the hashes of the words of one text."""
    data = np.frombuffer(text.encode(), np.uint8)
    words = room_for(1, len(data), len(data))
    read_words(data, np.array([0, len(data)]), 0, 1, alphabet(), words)
    return words.hashes[1 : words.first[1] - 1].copy()
