"""The columns of raw files as they are read: types, nulls, and the values of those that have few."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from thinkmix.curation.text.columns import plain_texts
from thinkmix.schemas.columns import Columns
from thinkmix.schemas.record import Record

MOST_COLUMNS = 500
"""Columns of a source that are listed: rows of JSON may each have names of their own."""

MOST_VALUES = 20
MOST_BYTES = 64
"""Values of a text column that are listed, and how long they may be."""

_NAME = 200
_TYPE = 1000
_NESTED = 16
_JSON = {str: "String", int: "Int64", float: "Float64", bool: "Boolean", dict: "Struct", list: "List"}
_ARROW = {
    pa.null(): "Null",
    pa.bool_(): "Boolean",
    pa.int8(): "Int8",
    pa.int16(): "Int16",
    pa.int32(): "Int32",
    pa.int64(): "Int64",
    pa.uint8(): "UInt8",
    pa.uint16(): "UInt16",
    pa.uint32(): "UInt32",
    pa.uint64(): "UInt64",
    pa.float16(): "Float16",
    pa.float32(): "Float32",
    pa.float64(): "Float64",
    pa.string(): "String",
    pa.large_string(): "String",
    pa.binary(): "Binary",
    pa.large_binary(): "Binary",
    pa.date32(): "Date",
}


class ProfilePart(Record):
    """The columns of one shard."""

    rows: int
    """Rows that could be read."""
    types: Mapping[str, tuple[str, ...]]
    values: Mapping[str, tuple[str, ...]]
    there: Mapping[str, int]
    """Rows where the column is not null."""
    cut: bool


class _Column:
    """What is known of one column so far."""

    def __init__(self) -> None:
        self.types: set[str] = set()
        self.there = 0
        self.values: set[str] | None = set()


class Profile:
    """Collects what the columns of a shard are, batch by batch or row by row, in bounded memory."""

    def __init__(self) -> None:
        self._rows = 0
        self._columns: dict[str, _Column] = {}
        self._cut = False

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Look at rows in columns; only texts that may turn out to be few and short are looked into."""
        self._rows += batch.num_rows
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            if column := self._column(name):
                column.types.add(_type_name(values.type))
                column.there += batch.num_rows - values.null_count
                if column.values is not None:
                    fresh = _few_texts(values)
                    column.values = None if fresh is None else _few(column.values | fresh)

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Look at one row of JSON."""
        self._rows += 1
        for name, value in row.items():
            column = self._columns.get(name) or self._column(name)
            if column is None or value is None:
                continue
            column.there += 1
            column.types.add(_JSON.get(type(value), type(value).__name__))
            if column.values is None or (type(value) is str and value in column.values):
                continue
            short = type(value) is str and len(value) <= MOST_BYTES and len(_bytes(value)) <= MOST_BYTES
            column.values = _few({*column.values, value}) if short else None

    def part(self) -> ProfilePart:
        """Return what was collected; names are cut, and text that is no UTF-8 is escaped."""
        columns = {_name(name): column for name, column in sorted(self._columns.items())}
        return ProfilePart(
            rows=self._rows,
            types={name: tuple(sorted(column.types)) for name, column in columns.items()},
            values={
                name: tuple(sorted(_bytes(value).decode() for value in column.values))
                for name, column in columns.items()
                if column.values is not None
            },
            there={name: column.there for name, column in columns.items()},
            cut=self._cut,
        )

    def _column(self, name: str) -> _Column | None:
        """Return the column of a name, a new one if there is room."""
        if name not in self._columns:
            if len(self._columns) >= MOST_COLUMNS:
                self._cut = True
                return None
            self._columns[name] = _Column()
        return self._columns[name]


def merge_columns(source: str, parts: Iterable[ProfilePart]) -> Columns:
    """Return the columns of a source from those of its shards, given in the order of its files."""
    listed = list(parts)
    rows = sum(part.rows for part in listed)
    names = list(dict.fromkeys(name for part in listed for name in part.types))
    shown = sorted(names[:MOST_COLUMNS])
    values: dict[str, tuple[str, ...]] = {}
    for name in shown:
        sides = [part.values.get(name) for part in listed if name in part.types]
        there = [side for side in sides if side is not None]
        if len(there) == len(sides) and (few := _few({text for side in there for text in side})) is not None:
            values[name] = tuple(sorted(few))
    return Columns(
        source=source,
        types={name: _joined(kind for part in listed for kind in part.types.get(name, ())) for name in shown},
        values=values,
        missing={name: rows - sum(part.there.get(name, 0) for part in listed) for name in shown},
        cut=len(names) > MOST_COLUMNS or any(part.cut for part in listed),
    )


def _joined(kinds: Iterable[str]) -> str:
    """Return the types of all shards as one; nulls alone tell nothing, and a JSON number may be whole."""
    known = {*kinds} - {"Null"}
    if "Float64" in known:
        known -= {"Int64"}
    return " | ".join(sorted(known)) or "Null"


def _few(values: set[str]) -> set[str] | None:
    return values if len(values) <= MOST_VALUES else None


def _few_texts(column: pa.Array) -> set[str] | None:
    """Return the distinct texts of a column, or None if it holds something else, or too many or too long."""
    if pa.types.is_null(column.type):
        return set()
    texts = plain_texts(column)
    if texts is None or (pc.max(pc.binary_length(texts)).as_py() or 0) > MOST_BYTES:
        return None
    distinct = pc.unique(texts)
    if len(distinct) > MOST_VALUES + 1:  # null is one of them
        return None
    try:
        return {text for text in distinct.to_pylist() if text is not None}
    except UnicodeDecodeError:
        return None


@lru_cache(maxsize=256)
def _type_name(kind: pa.DataType) -> str:
    """Return a type as polars prints it, cut where a digest of the whole goes on."""
    name = _nested_name(kind, 0)
    return name if len(name) <= _TYPE else f"{name[:_TYPE]}… {sha256(_bytes(name)).hexdigest()[:12]}"


def _nested_name(kind: pa.DataType, level: int) -> str:
    if level < _NESTED and (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return f"List({_nested_name(kind.value_type, level + 1)})"
    if level < _NESTED and pa.types.is_struct(kind):
        fields = (kind.field(place) for place in range(kind.num_fields))
        inside = (f"'{field.name}': {_nested_name(field.type, level + 1)}" for field in fields)
        return f"Struct({{{', '.join(inside)}}})"
    if pa.types.is_dictionary(kind):
        return _nested_name(kind.value_type, level)
    return _ARROW.get(kind) or str(kind)


def _name(name: str) -> str:
    """Return a column's name, cut where a digest of the whole goes on."""
    text = _bytes(name).decode()
    return text if len(text) <= _NAME else f"{text[:_NAME]}… {sha256(text.encode()).hexdigest()[:12]}"


def _bytes(text: str) -> bytes:
    return text.encode(errors="backslashreplace")
