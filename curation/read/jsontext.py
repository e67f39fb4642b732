"""JSON text of rows as Python objects: what JSON and the common writers of it say, or why it says nothing."""

import json
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic_core import PydanticCustomError

from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import MAX_DEPTH, Unreadable, depth, fault, parse_json

_CODES = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
_PLAIN = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS  # `Unreadable` is shown as text


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
        return orjson.dumps(values, default=str, option=_PLAIN).decode()
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
    """Return the object that text holds, with placeholders for values that are not UTF-8."""
    try:
        found: object = json.loads(text.decode(errors="surrogateescape"))
    except (ValueError, RecursionError):
        raise fault(Reason.BAD_JSON, message) from None
    if depth(found) > MAX_DEPTH:
        raise fault(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")
    if not isinstance(found, dict) or not all(map(_is_utf8, found)):
        raise fault(Reason.BAD_JSON, message)
    return {name: value if _is_utf8(value) else _spoiled(value) for name, value in found.items()}


def _spoiled(value: object) -> Unreadable:
    """Return the placeholder of a value with bytes that are not UTF-8, which are shown as codes."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = text.translate(_CODES).encode(errors="backslashreplace").decode()
    return Unreadable(Reason.BAD_JSON, "it holds bytes that are not UTF-8", shown)


def _is_utf8(value: object) -> bool:
    """Return whether no text in a value holds bytes that stand for themselves."""
    return not any("\udc80" <= char <= "\udcff" for char in json.dumps(value, ensure_ascii=False))


def _null(constant: str) -> None:
    """Return what NaN and infinities are in JSON."""
