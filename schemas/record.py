"""The base class of every record, and the JSON object type that records share."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic_core import PydanticCustomError

from schemas.reasons import Reason

MAX_DEPTH = 64
"""Deepest nesting of lists and objects that a row may hold; deeper values crash other readers."""


_DIGITS = bytes(ord("0") if chr(code).isdigit() and code < 128 else code for code in range(256))
_LONG_INTEGER = b"0" * 20


class Record(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


@dataclass(frozen=True)
class Unreadable:
    """Stands for a value that a file holds and Python cannot: it matters only if somebody reads it."""

    reason: Reason
    detail: str
    shown: str = ""
    """The value as far as text can show it, where the file holds text."""

    def __str__(self) -> str:
        """Say what it is, where the row is shown."""
        return self.shown or f"… {self.detail}"


def fault(reason: Reason, detail: str) -> PydanticCustomError:
    """Return the error that a validator raises so that `reason` survives pydantic's collecting."""
    return PydanticCustomError(reason.value, "{detail}", {"detail": detail})


def json_text(value: object) -> str:
    """Return `value` as the JSON text that Qwen3's template prints: spaces, no escapes, key order kept.

    Raises:
        ValueError: for NaN and infinities, which are not JSON.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def depth(value: object) -> int:
    """Return how deep lists and objects are nested in `value`; a scalar has depth 0. Never recurses."""
    deepest, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list | tuple)]:
        deepest += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return deepest


def parse_json(text: str | bytes) -> object:
    """Return what JSON text says, integers beyond 64 bits with all their digits.

    Raises:
        ValueError: for what is not JSON: NaN, half of a surrogate pair, nesting without end.
    """
    value: object = orjson.loads(text)
    raw = text.encode() if isinstance(text, str) else text
    if _LONG_INTEGER not in raw.translate(_DIGITS):
        return value
    try:
        return json.loads(text)  # orjson has rounded an integer beyond 64 bits
    except RecursionError:  # it follows fewer levels than orjson
        raise fault(Reason.TOO_DEEP, "nested deeper than a parser can follow") from None


def _parse_json(value: object) -> object:
    return parse_json(value) if isinstance(value, str | bytes) else value


JsonObject = Annotated[
    Mapping[str, Any],
    BeforeValidator(_parse_json),
    PlainSerializer(json_text, return_type=str),
]
"""An open-ended JSON object: a mapping in Python, JSON text in a frame and in a dump."""
