"""Arrow rows as Python objects that hold what their author said, without what Arrow's types add.

Arrow gives every struct of a column the union of all keys: a key that a row never had reads as null. Such
keys are removed, however deep they lie. A null in a list or a map stays, and so does one that JSON text says.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

import pyarrow as pa
from pydantic_core import PydanticCustomError

from thinkmix.curation.read.jsontext import read_json
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import MAX_DEPTH, Unreadable, depth, fault

_Reader = Callable[[object], object]
"""Returns a value as its author said it."""

_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
_BINARIES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)


class _Place(Enum):
    """Where in its column a value stands."""

    OUTSIDE = auto()
    """In no list."""
    TURN = auto()
    """Directly in the column's outermost list, where turns stand: a key that a turn lacks is not padding."""
    INSIDE = auto()
    """Deeper."""


class Objects:
    """Reads the rows of one table."""

    def __init__(self, schema: pa.Schema) -> None:
        self.parses = False
        """Whether the table has JSON columns, however deep."""
        self._padding = 0
        columns = {field.name: self._reader(field.type, _Place.OUTSIDE) for field in schema}
        self._columns = {name: reader for name, reader in columns.items() if reader is not None}

    def read(self, row: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
        """Return a row as its author said it, and how many keys of padding were removed; null columns stay.

        Raises:
            PydanticCustomError: with the reason why a text in a JSON column cannot be read.
        """
        self._padding = 0
        said = {
            **row,
            **{name: read(row[name]) for name, read in self._columns.items() if _is_there(row[name])},
        }
        if self.parses and depth(said) > MAX_DEPTH:
            raise fault(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")
        return said, self._padding

    def _reader(self, declared: pa.DataType, place: _Place) -> _Reader | None:
        """Return what reads values of a type; None if they are what Arrow makes of them."""
        kind = _stored(declared)
        if isinstance(kind, pa.JsonType):
            self.parses = True
            return _json
        if pa.types.is_struct(kind):
            return self._struct_reader(kind, place)
        if pa.types.is_map(kind):
            return self._map_reader(kind)
        if any(test(kind) for test in _LISTS):
            return self._list_reader(kind, place)
        return _text if any(test(kind) for test in _BINARIES) else None

    def _struct_reader(self, kind: pa.StructType, place: _Place) -> _Reader:
        inside = _Place.OUTSIDE if place is _Place.OUTSIDE else _Place.INSIDE
        fields = [kind.field(number) for number in range(kind.num_fields)]
        readers = {
            field.name: reader for field in fields if (reader := self._reader(field.type, inside)) is not None
        }
        counted = place is not _Place.TURN

        def read(value: object) -> object:
            if not isinstance(value, dict):
                return value
            said = {name: child for name, child in value.items() if child is not None}
            if counted:
                self._padding += len(value) - len(said)
            for name, reader in readers.items():
                if name in said:
                    said[name] = reader(said[name])
            return said

        return read

    def _list_reader(self, kind: pa.DataType, place: _Place) -> _Reader | None:
        inside = _Place.TURN if place is _Place.OUTSIDE else _Place.INSIDE
        reader = self._reader(kind.value_type, inside)
        if reader is None:
            return None

        def read(value: object) -> object:
            return [reader(child) for child in value] if isinstance(value, list) else value

        return read

    def _map_reader(self, kind: pa.MapType) -> _Reader | None:
        names = self._reader(kind.key_type, _Place.INSIDE)
        reader = self._reader(kind.item_type, _Place.INSIDE)
        if names is None and reader is None:
            return None

        def read(value: object) -> object:
            if not isinstance(value, dict):
                return value
            return {
                names(name) if names else name: reader(child) if reader else child
                for name, child in value.items()
            }

        return read


def _stored(kind: pa.DataType) -> pa.DataType:
    """Return the type that values have: of an extension, other than JSON, that of its storage."""
    while True:
        if isinstance(kind, pa.BaseExtensionType) and not isinstance(kind, pa.JsonType):
            kind = kind.storage_type
        elif pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
            kind = kind.value_type
        else:
            return kind


def _json(value: object) -> object:
    """Return what the text of a JSON column says; text that is not JSON stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        return read_json(value)
    except PydanticCustomError as error:
        reason = Reason(error.type)
        return value if reason is Reason.BAD_JSON else Unreadable(reason, error.message())


def _text(value: object) -> object:
    """Return bytes as the text that they are, if they are UTF-8."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _is_there(value: object) -> bool:
    """Return whether a value could be read at all."""
    return not isinstance(value, Unreadable)
