"""All pairs of texts by their true Jaccard similarity: the slow truth that bands are judged by."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from thinkmix.curation.text.shingles import shingle_hashes

Pairs = NDArray[np.int64]

_BLOCK = 256


def shingle_matrix(texts: pl.Series, *, shingle: int = 5) -> csr_array:
    """Return which text has which shingle, shape (texts, distinct shingles)."""
    hashes, offsets = shingle_hashes(texts, shingle=shingle)
    names, columns = np.unique(hashes, return_inverse=True)
    ones = np.ones(len(columns), np.float32)
    return csr_array((ones, columns, offsets), shape=(len(texts), len(names)))


def similar_pairs(matrix: csr_array, *, threshold: float) -> tuple[Pairs, NDArray[np.float64]]:
    """Return all pairs (i < j) of at least this similarity, shape (n, 2), and their similarities."""
    found = list(_blocks(matrix, threshold))
    return np.concatenate([pairs for pairs, _ in found]), np.concatenate([values for _, values in found])


def _blocks(matrix: csr_array, threshold: float) -> Iterator[tuple[Pairs, NDArray[np.float64]]]:
    sizes = np.diff(matrix.indptr).astype(np.float64)
    columns = matrix.T.tocsr()
    for first in range(0, matrix.shape[0], _BLOCK):
        shared = (matrix[first : first + _BLOCK] @ columns).tocoo()
        i, j = shared.row + first, shared.col
        similarity = shared.data / (sizes[i] + sizes[j] - shared.data)
        kept = (similarity >= threshold) & (i < j)
        yield np.stack((i[kept], j[kept]), axis=1).astype(np.int64), similarity[kept]
