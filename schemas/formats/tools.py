"""Tool definitions and calls, as sets write them and as every OpenAI-compatible server shows them."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.fields import as_list, first_stated, parse_value
from thinkmix.schemas.formats.literals import NotLiteral, after_space, literal_at, read_literal
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault, json_text

TOOL_COLUMNS = ("tools", "functions")
"""Columns of tool definitions, the older name of OpenAI's API last."""

ANSWER_KEYS = ("tool_call_id", "call_id", "tool_use_id")
"""Keys of a response that hold the id of its call."""

_ID_KEYS = ("id", "call_id", "tool_call_id")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "kwargs")
_CALL_KEYS = frozenset(("name", "function", "type", "index", *_ID_KEYS))
_NONE = frozenset(("", "null", "None", "[]", "{}"))
_SCHEMAS = ("input_schema", "inputSchema")
_ANNOUNCED = "Calling tools:"
"""What smolagents writes before a list of calls."""

_UNREAD = "_raw"
"""Key under which converters put arguments that they could not read."""


def read_tools(value: object) -> list[dict[str, Any]]:
    """Return tool definitions, each as `{"type": "function", "function": …}`.

    A bare function is wrapped as a server wraps it, one object is a list of one, JSON text is parsed once,
    and so is each text in a list of texts; `datasets` may hold an object of lists. See `says_none`, too.
    """
    if says_none(value):
        return []
    listed = parse_value(value, Reason.TOOLS_INVALID)
    if says_none(listed):
        return []
    if isinstance(listed, Mapping):
        columns = None if is_call(listed) else as_list(listed)
        listed = [listed] if columns is None else columns
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes):
        raise fault(Reason.TOOLS_INVALID, f"not a list of objects: {str(value)[:80]!r}")
    return [_definition(item) for item in listed]


def _definition(value: object) -> dict[str, Any]:
    tool = parse_value(value, Reason.TOOLS_INVALID)
    if not isinstance(tool, Mapping):
        raise fault(Reason.TOOLS_INVALID, f"not an object: {str(value)[:80]!r}")
    function = tool.get("function")
    if isinstance(function, str):
        function = parse_value(function, Reason.TOOLS_INVALID)
    if isinstance(function, Mapping):
        kind = {} if "type" in tool else {"type": "function"}
        return {**kind, **tool, "function": _served(function)}
    if not isinstance(tool.get("name"), str):
        raise fault(Reason.TOOLS_INVALID, f"a tool without a name: {str(value)[:80]!r}")
    plain = {key: item for key, item in tool.items() if not (key == "type" and item == "function")}
    return {"type": "function", "function": _served(plain)}


def _served(function: Mapping[str, Any]) -> dict[str, Any]:
    """Return a function with its schema under `parameters`, an object even if it is stored as JSON text."""
    own = next((key for key in _SCHEMAS if "parameters" not in function and key in function), None)
    found = {("parameters" if key == own else key): item for key, item in function.items()}
    schema = found.get("parameters")
    if isinstance(schema, str) and schema.lstrip().startswith("{"):
        found["parameters"] = parse_value(schema, Reason.TOOLS_INVALID)
    return found


def tool_name(tool: Mapping[str, Any]) -> str | None:
    """Return the name of a definition that `read_tools` returned."""
    function = tool.get("function")
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else None


def read_calls(value: object, where: str, notes: Notes) -> list[dict[str, Any]]:
    """Return the calls of one turn: one or a list of them, as objects or as text, see `read_call_text`.

    Raises:
        PydanticCustomError: `tool_call_invalid` for what is not a name and an object of arguments.
    """
    if says_none(value):
        return []
    listed = read_call_text(value) if isinstance(value, str) else parse_value(value, Reason.TOOL_CALL_INVALID)
    if says_none(listed):
        return []
    items = listed if isinstance(listed, list | tuple) else [listed]
    return [read_call(item, where, notes) for item in items]


def says_none(value: object) -> bool:
    """Return whether a value of tools or calls is one of the words that files have for none.

    These are null, NaN, false, 0, blank text, `"null"`, `"None"`, and what is empty, or an object of nulls,
    as tables hold it.
    """
    if isinstance(value, str):
        return value.strip() in _NONE
    if isinstance(value, Mapping):
        return all(item is None for item in value.values())
    return not value or (isinstance(value, float) and isnan(value))


def is_call(value: object) -> bool:
    """Return whether a value is one call or definition, and not a list of them in one of its forms."""
    if not isinstance(value, Mapping):
        return False
    return isinstance(value.get("function"), str | Mapping) or isinstance(value.get("name"), str)


def read_call_text(text: str) -> object:
    """Return the call or the calls that a text states: JSON, a literal of Python, or JSON in Glaive's quotes.

    Raises:
        PydanticCustomError: `tool_call_invalid` for a text that is none of these.
    """
    text = text.strip().removeprefix(_ANNOUNCED)
    try:
        value = read_literal(text)
    except NotLiteral as error:
        value = _quoted_call(text.strip())
        if value is None:
            raise fault(Reason.TOOL_CALL_INVALID, f"{error}, in {text[:80]!r}") from None
    else:
        if isinstance(value, Mapping) and isinstance(value.get("arguments"), str):
            # as a literal of Python, JSON in single quotes has lost the backslashes of its own escapes
            value = _quoted_call(text.strip()) or value
    return parse_value(value, Reason.TOOL_CALL_INVALID) if not isinstance(value, str) else value


def _quoted_call(text: str) -> dict[str, Any] | None:
    """Return the call `{"name": "f", "arguments": '{"a": 1}'}`: JSON but for the quotes around its arguments.

    What stands between these quotes is JSON as it is, with apostrophes and all.
    """
    head, found, rest = text.partition('"arguments"')
    rest = rest.lstrip().removeprefix(":").strip()
    if not found or not rest.startswith("'") or not rest.endswith("}"):
        return None
    inside, closed, after = rest[1:-1].rpartition("'")
    if not closed or after.strip():
        return None
    try:
        call = read_literal(head.rstrip().removesuffix(",") + "}")
        arguments = read_literal(inside) if inside.strip() else {}
    except NotLiteral:
        return None
    return {**call, "arguments": arguments} if isinstance(call, Mapping) else None


def read_call(value: object, where: str, notes: Notes) -> dict[str, Any]:
    """Return {name, arguments, id} of a call that is JSON text, an object, or wrapped in `function`.

    Arguments that are null, blank text or `"null"` mean none; JSON text is parsed once.
    """
    call = parse_value(value, Reason.TOOL_CALL_INVALID)
    identity = stated_id(call, _ID_KEYS) if isinstance(call, Mapping) else None
    inner = call.get("function") if isinstance(call, Mapping) else None
    if isinstance(call, Mapping) and (isinstance(inner, Mapping) or (inner and not call.get("name"))):
        _leave_rest(call, where, notes, _ARGUMENTS)
        call = _wrapped(call)
    name = call.get("name") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(name, str) or not name:
        raise fault(Reason.TOOL_CALL_INVALID, f"no name in {str(value)[:80]!r}")
    if json_text(name) != f'"{name}"':  # the template prints it between quotes as it is
        raise fault(Reason.TOOL_CALL_INVALID, f"the name {name[:40]!r} would need escapes")
    stated = first_stated(call, _ARGUMENTS)
    _leave_rest(call, where, notes, (stated,))
    found: dict[str, Any] = {"name": name, "arguments": _arguments(call[stated] if stated else None, name)}
    if identity := identity or stated_id(call, _ID_KEYS):
        found["id"] = identity
    return found


def unite_calls(calls: Sequence[dict[str, Any]], more: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Return the calls of a turn that states them in two places; the same calls in both are made once."""
    stated, again = ([(call["name"], call["arguments"]) for call in listed] for listed in (calls, more))
    return calls if stated == again else [*calls, *more]


def joint_results(text: str) -> list[dict[str, str]]:
    """Return the results of several calls that one response lists: each with its text, tool and id.

    A text that is not a list of objects, each with the name of its tool or the id of its call, has none.
    """
    place = after_space(text, 0)
    if text[place : place + 1] != "[":
        return []
    found = []
    place = after_space(text, place + 1)
    while text[place : place + 1] == "{":
        try:
            value, end = literal_at(text, place)
        except ValueError:  # words, or nested too deep
            return []
        result = {"content": text[place:end]}
        if isinstance(value, Mapping) and isinstance(value.get("name"), str):
            result["named"] = value["name"]
        if isinstance(value, Mapping) and (answers := stated_id(value, ANSWER_KEYS)):
            result["answers"] = answers
        if len(result) == 1:
            return []
        found.append(result)
        place = after_space(text, end)
        if text[place : place + 1] == ",":
            place = after_space(text, place + 1)
    return found if text[place:].strip() == "]" else []


def stated_id(value: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """Return the id that an object has under one of the keys; a number is the same id as its text."""
    for key in keys:
        stated = value.get(key)
        if isinstance(stated, str | int) and not isinstance(stated, bool) and stated != "":
            return str(stated)
    return None


def _wrapped(call: Mapping[str, Any]) -> object:
    """Return what stands in `function`: the call, its JSON text, or its name beside its arguments."""
    inner = call["function"]
    beside = {key: call[key] for key in ("name", *_ARGUMENTS) if call.get(key) is not None}
    if isinstance(inner, str) and not inner.lstrip().startswith("{"):
        return {**beside, "name": inner}
    inner = parse_value(inner, Reason.TOOL_CALL_INVALID)
    if not isinstance(inner, Mapping) or first_stated(inner, _ARGUMENTS) is not None:
        return inner
    return {**beside, **{key: item for key, item in inner.items() if item is not None}}


def _arguments(stated: object, name: str) -> Mapping[str, Any]:
    if stated is None or (isinstance(stated, str) and stated.strip() in ("", "null")):
        return {}
    arguments = parse_value(stated, Reason.TOOL_CALL_INVALID)
    if not isinstance(arguments, Mapping):
        raise fault(Reason.TOOL_CALL_INVALID, f"arguments of {name[:40]!r} are not an object")
    if list(arguments) == [_UNREAD]:
        raise fault(Reason.TOOL_CALL_INVALID, f"arguments of {name[:40]!r} are text that their author left")
    return arguments


def _leave_rest(call: Mapping[str, Any], where: str, notes: Notes, arguments: Sequence[str | None]) -> None:
    """Note the keys of a call that nobody reads; of the names of arguments all but those that were read."""
    for key, value in call.items():
        if key not in _CALL_KEYS and key not in arguments:
            notes.leave(f"{where}.{key}", value)
