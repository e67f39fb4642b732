"""The loops over UTF-8 buffers behind shingles and signatures.

They are in one file because numba's cache notices changes only to the file that it compiled. Integers are
typed with care: numba turns `uint64 + int64` into a float.
"""

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from thinkmix.curation.text.blocks import BLOCK, each, machine_bits, machine_lowest
from thinkmix.curation.text.compiled import compiled

Bytes = NDArray[np.uint8]
Hashes = NDArray[np.uint64]
Hashes32 = NDArray[np.uint32]
Offsets = NDArray[np.int64]
Flags = NDArray[np.bool_]

SEPARATOR, WORD, TAIL, ALONE = 0, 1, 2, 3
"""What a character does: end a word, belong to it, belong to it unless last, be one by itself."""
KIND_BIT, UNSTABLE_BIT, NUMERAL_BIT = 24, 26, 27
"""A character's form is one integer: its lower case, its kind << 24, 1 << 26 if folding takes more than that,
as NFC may, and 1 << 27 if it is a digit or numeral beyond ASCII."""

LANES = 8
"""Shingles that enter the permutations together; a signature's input is padded to a multiple of it."""
NO_SHINGLES = np.uint64(0xFFFFFFFFFFFFFFFF)
"""Band hash of a text without words: it joins no bucket."""
UNSEEN = np.uint32(0xFFFFFFFF)
"""Signature value before the first shingle."""

_FULL = 24
"""Hashes in one bucket from which inserting them one by one takes too long."""
_SEED, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x9FB21C651E98DF25)
_FOREIGN = 0x80
"""Set in the last of the three bytes of a character beyond ASCII, so that no two words have equal bytes."""
_MASKS = np.array([(1 << 8 * min(size, 8)) - 1 for size in range(17)], np.uint64)
"""Which of the eight bytes of a word's first block belong to it, by the size of the word."""
_MORE_MASKS = np.array([(1 << 8 * max(size - 8, 0)) - 1 for size in range(17)], np.uint64)
"""The same for the second block; a longer word fills both."""
_BASE = np.uint64(0x9E3779B97F4A7C15)
_BASE32 = np.uint32(0x9E3779B1)
_UPPER, _LOWER = np.uint64(32), np.uint64(0)
_FMIX_A, _FMIX_B = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_FMIX32_A, _FMIX32_B = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_CONTINUED = np.uint64(0x3F)
"""The bits of a character in the bytes after its first."""


def _hash_in_python(word: str) -> int:
    """Return what `_word_hash` does of an ASCII word of at most two blocks; no kernel is compiled for it."""
    state, content = int(_SEED), word.encode().ljust(16, b"\0")
    for block in (content[:8], content[8:]):
        state = (state ^ int.from_bytes(block, "little")) * int(_PRIME) % (1 << 64)
        state ^= state >> 32
    return state


_NAMED_NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
    *("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred"),
    *("thousand", "million", "billion", "half", "dozen", "twice", "double", "triple", "first", "second"),
    *("third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
)
_NUMBER_WORDS = np.array([_hash_in_python(word) for word in _NAMED_NUMBERS], np.uint64)
_MAY_BE_SHIFT = np.uint64(52)
_MAY_BE_NUMBER = np.isin(np.arange(1 << 12, dtype=np.uint64), _NUMBER_WORDS >> _MAY_BE_SHIFT)
"""Which upper bits the hash of a word has that is a number: they spare nearly all others the list."""
_ONE, _TWO, _EIGHT, _SIXTEEN = np.uint64(1), np.uint64(2), np.uint64(8), np.uint64(16)


@compiled
def _mix(value: np.uint64) -> np.uint64:
    """MurmurHash3's 64-bit finaliser: every input bit moves every output bit."""
    value = (value ^ (value >> np.uint64(33))) * _FMIX_A
    value = (value ^ (value >> np.uint64(33))) * _FMIX_B
    return value ^ (value >> np.uint64(33))


def _separates(builder: ir.IRBuilder, block: ir.Value) -> ir.Value:
    """Blanks and controls, double quotes, and DEL: the separators of shingles in ASCII."""
    blank = builder.icmp_unsigned("<=", block, each(0x20))
    quote = builder.icmp_unsigned("==", block, each(0x22))
    return builder.or_(builder.or_(blank, quote), builder.icmp_unsigned("==", block, each(0x7F)))


def _trails(builder: ir.IRBuilder, block: ir.Value) -> ir.Value:
    """The marks that do not belong to a word unless more of it follows."""
    found = builder.icmp_unsigned("==", block, each(ord(".")))
    for mark in ",;:?":
        found = builder.or_(found, builder.icmp_unsigned("==", block, each(ord(mark))))
    return found


def _counts(builder: ir.IRBuilder, block: ir.Value) -> ir.Value:
    return builder.icmp_unsigned("<", builder.sub(block, each(ord("0"))), each(10))


_lowest = machine_lowest()
_separators = machine_bits(_separates)
_tails = machine_bits(_trails)
_digits = machine_bits(_counts)
_foreign = machine_bits(lambda builder, block: builder.icmp_unsigned(">=", block, each(0x80)))


@compiled
def _eight(data: Bytes, at: np.uint64) -> np.uint64:
    """Return the eight bytes from `at` on as one little-endian integer; the compiler makes it one load."""
    value = np.uint64(0)
    for i in range(8):
        value |= np.uint64(data[at + np.uint64(i)]) << np.uint64(8 * i)
    return value


@compiled
def _decode(data: Bytes, at: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the code point whose first byte, 0xC0 or more, is at `at`, and where the next starts."""
    lead, code = np.uint64(data[at]), np.uint64(data[at + _ONE]) & _CONTINUED
    if lead < np.uint64(0xE0):
        return (lead & np.uint64(0x1F)) << np.uint64(6) | code, at + _TWO
    code = code << np.uint64(6) | (np.uint64(data[at + _TWO]) & _CONTINUED)
    if lead < np.uint64(0xF0):
        return (lead & np.uint64(0x0F)) << np.uint64(12) | code, at + np.uint64(3)
    code = code << np.uint64(6) | (np.uint64(data[at + np.uint64(3)]) & _CONTINUED)
    return (lead & np.uint64(0x07)) << np.uint64(18) | code, at + np.uint64(4)


@compiled
def _form(code: np.uint64, forms: Hashes32) -> np.uint64:
    """Return the form of a character; beyond the Basic Multilingual Plane case is left alone."""
    if code < np.uint64(0x10000):
        return np.uint64(forms[code])
    if np.uint64(0x20000) <= code < np.uint64(0x40000):
        return code | np.uint64(ALONE << KIND_BIT) | (np.uint64(code >= 0x2F800) << np.uint64(UNSTABLE_BIT))
    # mathematical letters and emoji are stable; the rest is rare enough to normalise
    stable = 0x1D400 <= np.int64(code) <= 0x1D7FF or 0x1F000 <= np.int64(code) < 0x20000
    return code | np.uint64(WORD << KIND_BIT) | (np.uint64(not stable) << np.uint64(UNSTABLE_BIT))


@compiled
def _lower_case(data: Bytes, start: int, end: int, lower: Bytes) -> None:
    """Write the text in lower-case ASCII, and a block of separators after it."""
    text = data[start:end]
    for i in range(len(text)):
        byte = text[i]
        lower[i] = np.uint8(byte + 32) if 65 <= byte <= 90 else byte
    lower[len(text) : len(text) + BLOCK] = 0


@compiled
def _absorb(state: np.uint64, block: np.uint64) -> np.uint64:
    """Add eight bytes to the hash of a word; injective for words that fit one block."""
    state = (state ^ block) * _PRIME
    return state ^ (state >> np.uint64(32))


@compiled
def _word_hash(lower: Bytes, start: np.uint64, end: np.uint64) -> np.uint64:
    """Hash the bytes of a word, eight at a time; most words have at most two blocks, so none has fewer."""
    size = min(end - start, _SIXTEEN)
    state = _absorb(_SEED, _eight(lower, start) & _MASKS[size])
    state = _absorb(state, _eight(lower, start + _EIGHT) & _MORE_MASKS[size])
    start += _SIXTEEN
    while start < end:
        state = _absorb(state, _eight(lower, start) & _MASKS[min(end - start, _EIGHT)])
        start += _EIGHT
    return state


@compiled
def _any_words(
    lower: Bytes,
    at: np.uint64,
    end: np.uint64,
    forms: Hashes32,
    letters: Bytes,
    words: Hashes,
    count: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """Write the hashes of the words of a stretch without ASCII separators.

    `letters` takes the word that is being read, as it is hashed.

    Returns:
        The new number of words, and the forms of all characters, laid over each other.
    """
    size, kept = np.uint64(0), np.uint64(0)  # kept: without the marks that trail the word
    seen = np.uint64(0)
    while at < end:
        code = np.uint64(lower[at])
        if code < np.uint64(0x80):
            at += _ONE
        else:
            code, at = _decode(lower, at)
        form = _form(code, forms)
        seen |= form
        kind, letter = (form >> np.uint64(KIND_BIT)) & np.uint64(3), form & np.uint64(0xFFFFFF)
        if kind == np.uint64(WORD) or kind == np.uint64(TAIL):
            letters[size] = np.uint8(letter)
            size += _ONE
            if letter >= np.uint64(0x80):
                letters[size] = np.uint8(letter >> np.uint64(8))
                letters[size + _ONE] = np.uint8(letter >> np.uint64(16)) | np.uint8(_FOREIGN)
                size += _TWO
            if kind == np.uint64(WORD):
                kept = size
            continue
        if kept:
            words[count] = _word_hash(letters, np.uint64(0), kept)
            count += _ONE
        size, kept = np.uint64(0), np.uint64(0)
        if kind == np.uint64(ALONE):
            words[count] = _absorb(_absorb(_SEED, letter | np.uint64(_FOREIGN << 16)), np.uint64(0))
            count += _ONE
    if kept:
        words[count] = _word_hash(letters, np.uint64(0), kept)
        count += _ONE
    return count, seen


@compiled
def _find_stops(lower: Bytes, size: int, stops: Hashes) -> None:
    """Write which bytes are in no word, a block to an integer: separators, and the marks before them.

    From the last block to the first, because a mark needs to know what follows it.
    """
    after = np.uint64(0)
    for block in range(size // BLOCK, -1, -1):
        marks = _tails(lower, np.uint64(block * BLOCK))
        found = _separators(lower, np.uint64(block * BLOCK))
        found |= marks & (found >> _ONE | after)
        while marks & (found >> _ONE) & ~found:
            found |= marks & (found >> _ONE)
        stops[block] = found
        after = found << np.uint64(63)


@compiled
def _words(
    data: Bytes,
    start: int,
    end: int,
    forms: Hashes32,
    lower: Bytes,
    letters: Bytes,
    stops: Hashes,
    words: Hashes,
) -> tuple[int, bool]:
    """Write a 64-bit hash of each word of one text.

    Words are found a block at a time, by the bits of their first bytes and of the separators after them.
    A stretch with a character beyond ASCII is read by `_any_words`.

    Returns:
        The number of words, and whether normalising to NFC might change a character.
    """
    _lower_case(data, start, end, lower)
    _find_stops(lower, end - start, stops)
    count, forms_seen = np.uint64(0), np.uint64(0)
    first, inside, foreign = np.uint64(0), np.uint64(0), np.uint64(0)
    for number in range((end - start) // BLOCK + 1):
        block, out = np.uint64(number * BLOCK), stops[number]
        foreign = _foreign(lower, block) | np.uint64(foreign != np.uint64(0))  # of the stretch that goes on
        after_out = (out << _ONE) | (inside ^ _ONE)
        starts, ends = ~out & after_out, out & ~after_out
        if not inside:
            first = block + _lowest(starts)
            starts &= starts - _ONE
        while ends:
            last = block + _lowest(ends)
            if foreign & (ends ^ (ends - _ONE)):
                foreign &= ~(ends ^ (ends - _ONE))
                count, seen = _any_words(lower, first, last, forms, letters, words, count)
                forms_seen |= seen
            else:
                words[count] = _word_hash(lower, first, last)
                count += _ONE
            first = block + _lowest(starts)
            starts &= starts - _ONE
            ends &= ends - _ONE
        inside = ~out >> np.uint64(63)
    return int(np.int64(count)), bool((forms_seen >> np.uint64(UNSTABLE_BIT)) & _ONE)


@compiled
def _half(words: Hashes, count: int, shift: np.uint64, out: Hashes32) -> None:
    """Write 32 bits of each word's hash."""
    for i in range(count):
        out[i] = np.uint32(words[i] >> shift)


@compiled
def _numbers(lower: Bytes, size: int, forms: Hashes32) -> np.uint64:
    """Return a hash of the runs of digits and numerals of a text in their order, with signs and points."""
    state, due = _SEED, ~np.uint64(0)  # due: where the run would go on
    for number in range(size // BLOCK + 1):
        block = np.uint64(number * BLOCK)
        marks = _digits(lower, block) | _foreign(lower, block)
        while marks:
            place = block + _lowest(marks)
            marks &= marks - _ONE
            code, after = np.uint64(lower[place]), place + _ONE
            if code >= np.uint64(0x80):
                if code < np.uint64(0xC0):  # inside a character
                    continue
                code, after = _decode(lower, place)
                form = _form(code, forms)
                if not form >> np.uint64(NUMERAL_BIT):
                    continue
                code = form & np.uint64(0xFFFFFF)
            if place != due:
                state = _absorb(state, _before(lower, place))
            state = _absorb(state, code)
            due = after
    return state


@compiled
def _minus_before(lower: Bytes, at: np.int64) -> int:
    """Return how many bytes the minus sign has that ends at a place, 0 if none does: -, U+2212 or U+FF0D."""
    if at >= 1 and lower[at - 1] == ord("-"):
        return 1
    if at >= 3:
        first, middle, last = lower[at - 3], lower[at - 2], lower[at - 1]
        usual = first == 0xE2 and middle == 0x88 and last == 0x92
        if usual or (first == 0xEF and middle == 0xBC and last == 0x8D):
            return 3
    return 0


@compiled
def _before(lower: Bytes, place: np.uint64) -> np.uint64:
    """Return what stands before a run of digits and belongs to it: 1 for a point, 2 for a minus, or both.

    A minus after a letter, a digit or a closing bracket is a hyphen or subtracts.
    """
    at, found = np.int64(place), np.uint64(0)
    if at >= 1 and lower[at - 1] == ord("."):
        at, found = at - 1, _ONE
    size = _minus_before(lower, at)
    if size == 0:
        return found
    at -= size
    last = lower[at - 1] if at >= 1 else np.uint8(0)
    letter = ord("a") <= last <= ord("z") or ord("0") <= last <= ord("9")
    if letter or last == ord(")") or last == ord("]") or last == ord("}"):
        return found
    return found | _TWO


@compiled
def _number_words(words: Hashes, count: int, state: np.uint64) -> np.uint64:
    """Add the words of a text that are numbers to the hash of its numbers."""
    for word in words[:count]:
        if _MAY_BE_NUMBER[word >> _MAY_BE_SHIFT]:
            for number in _NUMBER_WORDS:
                if word == number:
                    state = _absorb(state, word)
    return state


@compiled
def _sequences(words: Hashes32, count: int, shingle: int, out: Hashes32) -> int:
    """Write a hash of each sequence of `shingle` words, or of all if there are fewer; return their number.

    A polynomial for all places at once, factor by factor: a rolling hash would wait for its last value.
    """
    width = min(count, shingle)
    places = count - width + 1 if count else 0
    out[:places] = words[:places]
    for k in range(1, width):
        for i in range(places):
            out[i] = np.uint32(out[i] * _BASE32 + words[i + k])
    return places


@compiled
def _longest(offsets: Offsets) -> int:
    """Return the length in bytes of the longest text."""
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    return longest


@compiled
def _distinct(hashes: Hashes, pool: Hashes, starts: NDArray[np.int32]) -> int:
    """Sort hashes and leave each once, in place; return how many are left.

    Into about as many buckets as there are hashes, by their upper bits, and then by insertion: hashes are
    spread evenly, so that few change places. If they are not, they are sorted in the usual way.
    """
    count, bits = len(hashes), 1
    while 1 << bits < count:
        bits += 1
    shift = np.uint64(64 - bits)
    starts[: (1 << bits) + 1] = 0
    for value in hashes:
        starts[np.int64(value >> shift) + 1] += 1
    fullest = 0
    for i in range(1, (1 << bits) + 1):
        fullest = max(fullest, starts[i])
        starts[i] += starts[i - 1]
    for value in hashes:
        bucket = np.int64(value >> shift)
        pool[starts[bucket]] = value
        starts[bucket] += 1
    if fullest > _FULL:
        pool[:count].sort()
    kept = 0
    for i in range(count):
        value, place = pool[i], kept
        while place and hashes[place - 1] > value:
            place -= 1
        if place and hashes[place - 1] == value:
            continue
        for j in range(kept, place, -1):
            hashes[j] = hashes[j - 1]
        hashes[place] = value
        kept += 1
    return kept


@compiled
def shingle_sets(
    data: Bytes,
    texts: Offsets,
    forms: Hashes32,
    shingle: int,
    out: Hashes,
    offsets: Offsets,
    unstable: Flags,
) -> None:
    """Write the sorted, distinct shingle hashes of each text one after the other into `out`.

    Text i lies at `texts[i]` to `texts[i + 1]` of `data`; its set then at `offsets[i]` to `offsets[i + 1]`.
    `unstable` takes whether the text has a character that normalising to NFC might change.
    """
    longest = _longest(texts)
    lower, letters = np.empty(longest + BLOCK, np.uint8), np.empty(2 * longest + BLOCK, np.uint8)
    stops = np.empty(longest // BLOCK + 1, np.uint64)
    halves, hashes = np.empty(longest // 2 + 2, np.uint32), np.empty(longest // 2 + 2, np.uint32)
    pool, starts = np.empty(longest // 2 + 2, np.uint64), np.empty(longest + 6, np.int32)
    end = 0
    for row in range(len(texts) - 1):
        here = out[end:]
        words, unstable[row] = _words(data, texts[row], texts[row + 1], forms, lower, letters, stops, here)
        _half(here, words, _UPPER, halves)
        count = _sequences(halves, words, shingle, hashes)
        _half(here, words, _LOWER, halves)
        for i in range(count):
            here[i] = np.uint64(hashes[i]) << _UPPER
        _sequences(halves, words, shingle, hashes)
        for i in range(count):
            here[i] |= np.uint64(hashes[i])
        end += _distinct(here[:count], pool, starts)
        offsets[row + 1] = end


@compiled
def _fingerprint(words: Hashes, count: int) -> tuple[np.uint64, np.uint64]:
    """Return two independent 64-bit hashes of a text's word sequence."""
    first, second = np.uint64(count), np.uint64(count)
    for i in range(count):
        first = first * _BASE + words[i]
        second = (second ^ words[i]) * _PRIME
    return _mix(first), _mix(second)


@compiled
def _finalise(hashes: Hashes32, count: int) -> int:
    """Finalise what enters the permutations; fill the last lanes up and return the number with them."""
    for i in range(count):
        value = hashes[i]
        value = np.uint32((value ^ (value >> np.uint32(16))) * _FMIX32_A)
        value = np.uint32((value ^ (value >> np.uint32(13))) * _FMIX32_B)
        hashes[i] = value ^ (value >> np.uint32(16))
    padded = (count + LANES - 1) // LANES * LANES
    for i in range(count, padded):
        hashes[i] = hashes[count - 1]  # a minimum does not mind a value seen twice
    return padded


@compiled
def _permute(hashes: Hashes32, count: int, a: Hashes32, b: Hashes32, out: Hashes32) -> None:
    """Lower `out` to the least permuted value; eight shingles a pass keep the vector units busy."""
    for i in range(0, count, LANES):
        h0, h1, h2, h3 = hashes[i], hashes[i + 1], hashes[i + 2], hashes[i + 3]
        h4, h5, h6, h7 = hashes[i + 4], hashes[i + 5], hashes[i + 6], hashes[i + 7]
        for j in range(len(out)):
            factor, offset = a[j], b[j]
            low = min(np.uint32(factor * h0 + offset), np.uint32(factor * h1 + offset))
            low = min(low, np.uint32(factor * h2 + offset), np.uint32(factor * h3 + offset))
            low = min(low, np.uint32(factor * h4 + offset), np.uint32(factor * h5 + offset))
            out[j] = min(out[j], low, np.uint32(factor * h6 + offset), np.uint32(factor * h7 + offset))


@compiled
def minhashes(
    data: Bytes,
    texts: Offsets,
    forms: Hashes32,
    shingle: int,
    a: Hashes32,
    b: Hashes32,
    out: Hashes32,
    prints: Hashes,
    unstable: Flags,
) -> None:
    """Lower each row of `out`, shape (n, permutations), to the signature of its text.

    `prints`, shape (3, n), takes 128 bits of its word sequence and a hash of its numbers, unless it has no
    columns. Text i lies at `texts[i]` to `texts[i + 1]` of `data`; `unstable` takes whether normalising to
    NFC might change it.
    """
    longest = _longest(texts)
    lower, letters = np.empty(longest + BLOCK, np.uint8), np.empty(2 * longest + BLOCK, np.uint8)
    stops = np.empty(longest // BLOCK + 1, np.uint64)
    words = np.empty(longest // 2 + 2, np.uint64)
    halves = np.empty(longest // 2 + 2 + LANES, np.uint32)
    hashes = np.empty(longest // 2 + 2 + LANES, np.uint32)
    for row in range(len(texts) - 1):
        count, unstable[row] = _words(data, texts[row], texts[row + 1], forms, lower, letters, stops, words)
        if prints.shape[1]:
            prints[0, row], prints[1, row] = _fingerprint(words, count)
            numbers = _numbers(lower, texts[row + 1] - texts[row], forms)
            prints[2, row] = _number_words(words, count, numbers)
        _half(words, count, _UPPER, halves)
        count = _sequences(halves, count, shingle, hashes)
        if count:
            _permute(hashes, _finalise(hashes, count), a, b, out[row])


@compiled
def bands_of(signatures: Hashes32, out: Hashes) -> None:
    """Write the hash of each band of each signature into `out`, shape (bands, n)."""
    bands, width = len(out), signatures.shape[1] // len(out)
    for row in range(len(signatures)):
        signature = signatures[row]
        empty = signature.min() == UNSEEN and signature.max() == UNSEEN
        for band in range(bands):
            value = np.uint64(band)
            for i in range(band * width, (band + 1) * width):
                value = _absorb(value, np.uint64(signature[i]))
            out[band, row] = NO_SHINGLES if empty else min(_mix(value), NO_SHINGLES - _ONE)
