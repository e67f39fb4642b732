"""Single values of a raw row: what is read as text, number, list or object, and what is refused."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite, isnan
from typing import Any, NoReturn

from pydantic_core import PydanticCustomError

from thinkmix.schemas.conversation import is_clean
from thinkmix.schemas.findings import Finding, Notes, states_something
from thinkmix.schemas.formats.contract import Row
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import MAX_DEPTH, Unreadable, depth, fault

MEDIA = ("image", "images", "video", "videos", "audio", "audios")
"""Columns of what a model of text cannot see, although the row's text speaks of it."""


def refuse_media(row: Row, notes: Notes) -> None:
    """Refuse a row that comes with media: its answers would be learned blindly.

    Columns of media are read by that, whatever becomes of the row.
    """
    if row.keys().isdisjoint(MEDIA):
        return
    notes.read.update(MEDIA)
    for column in MEDIA:
        value = row.get(column)
        if states_something(value) and not is_nothing(value):
            raise fault(Reason.MEDIA, f"the column {column} is {type_name(value)}")


def required_text(row: Row, column: str, notes: Notes) -> str:
    """Return a column that must be text."""
    return as_text(row.get(column), column, notes)


def as_text(value: object, where: str, notes: Notes) -> str:
    r"""Return a value that must be text, with `\r\n` as the line break that it is."""
    if not isinstance(value, str):
        raise wrong_type(value, where, "text")
    if "\r\n" in value:
        notes.count(Finding.CRLF)
        return value.replace("\r\n", "\n")
    return value


def optional_text(row: Row, column: str, notes: Notes) -> str | None:
    """Return a column of text that may be absent: null, NaN, false, 0 and blank text mean that it is."""
    value = row.get(column)
    if is_nothing(value):
        return None
    text = as_text(value, column, notes)
    return text if text.strip() else None


def is_nothing(value: object) -> bool:
    """Return whether a value of a text column is one of the words that tables have for nothing."""
    if isinstance(value, float):
        return isnan(value) or value == 0
    return value is None or value is False or value == "" or (type(value) is int and value == 0)


def optional_number(row: Row, column: str, notes: Notes) -> float | None:
    """Return a column of numbers; other values are counted, and NaN is how a table says "none"."""
    value = row.get(column)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        notes.count(Finding.SCORE_UNUSABLE)
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def optional_name(row: Row, key: str, notes: Notes) -> str | None:
    """Return the name that a row states; a value that no record may hold is counted and left out."""
    value = row.get(key)
    if value is None or (isinstance(value, str) and is_clean(value)):
        return value
    notes.count(Finding.VALUE_UNUSABLE)
    return None


def required_list(row: Row, column: str) -> Sequence[Any]:
    """Return a column that must be a list: as such, as JSON text, or as an object of equally long lists."""
    found = as_list(row.get(column))
    if found is None:
        raise wrong_type(row.get(column), column, "a list")
    return found


def as_list(value: object) -> Sequence[Any] | None:
    """Return a list in one of the ways that files write it, None for anything else.

    Datasets stores a list of objects as an object of lists; CSV files and many sets on hubs hold JSON text.
    """
    if isinstance(value, str):
        value = parse_value(value, Reason.WRONG_TYPE)
    if isinstance(value, Mapping):
        columns = {key: each for key, each in value.items() if each is not None}
        lists = [each for each in columns.values() if isinstance(each, list | tuple)]
        if not lists or len(lists) != len(columns) or len({len(each) for each in lists}) != 1:
            return None
        return [dict(zip(columns, each, strict=True)) for each in zip(*lists, strict=True)]
    return value if isinstance(value, list | tuple) else None


def list_length(value: object) -> int:
    """Return how many turns a value holds as far as one sees without parsing it."""
    if isinstance(value, Mapping):
        value = next(iter(value.values()), None)
    return len(value) if isinstance(value, list | tuple) else 0


def as_object(value: object, where: str) -> Row:
    """Return a value that must be an object."""
    if not isinstance(value, Mapping):
        raise wrong_type(value, where, "an object")
    return value


def first_stated(row: Row, keys: Sequence[str]) -> str | None:
    """Return the first of the keys whose value is there; columns of a table are null where a row has none."""
    for key in keys:
        if row.get(key) is not None:
            return key
    return None


def parse_value(value: object, reason: Reason) -> object:
    """Return `value`, parsed once if it is JSON text; refuse what is too deep, or too long an integer."""
    if isinstance(value, str):
        try:
            # not orjson, which would round integers beyond 64 bits instead of leaving them to be refused
            value = json.loads(value, parse_constant=_not_json)
        except ValueError as error:
            raise fault(reason, f"not JSON ({error}): {str(value)[:80]!r}") from None
        except RecursionError:
            raise fault(Reason.TOO_DEEP, "nested deeper than a parser can follow") from None
    if depth(value) > MAX_DEPTH:
        raise fault(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")
    _refuse_long_integers(value)
    return value


def wrong_type(value: object, where: str, wanted: str) -> PydanticCustomError:
    """Return the fault of a value that is not what is wanted, or that nobody can read at all."""
    if isinstance(value, Unreadable):
        return fault(value.reason, f"{where}: {value.detail}")
    return fault(Reason.WRONG_TYPE, f"{where} is {type_name(value)}, not {wanted}")


def type_name(value: object) -> str:
    """Return what a value is, in a word for people."""
    return "missing" if value is None else type(value).__name__


def _refuse_long_integers(value: object) -> None:
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, Mapping):
            rest += item.values()
        elif isinstance(item, list | tuple):
            rest += item
        elif isinstance(item, int) and not -(2**63) <= item < 2**64:
            raise fault(Reason.WRONG_TYPE, "an integer beyond 64 bits, which most readers of JSON round")


def _not_json(constant: str) -> NoReturn:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)
