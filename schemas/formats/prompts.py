"""What system prompts say of tools: definitions that no tag encloses, and sentences on the form of calls.

Qwen3's template prints definitions and the form of a call itself. What a prompt says of another form, which
the row's calls no longer have once they are read, must not be trained beside it.
"""

from collections.abc import Mapping
from typing import Any

from thinkmix.schemas.formats.literals import after_space, literal_at
from thinkmix.schemas.formats.tools import read_tools

TAGS = (
    "<tools>",
    "</tools>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)
"""Tags of Qwen3's own form, opening and closing by turns."""

_FOREIGN_TAGS = ("<functioncall>", "<multiplefunctions>", "```tool_code", "```tool_call")
_PHRASES = (
    "pydantic model json schema",
    "return a json object with function name and arguments",
    "only return the function call in tools call sections",
    "should you decide to return the function call",
    "put it in the format of [",
    "no other text must be included",
    "respond with a python list of the function calls",
    "do not use markdown syntax",
    "do not use variables",
)
"""Of sentences on the form of calls, as the sets that write them otherwise than Qwen3 repeat them."""

_TRIES = 16
_DESCRIBING = ("parameters", "description", "input_schema", "arguments")
_ENDS = (". ", "! ", "? ")
_MARK = "\x00"


def split_definitions(text: str) -> tuple[str, list[dict[str, Any]]]:
    """Return a system prompt without the definitions that it lists, and these; all of it if it lists none.

    They are a list of objects, or objects one after another, as JSON or literals of Python; the dash or the
    full stop that belongs to the list goes with them.
    """
    start = -1
    for _ in range(_TRIES):
        start = _next_bracket(text, start + 1)
        if start < 0:
            break
        before = text[:start].rstrip()
        tools, end = ([], start) if before.endswith("[") else definitions_at(text, start)
        if tools:
            before = before.removesuffix("-").rstrip()
            after = text[end:].lstrip().removeprefix(".").strip()
            return "\n".join(part for part in (before, after) if part), tools
    return text, []


def definitions_at(text: str, start: int, *, certain: bool = False) -> tuple[list[dict[str, Any]], int]:
    """Return the definitions that stand one after another from a place of a text, and where they end.

    Args:
        text: the text.
        start: the place.
        certain: whether a name is enough to make an object a definition, and no description is asked for.
    """
    tools: list[dict[str, Any]] = []
    end = place = start
    while text[place : place + 1] in ("{", "["):
        try:
            value, place = literal_at(text, place)
        except ValueError:  # words, or nested too deep for a definition
            break
        listed = value if isinstance(value, list) else [value]
        if not listed or not all(_is_definition(item, certain=certain) for item in listed):
            break
        tools += read_tools(listed)
        end = place
        place = after_space(text, place)
        if text[place : place + 1] == ",":
            place = after_space(text, place + 1)
    return tools, end


def without_form(text: str) -> tuple[str, int]:
    """Return a system prompt without its sentences on the form of calls and traces, and how many these are.

    A sentence is one of them if it holds a tag of a call or trace, stands between a pair of such tags, shows
    a call as `[name(`, or says one of the phrases that the sets repeat.
    """
    if _MARK in text:  # refused later on, and not to be lost here
        return text, 0
    kept: list[str] = []
    dropped, inside = 0, False
    for line in text.split("\n"):
        sentences = []
        parts = _sentences(line)
        for part in parts:
            opened, closed = (sum(map(part.count, tags)) for tags in (TAGS[::2], TAGS[1::2]))
            if not inside and not opened and not closed and not _is_on_form(part):
                sentences.append(part)
            inside = (inside or opened > closed) and not closed > opened
        dropped += len(parts) - len(sentences)
        if len(sentences) == len(parts):
            kept.append(line)
        elif "".join(sentences).strip():
            kept.append("".join(sentences).rstrip())
    return ("\n".join(kept).strip(), dropped) if dropped else (text, 0)


def _next_bracket(text: str, start: int) -> int:
    """Return the next place where a list of objects or an object may begin."""
    places = [place for bracket in "[{" if (place := text.find(bracket, start)) >= 0]
    return min(places, default=-1)


def _is_definition(value: object, *, certain: bool) -> bool:
    if not isinstance(value, Mapping):
        return False
    if isinstance(value.get("function"), Mapping):
        return isinstance(value["function"].get("name"), str)
    return isinstance(value.get("name"), str) and (certain or any(key in value for key in _DESCRIBING))


def _sentences(line: str) -> list[str]:
    for end in _ENDS:
        line = line.replace(end, end + _MARK)
    return line.split(_MARK)


def _is_on_form(sentence: str) -> bool:
    plain = sentence.casefold()
    return (
        any(tag in plain for tag in _FOREIGN_TAGS)
        or any(phrase in plain for phrase in _PHRASES)
        or _shows_call(sentence)
    )


def _shows_call(sentence: str) -> bool:
    """Return whether a sentence holds a call in brackets: `[name(`."""
    for piece in sentence.split("[")[1:]:
        name, opened, _ = piece.partition("(")
        if opened and name.isidentifier():
            return True
    return False
