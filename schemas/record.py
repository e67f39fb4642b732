"""The base class of every record, and the JSON object type that records share."""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc, getfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic_core import PydanticCustomError

from thinkmix.schemas.reasons import Reason

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core.core_schema import CoreSchema

MAX_DEPTH = 64
"""Deepest nesting of lists and objects that a row may hold; deeper values crash other readers."""


_DIGITS = bytes(ord("0") if chr(code).isdigit() and code < 128 else code for code in range(256))
_LONG_INTEGER = b"0" * 20


class Record(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> "JsonSchemaValue":
        """Describe each field by the docstring under it."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in descriptions(cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        return schema


Narrow = TypeVar("Narrow", bound=Record)


def narrow(record: Record, to: type[Narrow]) -> Narrow:
    """Return as much of a record as `to`, one of its bases, states."""
    return cast("Narrow", to.model_construct(**{name: getattr(record, name) for name in to.model_fields}))


@cache
def descriptions(model: type[BaseModel]) -> Mapping[str, str]:
    """Return the docstrings under the fields of a record, by field.

    Read when they are asked for: pydantic's `use_attribute_docstrings` reads the sources of all records in
    every process that imports them, which was most of the time that this took.
    """
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Record) and base is not Record:
            found |= _docstrings(getfile(base)).get(base.__name__, {})
    return {name: text for name, text in found.items() if name in model.model_fields}


@cache
def _docstrings(file: str) -> Mapping[str, Mapping[str, str]]:
    """Return the docstrings of the fields of all classes in a module, by class and field."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {
        node.name: {
            field.target.id: cleandoc(text.value.value)
            for field, text in pairwise(node.body)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        }
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }


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
