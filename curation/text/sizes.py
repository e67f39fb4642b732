"""How many bytes of text each row of an Arrow batch holds, measured without making Python objects."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Sizes = NDArray[np.int64]

_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)


def text_sizes(rows: pa.RecordBatch | pa.Table) -> Sizes:
    """Return per row the bytes of all its strings and binaries, however deep they lie, without map keys."""
    total = np.zeros(rows.num_rows, np.int64)
    for column in rows.columns:
        total += _sizes(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
    return total


def _sizes(array: pa.Array) -> Sizes:
    array = _plain(array)
    kind, types = array.type, pa.types
    if types.is_struct(kind):
        return sum((_sizes(field) for field in array.flatten()), np.zeros(len(array), np.int64))
    if types.is_list(kind) or types.is_large_list(kind):
        return _list_sizes(array, array.values)
    if types.is_map(kind):
        return _list_sizes(array, array.items)
    if any(test(kind) for test in _TEXTS):
        return _numbers(pc.binary_length(array))
    return np.zeros(len(array), np.int64)


def _plain(array: pa.Array) -> pa.Array:
    """Return the same values in one of the layouts that are measured above."""
    kind, types = array.type, pa.types
    if isinstance(array, pa.ExtensionArray):
        return _plain(array.storage)
    if types.is_dictionary(kind):
        return array.dictionary_decode()
    if types.is_fixed_size_list(kind):
        return array.cast(pa.large_list(kind.value_type))
    if types.is_string_view(kind) or types.is_binary_view(kind):
        return array.cast(pa.large_binary())
    return array


def _list_sizes(array: pa.Array, items: pa.Array) -> Sizes:
    offsets = _numbers(array.offsets)
    first, last = int(offsets[0]), int(offsets[-1])
    reached = np.append(0, np.cumsum(_sizes(items.slice(first, last - first))))
    sizes: Sizes = np.diff(reached[offsets - first])
    return sizes


def _numbers(array: pa.Array) -> Sizes:
    numbers: Sizes = pc.fill_null(array, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers
