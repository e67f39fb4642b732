"""A sample of rows, looked at: what `format: auto` recognises layouts by."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import states_something
from thinkmix.schemas.formats.contract import Row
from thinkmix.schemas.formats.fields import as_list


def most(fits: Collection[bool]) -> bool:
    """Return whether more than half of a sample's rows fit: it may hold rows that are broken."""
    return 2 * sum(fits) > len(fits)


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Return the columns of all rows, in the order that they come."""
    return list(dict.fromkeys(name for row in rows for name in row))


def filled_columns(rows: Sequence[Row]) -> list[str]:
    """Return the columns that say something in any row."""
    return list(dict.fromkeys(name for row in rows for name, value in row.items() if states_something(value)))


def find_column(rows: Sequence[Row], name: str) -> str | None:
    """Return the column of a name, or else the only one that has it in other letter case."""
    columns = columns_of(rows)
    if name in columns:
        return name
    alike = [column for column in columns if column.casefold() == name]
    return alike[0] if len(alike) == 1 else None


def are_text(rows: Sequence[Row], *columns: str) -> bool:
    """Return whether in most rows all of the columns hold text."""
    return most([all(is_said(row.get(column)) for column in columns) for row in rows])


def is_said(value: object) -> bool:
    """Return whether a value is text that is not blank."""
    return isinstance(value, str) and bool(value.strip())


def objects(value: object) -> Sequence[Mapping[str, Any]]:
    """Return a list of objects, in whichever way a file writes it; nothing for anything else."""
    if isinstance(value, str) and not value.lstrip().startswith(("[", "{")):
        return ()
    try:
        listed = as_list(value)
    except PydanticCustomError:
        return ()
    if not listed or not all(isinstance(item, Mapping) for item in listed):
        return ()
    return listed
