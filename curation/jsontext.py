"""JSON text of rows as Python objects: what JSON and the common writers of it say, or why it says nothing."""

import json
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic_core import PydanticCustomError

from schemas.reasons import Reason
from schemas.record import Unreadable, fault, parse_json


def read_json(text: str | bytes) -> object:
    """Return what JSON text says; NaN and infinities, which pandas and json.dumps write, are read as numbers.

    Halves of surrogate pairs stay in texts: they matter where the text is trained, and nowhere else. For the
    same reason a value of the outermost object that holds bytes which are not UTF-8 becomes `Unreadable`.

    Raises:
        PydanticCustomError: with the reason `bad_json` or `too_deep`.
    """
    try:
        return parse_json(text)
    except ValueError as error:
        return _read_more(text, str(error))


def is_json(text: bytes) -> bool:
    """Return whether text can be read."""
    try:
        read_json(text)
    except PydanticCustomError:
        return False
    return True


def plain_json(values: Mapping[str, Any]) -> str:
    """Return a row as JSON text for any reader: lone surrogates escaped, NaN as null. Never raises."""
    try:
        return orjson.dumps(values, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError):
        pass
    try:
        text = json.dumps(values, default=str)
        return json.dumps(json.loads(text, parse_constant=_null))
    except (TypeError, ValueError, RecursionError) as error:  # no file of ours can hold such a row
        return json.dumps({"unprintable": str(error)})


def _read_more(text: str | bytes, message: str) -> object:
    """Return what a more lenient parser reads; tell deep nesting from bad JSON."""
    try:
        found: object = json.loads(text.decode(errors="surrogatepass") if isinstance(text, bytes) else text)
    except RecursionError:
        raise fault(Reason.TOO_DEEP, "nested deeper than a parser can follow") from None
    except UnicodeDecodeError as error:
        return _without_bytes(error.object, message)
    except ValueError:
        raise fault(Reason.BAD_JSON, message) from None
    return found


def _without_bytes(text: bytes, message: str) -> object:
    """Return the object that text holds, with what stands for values that are not UTF-8."""
    try:
        found: object = json.loads(text.decode(errors="surrogateescape"))
    except (ValueError, RecursionError):
        raise fault(Reason.BAD_JSON, message) from None
    if not isinstance(found, dict) or not all(map(_is_utf8, found)):
        raise fault(Reason.BAD_JSON, message)
    spoiled = Unreadable(Reason.BAD_JSON, "it holds bytes that are not UTF-8")
    return {name: value if _is_utf8(value) else spoiled for name, value in found.items()}


def _is_utf8(value: object) -> bool:
    """Return whether no text in a value holds bytes that stand for themselves."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return False
    return not any("\udc80" <= char <= "\udcff" for char in text)


def _null(constant: str) -> None:
    """Return what NaN and infinities are in JSON."""
