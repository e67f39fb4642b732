"""Calls that are written as Python: `[Name(a=1, b="x"), Other()]`, in brackets or in a block of code.

Names are those of the row's definitions, which may hold spaces and brackets, or identifiers. Arguments are
named, and their values are literals; nothing is evaluated.
"""

from collections.abc import Collection
from typing import Any, NamedTuple, NoReturn

from thinkmix.schemas.formats.literals import NotLiteral, after_space, literal_at
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault

_FENCE = "```"
_CALL_FENCES = ("tool_code", "tool_call", "tool_calls")
_CODE_FENCES = ("python", "py", "")
_LONGEST_NAME = 256
_IN_NAMES = frozenset("_.- ")
_NOT_IN_KEYS = frozenset("\"'()[]{},=\\ \t\r\n")


class _Place(NamedTuple):
    """Where an answer may hold its calls."""

    said: str
    """What stands before them."""
    code: str
    certain: bool
    """Whether they can be nothing else."""
    strange: bool
    """Whether names may be others than those of the definitions."""


def split_calls(text: str, names: Collection[str]) -> tuple[str, list[dict[str, Any]]]:
    """Return an answer without the calls that it ends with, and the calls; all of it if it calls nothing.

    Args:
        text: what the assistant says after its trace.
        names: names of the row's definitions.

    Raises:
        PydanticCustomError: `tool_call_invalid` for a call of a defined tool that cannot be parsed.
    """
    place = _place(text.strip(), names)
    if place is None:
        return text, []
    try:
        calls = _calls(place.code, names)
    except NotLiteral as error:
        if place.certain:
            raise fault(Reason.TOOL_CALL_INVALID, f"a call written as Python: {error}") from None
        return text, []
    if not place.strange and not all(call["name"] in names for call in calls):
        return text, []
    return place.said, calls


def _place(body: str, names: Collection[str]) -> _Place | None:
    """Return where calls may stand: in the last block of code, or from a line on that begins with `[`."""
    if body.endswith(_FENCE):
        said, opened, block = body[: -len(_FENCE)].rpartition(_FENCE)
        language, _, code = block.partition("\n")
        certain = language.strip() in _CALL_FENCES
        if not opened or not (certain or language.strip() in _CODE_FENCES):
            return None
        return _Place(said.rstrip(), code.strip(), certain, strange=certain)
    if body.startswith("["):
        return _Place("", body, _is_defined(body, names), strange=True)
    line = body.find("\n[")
    while line >= 0:
        if _is_defined(body[line + 1 : line + 2 * _LONGEST_NAME], names):
            return _Place(body[:line].rstrip(), body[line + 1 :], certain=True, strange=False)
        line = body.find("\n[", line + 1)
    return None


def _is_defined(code: str, names: Collection[str]) -> bool:
    """Return whether a list begins with a call of a defined tool."""
    try:
        name, _ = _name_at(code, after_space(code, 1), names)
    except NotLiteral:
        return False
    return name in names


def _calls(code: str, names: Collection[str]) -> list[dict[str, Any]]:
    """Return the calls of a list in brackets, or those that stand one after another."""
    found: list[dict[str, Any]] = []
    listed = code.startswith("[")
    place = _after_comma(code, 1 if listed else 0)
    while place < len(code) and not (listed and code[place] == "]"):
        name, place = _name_at(code, place, names)
        arguments, place = _arguments_at(code, place)
        found.append({"name": name, "arguments": arguments})
        place = _after_comma(code, place)
    if listed and code[place:].rstrip() != "]":
        _stop(f"{code[place : place + 40]!r} where the list should end")
    if not found:
        _stop("a list of nothing")
    return found


def _name_at(code: str, place: int, names: Collection[str]) -> tuple[str, int]:
    """Return the longest defined name before a bracket, or else an identifier, and where arguments begin."""
    best: tuple[str, int] | None = None
    bracket = code.find("(", place, place + _LONGEST_NAME)
    while bracket >= 0:
        name = code[place:bracket].rstrip()
        if name in names or (best is None and _is_name(name)):
            best = (name, bracket + 1)
        bracket = code.find("(", bracket + 1, place + _LONGEST_NAME)
    return best or _stop(f"no call at {code[place : place + 40]!r}")


def _is_name(name: str) -> bool:
    return name != "" and all(char.isalnum() or char in _IN_NAMES for char in name)


def _arguments_at(code: str, place: int) -> tuple[dict[str, object], int]:
    """Return named arguments, and where their bracket is closed; a comma between them may be missing."""
    found: dict[str, object] = {}
    place = after_space(code, place)
    while code[place : place + 1] != ")":
        equals = code.find("=", place, place + _LONGEST_NAME)
        key = code[place:equals].strip() if equals >= 0 else ""
        if not key or not _NOT_IN_KEYS.isdisjoint(key):
            _stop(f"no named argument at {code[place : place + 40]!r}")
        if key in found:
            _stop(f"the argument {key[:40]!r} stands there twice")
        found[key], place = literal_at(code, after_space(code, equals + 1))
        place = after_space(code, place)
        if code[place : place + 1] == ",":
            place = after_space(code, place + 1)
    return found, place + 1


def _after_comma(code: str, place: int) -> int:
    place = after_space(code, place)
    return after_space(code, place + 1) if code[place : place + 1] == "," else place


def _stop(detail: str) -> NoReturn:
    raise NotLiteral(detail)
