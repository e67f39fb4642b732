"""Parameters of tools that sets describe by names of Python types, as the JSON Schema that servers show."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.literals import NotLiteral, read_literal

_SIMPLE: Mapping[str, str] = {
    **dict.fromkeys(("str", "string", "text"), "string"),
    **dict.fromkeys(("int", "integer", "long"), "integer"),
    **dict.fromkeys(("float", "double", "number", "decimal"), "number"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
    **dict.fromkeys(("list", "array", "sequence", "iterable", "tuple", "set", "frozenset"), "array"),
    **dict.fromkeys(("dict", "object", "map", "mapping"), "object"),
    **dict.fromkeys(("none", "null", "nonetype"), "null"),
}
_LONGEST = 200
_DEEPEST = 8
_SCHEMA_KEYS = ("$ref", "$schema", "anyOf", "oneOf", "allOf")


class _Type(NamedTuple):
    schema: dict[str, Any]
    optional: bool = False


def as_schemas(tools: Sequence[Mapping[str, Any]], notes: Notes) -> list[dict[str, Any]]:
    """Return definitions whose flat parameters (`{name: {description, type, default}}`) are JSON Schema.

    A parameter is required unless it has a default or its type says that it is optional. Schemas stay as
    they are.
    """
    found = []
    for tool in tools:
        function = tool.get("function")
        parameters = function.get("parameters") if isinstance(function, Mapping) else None
        if isinstance(function, Mapping) and isinstance(parameters, Mapping) and not _is_schema(parameters):
            found.append({**tool, "function": {**function, "parameters": _schema(parameters, notes)}})
        else:
            found.append(dict(tool))
    return found


def _is_schema(parameters: Mapping[str, Any]) -> bool:
    if isinstance(parameters.get("type"), str | list) or any(key in parameters for key in _SCHEMA_KEYS):
        return True
    properties = parameters.get("properties")
    return isinstance(properties, Mapping) and all(isinstance(item, Mapping) for item in properties.values())


def _schema(parameters: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    properties, required = {}, []
    for name, stated in parameters.items():
        described = _described(stated)
        properties[name], optional = _property(described, notes)
        if not optional:
            required.append(name)
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def _described(stated: object) -> Mapping[str, Any]:
    """Return what is said of a parameter as an object; a single text is its type or its description."""
    if isinstance(stated, Mapping):
        return stated
    if isinstance(stated, str):
        return {"description" if _type(stated) is None else "type": stated}
    return {}


def _property(described: Mapping[str, Any], notes: Notes) -> tuple[dict[str, Any], bool]:
    """Return the schema of a parameter, and whether it may be left out."""
    found: dict[str, Any] = {}
    optional = "default" in described
    for key, value in described.items():
        if key == "type" and isinstance(value, str):
            stated = _type(value)
            notes.count(Finding.SCHEMA_TYPE, stated is None)
            found |= {"type": value} if stated is None else stated.schema
            optional = optional or (stated is not None and stated.optional)
        elif key in ("required", "optional") and isinstance(value, bool):
            optional = value if key == "optional" else not value
        else:
            found[key] = value
    return found, optional


def _type(text: str, level: int = 0) -> _Type | None:
    """Return what `List[int]`, `str, optional` and the like are in JSON Schema; None if it has no name."""
    if len(text) > _LONGEST or level > _DEEPEST:
        return None
    first, *more = _split(text, ",")
    words = [word.strip().casefold() for word in more]
    if not all(word == "optional" or word.startswith("default") for word in words):
        return None
    stated = _union(_split(first, "|"), level)
    return None if stated is None else stated._replace(optional=stated.optional or bool(words))


def _union(members: Sequence[str], level: int) -> _Type | None:
    """Return the type of a value that has one of several; that it may be null makes it optional."""
    types = [_single(member.strip(), level) for member in members]
    known = [one for one in types if one is not None]
    if len(known) < len(types):
        return None
    schemas = [one.schema for one in known if one.schema != {"type": "null"}]
    optional = len(schemas) < len(known) or any(one.optional for one in known)
    if len(schemas) == 1:
        return _Type(schemas[0], optional)
    if all(list(schema) == ["type"] and isinstance(schema["type"], str) for schema in schemas):
        return _Type({"type": list(dict.fromkeys(schema["type"] for schema in schemas))}, optional)
    return _Type({"anyOf": schemas}, optional)


def _single(text: str, level: int) -> _Type | None:
    plain = text.removeprefix("typing.")
    if plain.endswith("[]"):
        return _array([plain.removesuffix("[]")], level)
    if plain.casefold() in _SIMPLE:
        return _Type({"type": _SIMPLE[plain.casefold()]})
    if plain.casefold() == "any":
        return _Type({})
    head, opened, rest = plain.partition("[")
    return _generic(head.casefold(), _split(rest[:-1], ","), level) if opened and rest.endswith("]") else None


def _generic(head: str, inner: Sequence[str], level: int) -> _Type | None:
    """Return a type with others in brackets."""
    if head == "literal":
        return _literals(inner)
    if head in ("optional", "union"):
        stated = _union([*inner, *(["None"] if head == "optional" else [])], level + 1)
    elif _SIMPLE.get(head) == "array":
        stated = _array(inner, level)
    elif _SIMPLE.get(head) == "object" and len(inner) == 2:
        value = _type(inner[1].strip(), level + 1)
        schema = {"additionalProperties": value.schema} if value is not None and value.schema else {}
        stated = None if value is None else _Type({"type": "object", **schema})
    else:
        stated = None
    return stated


def _array(inner: Sequence[str], level: int) -> _Type | None:
    """Return a list; what its items are, if they are all the same."""
    items = [_type(item.strip(), level + 1) for item in inner if item.strip() not in ("...", "")]
    if None in items:
        return None
    schemas = [item.schema for item in items if item is not None]
    same = schemas and schemas[0] and all(schema == schemas[0] for schema in schemas)
    return _Type({"type": "array", "items": schemas[0]} if same else {"type": "array"})


def _literals(inner: Sequence[str]) -> _Type | None:
    try:
        values = [read_literal(item) for item in inner]
    except NotLiteral:
        return None
    kind = {"type": "string"} if all(isinstance(value, str) for value in values) else {}
    return _Type({**kind, "enum": values})


def _split(text: str, mark: str) -> list[str]:
    """Split a text at the marks that stand in no bracket."""
    parts, level = [""], 0
    for char in text:
        level += (char in "[(") - (char in "])")
        if char == mark and level <= 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts
