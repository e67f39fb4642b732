"""MinHash signatures of texts, bit for bit those of datasketch's `affine32` scheme, and their bands.

A signature holds, per permutation `h -> a * h + b mod 2^32`, the least value over the shingles of a text;
two texts agree in a position as often as their shingle sets have elements in common (their Jaccard
similarity). A shingle enters as the upper 32 bits of its hash, after MurmurHash3's finaliser.
"""

import numpy as np
import polars as pl
import pyarrow as pa

from thinkmix.curation.text.kernels import UNSEEN, Flags, Hashes, Hashes32, bands_of, minhashes
from thinkmix.curation.text.shingles import as_texts, character_forms, utf8_buffers

PRINTS = 3
"""Hashes of a text beside its signature."""


def signatures(texts: pl.Series | pa.Array, *, shingle: int, permutations: int, seed: int) -> Hashes32:
    """Return the MinHash signature of each text.

    Args:
        texts: n texts, folded and cut into words as `curation.text.shingles` says; null counts as empty.
        shingle: words to a shingle, 1 to 32.
        permutations: length of a signature.
        seed: of the permutations, 0 to 2^32 - 1.

    Returns:
        Shape (n, permutations). A text without words has 2^32 - 1 everywhere, as an empty
        `datasketch.MinHash` has.
    """
    prints = np.empty((PRINTS, 0), np.uint64)
    return _sketch(as_texts(texts), prints, shingle=shingle, permutations=permutations, seed=seed)


def sketches(
    texts: pl.Series | pa.Array, *, shingle: int, permutations: int, seed: int
) -> tuple[Hashes32, Hashes]:
    """Return the signatures, and three hashes per text, shape (3, n).

    Two are 128 bits that are equal for equal word sequences; the third is equal for equal runs of digits.
    """
    prints = np.empty((PRINTS, len(texts)), np.uint64)
    signed = _sketch(as_texts(texts), prints, shingle=shingle, permutations=permutations, seed=seed)
    return signed, prints


def band_hashes(signatures: Hashes32, bands: int) -> Hashes:
    """Return one 64-bit hash per band and text, shape (bands, n).

    Texts that agree in all permutations / bands values of a band have the same hash there. A text
    without words has `kernels.NO_SHINGLES` in all bands, and no other text has it.
    """
    out = np.empty((bands, len(signatures)), np.uint64)
    bands_of(signatures, out)
    return out


def permutation_factors(permutations: int, seed: int) -> tuple[Hashes32, Hashes32]:
    """Return the odd factors `a` and the offsets `b` that datasketch 2 draws for `affine32` with `seed`."""
    stream = np.random.RandomState(seed)  # the stream that datasketch fixed
    a = stream.randint(0, 1 << 31, permutations, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return a, stream.randint(0, 1 << 32, permutations, dtype=np.uint32)


def _sketch(texts: pl.Series, prints: Hashes, *, shingle: int, permutations: int, seed: int) -> Hashes32:
    """Return signatures; fill `prints` unless it has no columns. The few texts not in NFC are read twice."""
    out, unstable = _signed(texts, prints, shingle=shingle, permutations=permutations, seed=seed)
    if unstable.any():
        normal = texts.filter(pl.Series(unstable)).str.normalize("NFC")
        again = np.empty((PRINTS, len(normal) if prints.size else 0), np.uint64)
        out[unstable], _ = _signed(normal, again, shingle=shingle, permutations=permutations, seed=seed)
        if prints.size:
            prints[:, unstable] = again
    return out


def _signed(
    texts: pl.Series, prints: Hashes, *, shingle: int, permutations: int, seed: int
) -> tuple[Hashes32, Flags]:
    data, places = utf8_buffers(texts)
    out, unstable = np.full((len(texts), permutations), UNSEEN, np.uint32), np.zeros(len(texts), np.bool_)
    a, b = permutation_factors(permutations, seed)
    minhashes(data, places, character_forms(), shingle, a, b, out, prints, unstable)
    return out, unstable
