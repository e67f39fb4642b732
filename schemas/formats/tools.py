"""Tool definitions and calls, as sets write them and as every OpenAI-compatible server shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.findings import Notes
from schemas.formats.fields import parsed
from schemas.reasons import Reason
from schemas.record import fault, json_text

TOOL_COLUMNS = ("tools", "functions")
"""Columns of tool definitions, the older name of OpenAI's API last."""

_CALL_KEYS = frozenset(("name", "arguments", "parameters", "function", "type", "id", "index", "call_id"))
_ARGUMENTS = ("arguments", "parameters")


def read_tools(value: object) -> list[dict[str, Any]]:
    """Return tool definitions, each as `{"type": "function", "function": …}`.

    A bare function is wrapped as a server wraps it, one object is a list of one, JSON text is parsed once,
    and so is each text in a list of texts; null, blank text, `"null"`, `{}` and `[]` mean none.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    listed = parsed(value, Reason.TOOLS_INVALID)
    if not listed and (listed is None or isinstance(listed, Mapping | list | tuple)):
        return []
    if isinstance(listed, Mapping):
        listed = [listed]
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes):
        raise fault(Reason.TOOLS_INVALID, f"not a list of objects: {str(value)[:80]!r}")
    return [_definition(item) for item in listed]


def _definition(value: object) -> dict[str, Any]:
    tool = parsed(value, Reason.TOOLS_INVALID)
    if not isinstance(tool, Mapping):
        raise fault(Reason.TOOLS_INVALID, f"not an object: {str(value)[:80]!r}")
    function = tool.get("function")
    if isinstance(function, str):
        function = parsed(function, Reason.TOOLS_INVALID)
    if isinstance(function, Mapping):
        return (
            {"type": "function", **tool, "function": function}
            if "type" not in tool
            else {**tool, "function": function}
        )
    if not isinstance(tool.get("name"), str):
        raise fault(Reason.TOOLS_INVALID, f"a tool without a name: {str(value)[:80]!r}")
    return {
        "type": "function",
        "function": {key: item for key, item in tool.items() if not (key == "type" and item == "function")},
    }


def tool_name(tool: Mapping[str, Any]) -> str | None:
    """Return the name of a definition that `read_tools` returned."""
    function = tool.get("function")
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else None


def read_calls(value: object, where: str, notes: Notes) -> list[dict[str, Any]]:
    """Return the calls of one turn: one or a list of them, as objects or as JSON text.

    Raises:
        PydanticCustomError: `tool_call_invalid` for what is not a name and an object of arguments.
    """
    if value is None or value in ("", []):
        return []
    listed = parsed(value, Reason.TOOL_CALL_INVALID)
    items = listed if isinstance(listed, list | tuple) and listed else [listed]
    return [read_call(item, where, notes) for item in items]


def read_call(value: object, where: str, notes: Notes) -> dict[str, Any]:
    """Return {name, arguments, id} of a call that is JSON text, an object, or wrapped in `function`.

    Arguments that are null, blank text or `"null"` mean none; JSON text is parsed once.
    """
    call = parsed(value, Reason.TOOL_CALL_INVALID)
    identity = call.get("id") if isinstance(call, Mapping) else None
    if isinstance(call, Mapping) and call.get("function"):
        _leave_rest(call, where, notes)
        call = parsed(call["function"], Reason.TOOL_CALL_INVALID)
    name = call.get("name") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(name, str) or not name:
        raise fault(Reason.TOOL_CALL_INVALID, f"no name in {str(value)[:80]!r}")
    if json_text(name) != f'"{name}"':  # the template prints it between quotes as it is
        raise fault(Reason.TOOL_CALL_INVALID, f"the name {name[:40]!r} would need escapes")
    _leave_rest(call, where, notes)
    found: dict[str, Any] = {"name": name, "arguments": _arguments(call, name)}
    if isinstance(identity, str) and identity:
        found["id"] = identity
    return found


def _arguments(call: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    stated = next((call[key] for key in _ARGUMENTS if call.get(key) is not None), None)
    if stated is None or (isinstance(stated, str) and stated.strip() in ("", "null")):
        return {}
    arguments = parsed(stated, Reason.TOOL_CALL_INVALID)
    if not isinstance(arguments, Mapping):
        raise fault(Reason.TOOL_CALL_INVALID, f"arguments of {name[:40]!r} are not an object")
    return arguments


def _leave_rest(call: Mapping[str, Any], where: str, notes: Notes) -> None:
    for key, value in call.items():
        if key not in _CALL_KEYS:
            notes.leave(f"{where}.{key}", value)
