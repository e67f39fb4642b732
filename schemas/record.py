"""The two base classes of every record, and the JSON types that a frame keeps as text."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic_core import PydanticCustomError

from schemas.frame import JsonText
from schemas.reasons import Reason

MAX_DEPTH = 64
"""Deepest nesting of lists and objects that a row may hold; deeper values crash other readers."""


class Record(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


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


def _parse_json(value: object) -> object:
    return orjson.loads(value) if isinstance(value, str | bytes) else value


JsonObject = Annotated[
    Mapping[str, Any],
    BeforeValidator(_parse_json),
    PlainSerializer(json_text, return_type=str),
    JsonText,
]
"""An open-ended JSON object: a mapping in Python, JSON text in a frame and in a dump."""
