"""Tools, calls and responses in the text of turns: the Hermes form, which is also Qwen3's wire form.

Definitions stand between `<tools>` and `</tools>` in a system turn, calls between `<tool_call>` and
`</tool_call>` in an answer, responses between `<tool_response>` and `</tool_response>` in a turn of the tool
or the user (https://github.com/NousResearch/Hermes-Function-Calling, Qwen3's chat template).
"""

import json
from ast import literal_eval
from collections.abc import Mapping
from typing import Any
from warnings import catch_warnings, simplefilter

from schemas.findings import Notes
from schemas.formats.tools import read_call, read_tools
from schemas.reasons import Reason
from schemas.record import MAX_DEPTH, depth, fault

_TOOLS, _TOOLS_END = "<tools>", "</tools>"
_CALL, _CALL_END = "<tool_call>", "</tool_call>"
_RESPONSE, _RESPONSE_END = "<tool_response>", "</tool_response>"
_TAGS = (_TOOLS, _TOOLS_END, _CALL, _CALL_END, _RESPONSE, _RESPONSE_END)
_MENTIONS = 8
"""How often the tags may be spoken of before definitions stand between them."""

_QWEN_BEFORE = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n"
)
"""What Qwen3's template prints before the definitions, as `templates.turns.TOOLS_OPEN` writes it again."""


def split_tools(text: str) -> tuple[str, list[dict[str, Any]]]:
    """Return a system text without its tool definitions, and the definitions; all of it if there are none.

    The lines that explain the form of a call, which hold its tags, go with the definitions: the template
    prints its own explanation. All other lines stay.
    """
    start, end, tools = _block(text)
    if not tools:
        return text, []
    before = text[:start]
    before = before.removesuffix(_QWEN_BEFORE) if before.endswith(_QWEN_BEFORE) else _without_tags(before)
    after = _without_tags(text[end:])
    return "\n".join(part for part in (before.strip("\n"), after.strip("\n")) if part.strip()), tools


def _block(text: str) -> tuple[int, int, list[dict[str, Any]]]:
    """Return where the tags with definitions between them start and end, and the definitions."""
    start = text.find(_TOOLS)
    for _ in range(_MENTIONS):
        begin = start + len(_TOOLS)
        end = text.find(_TOOLS_END, begin) if start >= 0 else -1
        if end < 0:
            break
        if tools := _definitions(text[begin:end]):
            return start, end + len(_TOOLS_END), tools
        start = text.find(_TOOLS, begin)
    return 0, 0, []


def _definitions(text: str) -> list[dict[str, Any]]:
    """Return the definitions in a text: JSON or a literal of Python, as a whole or line by line."""
    text = text.strip()
    if not text.startswith(("[", "{")):
        return []
    try:
        return read_tools(_literal(text))
    except ValueError:
        pass
    return [tool for line in text.splitlines() if line.strip() for tool in read_tools(_literal(line.strip()))]


def _literal(text: str) -> object:
    """Return what JSON text says, or a literal of Python, as which many sets write calls."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        with catch_warnings():
            simplefilter("ignore")  # odd escapes in somebody's text
            value: object = literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        msg = f"neither JSON nor a literal: {text[:80]!r}"
        raise ValueError(msg) from None
    if depth(value) > MAX_DEPTH:
        raise fault(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")
    return value


def _without_tags(text: str) -> str:
    """Return a text without the lines that hold a tag, and without those between a pair of tags."""
    kept, inside = [], False
    for line in text.split("\n"):
        opened, closed = (sum(map(line.count, tags)) for tags in (_TAGS[::2], _TAGS[1::2]))
        if not inside and not opened and not closed:
            kept.append(line)
        inside = (inside or opened > closed) and not closed > opened
    return "\n".join(kept)


def split_calls(text: str, notes: Notes) -> tuple[str, list[dict[str, Any]]]:
    """Return an answer without the calls that it ends with, and the calls.

    Text that speaks of the tag without a call after it stays as it is.

    Raises:
        PydanticCustomError: `tool_call_invalid` for a call that is none, or text after a call.
    """
    said, opened, rest = text.partition(_CALL)
    if not opened or _CALL_END not in rest or not rest.lstrip().startswith("{"):
        return text, []
    calls = []
    for place, piece in enumerate(rest.split(_CALL)):
        stated, closed, after = piece.partition(_CALL_END)
        if not closed or after.strip():
            raise fault(
                Reason.TOOL_CALL_INVALID, f"call {place} of the text is not closed, or text follows it"
            )
        try:
            call = _literal(stated.strip())
        except ValueError as error:
            raise fault(Reason.TOOL_CALL_INVALID, f"call {place} of the text: {error}") from None
        if not isinstance(call, Mapping):
            raise fault(Reason.TOOL_CALL_INVALID, f"call {place} of the text is not an object")
        calls.append(read_call(call, "tool_call", notes))
    return said.rstrip("\n") if said.strip() else "", calls


def split_responses(text: str) -> list[str] | None:
    """Return the responses that a text holds and nothing besides, or None if it holds something else."""
    inside = text.strip()
    if not (inside.startswith(_RESPONSE) and inside.endswith(_RESPONSE_END)):
        return None
    found = []
    for piece in inside.split(_RESPONSE)[1:]:
        response, closed, after = piece.partition(_RESPONSE_END)
        if not closed or after.strip():
            return None
        found.append(response.strip("\n"))
    return found
