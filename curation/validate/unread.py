"""Unread fields of a table: the columns and the keys of turns that nobody reads, counted without objects."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thinkmix.curation.text.columns import column_of, field_of, flags, structs_of, texts_of
from thinkmix.curation.text.text_kernels import Flags
from thinkmix.schemas.findings import HARMLESS, Notes
from thinkmix.schemas.formats.contract import Layout, TurnColumn

_LISTS = (pa.types.is_list, pa.types.is_large_list)


def note_unread(
    rows: pa.RecordBatch, layout: Layout, known: frozenset[str], chosen: Flags, notes: Notes
) -> None:
    """Note the fields that some of a table's rows have and nothing reads, as `Notes.leave` does row by row.

    Args:
        rows: the table.
        layout: where its turns stand.
        known: columns that are read, or that say nothing of what is trained.
        chosen: the rows that are looked at.
        notes: takes the fields.
    """
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        if name not in known and name not in HARMLESS:
            _note(name, column, chosen, notes)
    for place in layout.turns:
        if isinstance(place, TurnColumn):
            _note_keys(rows, place, chosen, notes)


def _note_keys(rows: pa.RecordBatch, place: TurnColumn, chosen: Flags, notes: Notes) -> None:
    column = column_of(rows, place.name)
    turns = None if column is None else structs_of(column)
    if column is None or turns is None:
        return
    read = {*place.speaker, *place.text, *place.empty, *place.marks, *place.known}
    rest = [field.name for field in turns.type if field.name not in read]
    if rest:
        of_turn = np.repeat(chosen, np.diff(column.offsets.to_numpy()))
        for name in rest:
            if (field := field_of(turns, name)) is not None:
                _note(f"{place.name}[].{name}", field, of_turn, notes)


def _note(path: str, column: pa.Array, chosen: Flags, notes: Notes) -> None:
    places = np.flatnonzero(_stating(column) & chosen)
    if len(places):
        notes.leave_many(path, len(places), column[int(places[0])].as_py())


def _stating(column: pa.Array) -> Flags:
    """Return which values are more than a word for nothing, see `states_something`."""
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):  # UTF-8 is text to those who read rows
        column = column.view(pa.string() if pa.types.is_binary(kind) else pa.large_string())
    if (texts := texts_of(column)) is not None:
        return texts.filled & ~texts.blank
    if pa.types.is_struct(kind):
        stating = np.zeros(len(column), np.bool_)
        for place in range(kind.num_fields):
            stating |= _stating(column.field(place))
        return stating & flags(column.is_valid())
    there = flags(column.is_valid())
    if any(test(kind) for test in _LISTS):
        return there & flags(pc.fill_null(pc.greater(pc.list_value_length(column), 0), False))
    if pa.types.is_floating(kind):
        return there & ~flags(pc.fill_null(pc.is_nan(column), False))
    return there
