"""Arrow columns as kernels read them: texts as buffers, turns as runs of texts; no object per value."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from thinkmix.curation.text.text_kernels import Bytes, Flags, Offsets, find_blank
from thinkmix.schemas.conversation import ROLES
from thinkmix.schemas.formats.contract import TextColumn, TurnColumn
from thinkmix.schemas.formats.roles import role_of

OTHER = 255
"""Role of a turn that is not plain text of one of `ROLES`."""

_NESTED = 16
_SPEAKERS = 1000
"""Most names of speakers in a batch; beyond that, the values are not names of speakers."""
_TEXTS = (pa.types.is_string, pa.types.is_large_string)
_LISTS = (pa.types.is_list, pa.types.is_large_list)
_BINARIES = (pa.types.is_binary, pa.types.is_large_binary)
_FLOATS = (pa.types.is_float32, pa.types.is_float64)
_OTHERS = (pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_decimal)
_PLAIN = (*_TEXTS, *_BINARIES, *_FLOATS, *_OTHERS)


class Texts(NamedTuple):
    """A column of texts."""

    data: Bytes
    offsets: Offsets
    """n + 1 places in `data` between which the texts stand."""
    missing: Flags
    """Which of them are null."""

    @property
    def filled(self) -> Flags:
        """Which of them are neither null nor empty."""
        return ~self.missing & (np.diff(self.offsets) > 0)

    @property
    def blank(self) -> Flags:
        """Which of them are nothing but white space, or empty."""
        found = np.empty(len(self.missing), np.bool_)
        find_blank(self.data, self.offsets, found)
        return found


class Turns(NamedTuple):
    """Turns of n rows out of one column."""

    texts: Texts
    first: Offsets
    """n + 1 places between which the turns of a row stand."""
    roles: Bytes
    """Place in `ROLES` of each turn's role, or `OTHER`."""
    doubts: Flags
    """Rows that are not what is said of the column."""


def is_plain(kind: pa.DataType, level: int = 0) -> bool:
    """Return whether Python and JSON can hold all values of a type, if only their text is UTF-8."""
    if pa.types.is_dictionary(kind):
        return _is_one_of(kind.value_type, _TEXTS)
    if _is_one_of(kind, _LISTS):
        return level < _NESTED and is_plain(kind.value_type, level + 1)
    if pa.types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        alone = len({field.name for field in fields}) == len(fields)
        return level < _NESTED and alone and all(is_plain(field.type, level + 1) for field in fields)
    return _is_one_of(kind, _PLAIN)


def plain_texts(column: pa.Array | None) -> pa.Array | None:
    """Return a column of texts without its dictionary, or nothing if it holds something else."""
    if (
        column is not None
        and pa.types.is_dictionary(column.type)
        and _is_one_of(column.type.value_type, _TEXTS)
    ):
        return column.dictionary_decode()
    return column if column is not None and _is_one_of(column.type, _TEXTS) else None


def texts_of(column: pa.Array | None) -> Texts | None:
    """Return a column of texts as buffers, or nothing if it holds something else."""
    column = plain_texts(column)
    if column is None:
        return None
    _, offsets, content = column.buffers()
    starts = np.zeros(1, np.int64)
    if len(column):
        places = np.frombuffer(offsets, np.int64 if pa.types.is_large_string(column.type) else np.int32)
        starts = places[column.offset : column.offset + len(column) + 1].astype(np.int64)
    data = np.frombuffer(content, np.uint8) if content is not None and content.size else np.zeros(1, np.uint8)
    data.flags.writeable = False  # always of one type, so compiled once
    return Texts(data, starts, flags(column.is_null()))


def is_filled(column: pa.Array | None, height: int, *, listed: bool = False) -> Flags:
    """Return which values are neither null nor empty text nor, where a list may stand, an empty list."""
    if column is None:
        return np.zeros(height, np.bool_)
    if (texts := texts_of(column)) is not None:
        return texts.filled
    if listed and _is_one_of(column.type, _LISTS):
        return flags(pc.fill_null(pc.greater(pc.list_value_length(column), 0), False))
    return flags(column.is_valid())


def numbers_of(column: pa.Array) -> tuple[NDArray[np.float64], Flags]:
    """Return a column's finite numbers, NaN for all else; and which values are no numbers at all."""
    if not (pa.types.is_integer(column.type) or _is_one_of(column.type, _FLOATS)):
        return np.full(len(column), np.nan), flags(column.is_valid())
    numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(numbers), numbers, np.nan), np.zeros(len(column), np.bool_)


def text_turns(rows: pa.RecordBatch, place: TextColumn) -> Turns | None:
    """Return the turns that a column of texts holds, one for each row or, if they are optional, at most one.

    Returns:
        Nothing if there have to be texts, and the column holds something else.
    """
    column, height = column_of(rows, place.name), rows.num_rows
    texts = plain_texts(column)
    role = np.uint8(ROLES.index(place.role))
    if place.optional:
        there = is_filled(column, height)
        doubts = there if texts is None else there & _blank(texts)
        there = there & ~doubts
        texts = pa.array([], pa.string()) if texts is None else texts.filter(pa.array(there))
    elif texts is None:
        return None
    else:
        there = np.ones(height, np.bool_)
        more = column_of(rows, place.more) if place.more else None
        goes_on, rest = is_filled(more, height), plain_texts(more)
        doubts = flags(texts.is_null())
        if rest is None:
            doubts |= goes_on
        elif goes_on.any():
            doubts |= goes_on & (_blank(texts) | _blank(rest))
            texts, rest = texts.cast(pa.large_string()), rest.cast(pa.large_string())
            joined = pc.binary_join_element_wise(texts, rest, pa.scalar("\n", pa.large_string()))
            texts = pc.if_else(pa.array(goes_on), joined, texts)
    read = texts_of(texts)
    assert read is not None, "texts are texts"
    return Turns(read, np.append(0, np.cumsum(there)), np.full(there.sum(), role), doubts)


def _blank(texts: pa.Array) -> Flags:
    read = texts_of(texts)
    assert read is not None, "texts are texts"
    return read.blank


def listed_turns(rows: pa.RecordBatch, place: TurnColumn) -> Turns | None:
    """Return the turns that a column of lists holds; those that are no plain text have the role `OTHER`.

    Returns:
        Nothing if it does not hold lists of structs with a speaker and a text.
    """
    column = column_of(rows, place.name)
    turns = None if column is None else structs_of(column)
    if column is None or turns is None:
        return None
    said, speaks = only_field(turns, place.text), only_field(turns, place.speaker)
    texts, speakers = (texts_of(said), plain_texts(speaks)) if said is not speaks else (None, None)
    if texts is None or speakers is None:
        return None
    roles = _roles(speakers, place.roles)
    strange = texts.missing | ~flags(turns.is_valid())
    for name in place.empty:
        strange |= is_filled(field_of(turns, name), len(turns), listed=True)
    for name in place.marks:
        strange |= ~_says_yes(field_of(turns, name), len(turns))
    roles[strange] = OTHER
    first = column.offsets.to_numpy().astype(np.int64)
    return Turns(texts, first - first[0], roles, flags(column.is_null()))


def only_field(structs: pa.StructArray, names: Sequence[str]) -> pa.Array | None:
    """Return the field that has one of the names, or nothing if none or several have."""
    there = [name for name in names if structs.type.get_field_index(name) >= 0]
    return field_of(structs, there[0]) if len(there) == 1 else None


def _roles(speakers: pa.Array, named: Mapping[str, str]) -> Bytes:
    """Return the place in `ROLES` of each speaker's role, or `OTHER`."""
    coded = speakers.dictionary_encode()
    if len(coded.dictionary) > _SPEAKERS:
        return np.full(len(speakers), OTHER, np.uint8)
    try:
        known = [role_of(name, named) for name in coded.dictionary.to_pylist()]
    except UnicodeDecodeError:
        return np.full(len(speakers), OTHER, np.uint8)
    codes = [ROLES.index(role) if role in ROLES else OTHER for role in known]
    places = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    roles: Bytes = np.array([*codes, OTHER], np.uint8)[places]
    return roles


def _says_yes(column: pa.Array | None, height: int) -> Flags:
    """Return which marks are null, or one, or true."""
    if column is None:
        return np.ones(height, np.bool_)
    if pa.types.is_boolean(column.type):
        return flags(pc.fill_null(column, True))
    if pa.types.is_integer(column.type) or _is_one_of(column.type, _FLOATS):
        return flags(pc.fill_null(pc.equal(column, 1), True))
    return flags(column.is_null())


def structs_of(column: pa.Array) -> pa.StructArray | None:
    """Return all structs in a column of lists of them, or nothing if it holds something else."""
    if not _is_one_of(column.type, _LISTS) or not pa.types.is_struct(column.type.value_type):
        return None
    first, last = column.offsets[0].as_py(), column.offsets[-1].as_py()
    return column.values.slice(first, last - first)


def column_of(rows: pa.RecordBatch, name: str) -> pa.Array | None:
    """Return the column of a name, if there is one."""
    place = rows.schema.get_field_index(name)
    return rows.column(place) if place >= 0 else None


def field_of(structs: pa.StructArray, name: str) -> pa.Array | None:
    """Return a field of structs, if there is one."""
    place = structs.type.get_field_index(name)
    return structs.field(place) if place >= 0 else None


def flags(array: pa.BooleanArray) -> Flags:
    """Return Arrow's bits as numpy's bytes."""
    bits: Flags = array.to_numpy(zero_copy_only=False).astype(np.bool_)
    return bits


def _is_one_of(kind: pa.DataType, tests: Sequence[Callable[[pa.DataType], bool]]) -> bool:
    return any(test(kind) for test in tests)
