"""Null keys that only a table's storage added, counted in columns, without objects."""

import numpy as np
import pyarrow as pa

from thinkmix.curation.text.columns import flags
from thinkmix.curation.text.text_kernels import Flags

_LISTS = (pa.types.is_list, pa.types.is_large_list)
_OUTSIDE, _TURN, _INSIDE = range(3)
"""Where in its column a value stands: in no list, directly in the outermost one, deeper."""


def padding(rows: pa.RecordBatch, chosen: Flags) -> int:
    """Return how many null keys of structs some of a table's rows have, as `Objects.read` counts them."""
    return sum(_padding(column, _OUTSIDE, chosen) for column in rows.columns)


def _padding(column: pa.Array, place: int, chosen: Flags) -> int:
    if not _has_keys(column.type, place):
        return 0
    if not pa.types.is_struct(column.type):
        first, last = column.offsets[0].as_py(), column.offsets[-1].as_py()
        inside = np.repeat(chosen, np.diff(column.offsets.to_numpy()))
        return _padding(column.values.slice(first, last - first), min(place + 1, _INSIDE), inside)
    there = chosen & flags(column.is_valid())
    found = 0
    for number in range(column.type.num_fields):
        field = column.field(number)
        if place != _TURN:
            found += int((there & flags(field.is_null())).sum())
        found += _padding(field, _OUTSIDE if place == _OUTSIDE else _INSIDE, there)
    return found


def _has_keys(kind: pa.DataType, place: int) -> bool:
    """Return whether values of a type have keys that may be padding, without keys that a turn lacks."""
    if any(test(kind) for test in _LISTS):
        return _has_keys(kind.value_type, min(place + 1, _INSIDE))
    if not pa.types.is_struct(kind):
        return False
    return place != _TURN or any(
        _has_keys(kind.field(number).type, _INSIDE) for number in range(kind.num_fields)
    )
