"""Tools, calls and responses in the text of turns: the Hermes form, which is also Qwen3's wire form.

Definitions stand between `<tools>` and `</tools>` in a system turn, calls between `<tool_call>` and
`</tool_call>` in an answer, responses between `<tool_response>` and `</tool_response>` in a turn of the tool
or the user (https://github.com/NousResearch/Hermes-Function-Calling, Qwen3's chat template).
"""

from typing import Any

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.prompts import definitions_at, without_form
from thinkmix.schemas.formats.tools import read_calls
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault

_TOOLS, _TOOLS_END = "<tools>", "</tools>"
_CALL, _CALL_END = "<tool_call>", "</tool_call>"
_RESPONSE, _RESPONSE_END = "<tool_response>", "</tool_response>"
_MENTIONS = 8
"""How often the tags may be spoken of before definitions stand between them."""

_QWEN_BEFORE = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n"
)
"""What Qwen3's template prints before the definitions: `TOOLS_OPEN` of templates.chat.control_tokens."""

_QWEN_AFTER = (
    "For each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)
"""What it prints after them."""


def split_tools(text: str, notes: Notes) -> tuple[str, list[dict[str, Any]]]:
    """Return a system text without its tool definitions, and the definitions; all of it without definitions.

    The sentences that explain the form of a call go with the definitions: the template prints its own
    explanation. All others stay.
    """
    found: list[dict[str, Any]] = []
    parts: list[str] = []
    reached = 0
    while (block := _block(text, reached)) is not None:
        start, end, tools = block
        notes.count(Finding.TEXT_TOOLS)
        parts.append(text[reached:start].removesuffix(_QWEN_BEFORE))
        found += tools
        reached = end
    if not parts:
        return text, []
    parts.append(text[reached:].strip().removeprefix(_QWEN_AFTER))
    said = []
    for part in parts:
        kept, dropped = without_form(part)
        notes.count(Finding.CALL_FORM, dropped)
        said.append(kept.strip("\n"))
    return "\n".join(part for part in said if part.strip()), found


def _block(text: str, reached: int) -> tuple[int, int, list[dict[str, Any]]] | None:
    """Return where the next tags with definitions between them start and end, and the definitions.

    An empty list between the tags means that there are no tools.
    """
    start = text.find(_TOOLS, reached)
    for _ in range(_MENTIONS):
        begin = start + len(_TOOLS)
        end = text.find(_TOOLS_END, begin) if start >= 0 else -1
        if end < 0:
            break
        inside = text[begin:end].strip()
        tools, read = definitions_at(inside, 0, certain=True)
        if (tools and inside[read:].strip() in ("", ".")) or inside == "[]":
            return start, end + len(_TOOLS_END), tools
        start = text.find(_TOOLS, begin)
    return None


def split_calls(text: str, notes: Notes) -> tuple[str, list[dict[str, Any]]]:
    """Return an answer without the calls that it ends with, and the calls.

    Text that speaks of the tag without a call after it stays as it is.

    Raises:
        PydanticCustomError: `tool_call_invalid` for a call that cannot be parsed, or text after a call.
    """
    said, opened, rest = text.partition(_CALL)
    if not opened or not rest.lstrip().startswith(("{", "[")):
        return text, []
    calls = []
    for place, piece in enumerate(rest.split(_CALL)):
        stated, closed, after = piece.partition(_CALL_END)
        if not closed or after.strip() or not stated.strip():
            detail = f"call {place} of the text is empty or not closed, or text follows it"
            raise fault(Reason.TOOL_CALL_INVALID, detail)
        calls += read_calls(stated, "tool_call", notes)
    notes.count(Finding.TEXT_CALLS, len(calls))
    return said.rstrip(), calls


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
