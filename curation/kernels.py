"""The loops over UTF-8 buffers behind shingles and signatures.

They are in one file because numba's cache notices changes only to the file that it compiled. Integers are
typed with care: numba turns `uint64 + int64` into a float.
"""

import numpy as np
from numpy.typing import NDArray

from curation.compiled import compiled

Bytes = NDArray[np.uint8]
Hashes = NDArray[np.uint64]
Hashes32 = NDArray[np.uint32]
Offsets = NDArray[np.int64]
Flags = NDArray[np.bool_]

SEPARATOR, WORD, TAIL, ALONE = 0, 1, 2, 3
"""What a character does: end a word, belong to it, belong to it unless last, be one by itself."""
KIND_BIT, UNSTABLE_BIT = 24, 26
"""A character's form is one integer: its lower case, its kind << 24, and 1 << 26 if NFC may change it."""

LANES = 8
"""Shingles that enter the permutations together; a signature's input is padded to a multiple of it."""
NO_SHINGLES = np.uint64(0xFFFFFFFFFFFFFFFF)
"""Band hash of a text without words: it joins no bucket."""
UNSEEN = np.uint32(0xFFFFFFFF)
"""Signature value before the first shingle."""

_SEED, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x9FB21C651E98DF25)
_FOREIGN = np.uint64(0x800000)
"""Marks the last of the three bytes of a character beyond ASCII, so that no two words have the same bytes."""
PADDING = 128
"""Bytes by which the scratch arrays are longer than the text that is in them."""
_TOPS = np.uint64(0x8080808080808080)
_GATHER = np.uint64(0x0102040810204080)
"""Multiplying by it brings the lowest bits of eight bytes together in the highest byte."""
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.zeros(64, np.uint8)
for _place in range(64):
    _PLACES[((int(_DE_BRUIJN) << _place) & 0xFFFFFFFFFFFFFFFF) >> 58] = _place
_BASE = np.uint64(0x9E3779B97F4A7C15)
_FMIX_A, _FMIX_B = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_FMIX32_A, _FMIX32_B = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)


def base_power(shingle: int) -> np.uint64:
    """Return the factor with which a word leaves a rolling hash of `shingle` words."""
    return np.uint64(pow(int(_BASE), shingle, 1 << 64))


@compiled
def _mix(value: np.uint64) -> np.uint64:
    """MurmurHash3's 64-bit finaliser: every input bit moves every output bit."""
    value = (value ^ (value >> np.uint64(33))) * _FMIX_A
    value = (value ^ (value >> np.uint64(33))) * _FMIX_B
    return value ^ (value >> np.uint64(33))


@compiled
def _decode(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the code point that starts at `at`, with a byte of 0x80 or more, and where the next starts."""
    lead = np.int64(data[at])
    size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    code = lead & (0x7F >> size)
    after = min(at + size, end)
    for i in range(at + 1, after):
        code = (code << 6) | (np.int64(data[i]) & 0x3F)
    return int(code), after


@compiled
def _form(code: int, forms: Hashes32) -> int:
    """Return the form of a character; beyond the Basic Multilingual Plane case is left alone."""
    if code < 0x10000:
        return int(forms[code])
    if 0x20000 <= code < 0x40000:
        return code | (ALONE << KIND_BIT)
    return code | (WORD << KIND_BIT)


@compiled
def _eight(data: Bytes, at: int) -> np.uint64:
    """Return the eight bytes from `at` on as one little-endian integer; the compiler makes it one load."""
    start, value = np.uint64(at), np.uint64(0)
    for i in range(8):
        value |= np.uint64(data[start + np.uint64(i)]) << np.uint64(8 * i)
    return value


@compiled
def mark_unstable(data: Bytes, starts: Offsets, ends: Offsets, forms: Hashes32, unstable: Flags) -> None:
    """Set `unstable` for each text with a character that normalising to NFC might change."""
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        every = np.uint8(0)
        for byte in data[at:end]:
            every |= byte
        while every >= 0x80 and at < end:
            if at + 8 <= end and not _eight(data, at) & _TOPS:
                at += 8
                continue
            if data[at] < 0x80:
                at += 1
                continue
            code, at = _decode(data, at, end)
            if code < 0x10000:
                suspect = np.int64(forms[code]) >> UNSTABLE_BIT != 0
            else:  # mathematical letters, emoji and Han are stable; the rest is rare enough to normalise
                suspect = not (0x1D400 <= code <= 0x1D7FF or 0x1F000 <= code < 0x2F800)
            if suspect:
                unstable[row] = True
                break


@compiled
def _prepare(data: Bytes, start: int, end: int, lower: Bytes, stops: Bytes) -> None:
    """Write the text in lower-case ASCII, and 1 for each byte that separates words or is not ASCII.

    Both arrays are longer than the text by `PADDING`, which is filled up as separators. One comparison
    after the other over all bytes: this is the loop that the vector units run.
    """
    text = data[start:end]
    for i in range(len(text)):
        byte = text[i]
        lower[i] = np.uint8(byte + 32) if 65 <= byte <= 90 else byte
        stops[i] = np.uint8(1) if byte <= 0x20 or byte == 0x22 or byte >= 0x7F else np.uint8(0)
    for i in range(len(text), len(text) + PADDING):
        lower[i], stops[i] = 0, 1


@compiled
def _stop_bits(stops: Bytes, at: int) -> np.uint64:
    """Return the stops of the 64 bytes from `at` on, one bit each."""
    bits = np.uint64(0)
    for i in range(8):
        bits |= ((_eight(stops, at + 8 * i) * _GATHER) >> np.uint64(56)) << np.uint64(8 * i)
    return bits


@compiled
def _lowest(bits: np.uint64) -> int:
    """Return the place of the lowest bit that is set, by a de Bruijn sequence."""
    return int(_PLACES[((bits & (~bits + np.uint64(1))) * _DE_BRUIJN) >> np.uint64(58)])


@compiled
def _absorb(state: np.uint64, block: np.uint64) -> np.uint64:
    """Add eight bytes to the hash of a word; one to one for a word of one block."""
    state = (state ^ block) * _PRIME
    return state ^ (state >> np.uint64(32))


@compiled
def _ascii_hash(lower: Bytes, start: int, end: int) -> np.uint64:
    """Hash the bytes of an ASCII word, eight at a time."""
    state = _SEED
    while end - start > 8:
        state = _absorb(state, _eight(lower, start))
        start += 8
    return _absorb(state, _eight(lower, start) & (~np.uint64(0) >> np.uint64((64 - 8 * (end - start)) & 63)))


@compiled
def _any_words(
    lower: Bytes, at: int, end: int, forms: Hashes32, words: Hashes, count: int
) -> tuple[int, int]:
    """Write the hashes of the word at `at` and of the characters after it that stand alone, one by one.

    Returns:
        Where to go on, and the new number of words.
    """
    state, block, filled = _SEED, np.uint64(0), np.uint64(0)
    kept, letters = _SEED, False  # kept: the hash without the marks that trail the word
    while at < end:
        code = int(lower[at])
        if code < 0x80:
            at += 1
        else:
            code, at = _decode(lower, at, end)
        form = _form(code, forms)
        kind, letter = (form >> KIND_BIT) & 3, np.uint64(form & 0xFFFFFF)
        if kind == SEPARATOR:
            break
        width = np.uint64(8)
        if letter >= np.uint64(0x80):
            letter, width = letter | _FOREIGN, np.uint64(24)
        if kind == ALONE:
            words[count] = kept
            count += letters
            words[count] = _absorb(_SEED, letter)
            count += 1
            if at == end or lower[at] < 0x80:
                return at, count
            state, block, filled, letters = _SEED, np.uint64(0), np.uint64(0), False
            continue
        block |= letter << filled
        filled += width
        if filled >= np.uint64(64):
            state = _absorb(state, block)
            filled -= np.uint64(64)
            block = letter >> (width - filled)
        if kind == WORD:
            kept, letters = (_absorb(state, block) if filled else state), True
    if letters:
        words[count] = kept
        count += 1
    return at, count


@compiled
def _words(
    data: Bytes, start: int, end: int, forms: Hashes32, lower: Bytes, stops: Bytes, words: Hashes
) -> int:
    """Write a 64-bit hash of each word of one text; return their number.

    ASCII words are found 64 bytes at a time, by the bits of their separators; a word with another
    character in it is read by `_any_words`.
    """
    _prepare(data, start, end, lower, stops)
    end -= start
    count, word, block = 0, 0, 0
    while block <= end:
        bits = _stop_bits(stops, block)
        while bits:
            stop = block + _lowest(bits)
            bits &= bits - np.uint64(1)
            if stop < word:
                continue
            if lower[stop] >= 0x80:
                word, count = _any_words(lower, word, end, forms, words, count)
                continue
            last = stop
            while last > word and forms[lower[last - 1]] >> np.uint32(KIND_BIT) == np.uint32(TAIL):
                last -= 1
            if last > word:
                words[count] = _ascii_hash(lower, word, last)
                count += 1
            word = stop + 1
        block += 64
    for i in range(count):
        words[i] = _mix(words[i])
    return count


@compiled
def _roll(words: Hashes, count: int, shingle: int, power: np.uint64) -> int:
    """Replace word hashes by the hashes of their `shingle`-word sequences; return their number."""
    total = np.uint64(0)
    width = min(count, shingle)
    for i in range(width):
        total = total * _BASE + words[i]
    for i in range(width, count):
        leaving = words[i - width]
        words[i - width] = _mix(total)
        total = total * _BASE + words[i] - leaving * power
    if count:
        words[count - width] = _mix(total)
    return count - width + 1 if count else 0


@compiled
def _longest(starts: Offsets, ends: Offsets) -> int:
    """Return the length in bytes of the longest text."""
    longest = 0
    for row in range(len(starts)):
        longest = max(longest, ends[row] - starts[row])
    return longest


@compiled
def shingle_sets(
    data: Bytes,
    starts: Offsets,
    ends: Offsets,
    forms: Hashes32,
    shingle: int,
    power: np.uint64,
    out: Hashes,
    offsets: Offsets,
) -> None:
    """Write the sorted, distinct shingle hashes of each text one after the other into `out`."""
    longest = _longest(starts, ends)
    lower, stops = np.empty(longest + PADDING, np.uint8), np.empty(longest + PADDING, np.uint8)
    end = 0
    for row in range(len(starts)):
        here = out[end:]
        count = _roll(here, _words(data, starts[row], ends[row], forms, lower, stops, here), shingle, power)
        here[:count].sort()
        kept = min(count, 1)
        for i in range(1, count):
            if here[i] != here[kept - 1]:
                here[kept] = here[i]
                kept += 1
        end += kept
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
def _shingles32(words: Hashes, count: int, out: Hashes32) -> int:
    """Write what enters the permutations: the upper half of each hash, finalised; fill the last lanes up."""
    for i in range(count):
        value = np.uint32(words[i] >> np.uint64(32))
        value = np.uint32((value ^ (value >> np.uint32(16))) * _FMIX32_A)
        value = np.uint32((value ^ (value >> np.uint32(13))) * _FMIX32_B)
        out[i] = value ^ (value >> np.uint32(16))
    padded = (count + LANES - 1) // LANES * LANES
    for i in range(count, padded):
        out[i] = out[count - 1]  # a minimum does not mind a value seen twice
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
    starts: Offsets,
    ends: Offsets,
    forms: Hashes32,
    shingle: int,
    power: np.uint64,
    a: Hashes32,
    b: Hashes32,
    out: Hashes32,
    prints: Hashes,
) -> None:
    """Lower each row of `out`, shape (n, permutations), to the signature of its text.

    `prints`, shape (2, n), takes 128 bits of its word sequence, unless it has no columns.
    """
    longest = _longest(starts, ends)
    lower, stops = np.empty(longest + PADDING, np.uint8), np.empty(longest + PADDING, np.uint8)
    words = np.empty(longest // 2 + 2, np.uint64)
    hashes = np.empty(longest // 2 + 2 + LANES, np.uint32)
    for row in range(len(starts)):
        count = _words(data, starts[row], ends[row], forms, lower, stops, words)
        if prints.shape[1]:
            prints[0, row], prints[1, row] = _fingerprint(words, count)
        count = _roll(words, count, shingle, power)
        if count:
            _permute(hashes, _shingles32(words, count, hashes), a, b, out[row])


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
                value = _mix(value * _BASE + np.uint64(signature[i]))
            out[band, row] = NO_SHINGLES if empty else min(value, NO_SHINGLES - np.uint64(1))
