"""Where the offending characters of a dropped row stand in its raw text, as far as a few are to blame.

A row's `detail` speaks of a turn's text; what is shown is the raw row, where that text is a JSON string with
escapes, perhaps with a trace before it. So every string of the raw row is opened, the fault is looked for in
it, and what is found there is carried back to the characters that spell it.
"""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pydantic_core import PydanticCustomError

from thinkmix.curation.rules.contract import SHOWN
from thinkmix.schemas.conversation import CONTROL_TOKENS
from thinkmix.schemas.plain import plain
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.think import CLOSE, OPEN, split_think

Highlight = tuple[int, int]
"""Start and end, in characters."""

_Find = Callable[[str, str], Highlight | None]
"""Looks for a fault, given the detail, in one text."""

_CHARACTERS = ", characters "
_LONG = 10_000_000  # raw rows beyond this are only cut
_AT = " at character "
_QUOTED = (40, 80)
"""Characters of a value that details quote."""


class _String(NamedTuple):
    """A JSON string of a raw row: what it says, and where it stands between its quotes."""

    text: str
    start: int
    end: int


def find_highlight(reason: str, detail: str, content: str) -> Highlight | None:
    """Return where in `content` the offending characters are, if the reason is a matter of a few.

    Args:
        reason: why the row was dropped.
        detail: what validation said of it.
        content: the raw row as JSON text, or the line that could not be parsed.
    """
    if len(content) > _LONG:
        return None
    if reason == Reason.BAD_JSON:
        return _bad_json(detail, content)
    if reason == Reason.WRONG_TYPE and (found := _value(detail, content)):
        return found
    find = _FINDERS.get(reason, None if reason in list(Reason) else _marked_by_rule)
    if find is None:
        return None
    first = None
    for string in _strings(content):
        if (found := find(detail, string.text)) is None:
            continue
        place = _raw(content, string, found)
        if _stated(detail) in (None, found[0]):
            return place
        first = first or place  # the place that is stated counts from behind a trace, or from elsewhere
    return first


def _strings(content: str) -> Iterator[_String]:
    """Yield the strings of a JSON text, keys among them, in their order."""
    at = content.find('"')
    while at >= 0:
        end = content.find('"', at + 1)
        while end >= 0 and _is_escaped(content, end):
            end = content.find('"', end + 1)
        if end < 0:
            return
        if (text := _opened(content[at : end + 1])) is not None:
            yield _String(text, at + 1, end)
        at = content.find('"', end + 1)


def _is_escaped(content: str, place: int) -> bool:
    slashes = place
    while slashes and content[slashes - 1] == "\\":
        slashes -= 1
    return (place - slashes) % 2 == 1


def _opened(quoted: str) -> str | None:
    try:
        text = json.loads(quoted, strict=False)
    except ValueError:
        return None
    return text if isinstance(text, str) else None


def _raw(content: str, string: _String, highlight: Highlight) -> Highlight:
    """Return where in the raw text the characters `highlight` of a string are spelt."""
    if string.end - string.start == len(string.text):  # nothing is escaped
        return string.start + highlight[0], string.start + highlight[1]
    start = _spelt(content, string.start, highlight[0])
    return start, _spelt(content, start, highlight[1] - highlight[0])


def _spelt(content: str, at: int, characters: int) -> int:
    """Return where in the raw text the next `characters` of a string that starts at `at` end."""
    for _ in range(characters):
        size = _size(content, at)
        code = content[at + 2 : at + 6].lower() if size == 6 else ""
        pair = "d800" <= code < "dc00" and content[at + 6 : at + 8] == "\\u"
        if pair and "dc00" <= content[at + 8 : at + 12].lower() < "e000":
            size += 6  # a pair of surrogates spells one character
        at += size
    return at


def _size(content: str, at: int) -> int:
    if content[at] != "\\":
        return 1
    return 6 if content[at + 1] == "u" else 2


def _stated(detail: str) -> int | None:
    """Return the place that a detail states: `… at character 17 of content`."""
    number = detail.rpartition(_AT)[2].partition(" ")[0].rstrip(",")
    return int(number) if _AT in detail and number.isdecimal() else None


def _bad_json(detail: str, content: str) -> Highlight | None:
    """Return the character that a parser stumbled over: `…: line 1 column 5 (char 4)`."""
    number = detail.rpartition("(char ")[2].rstrip(")")
    if "(char " not in detail or not number.isdecimal() or not content:
        return None
    place = min(int(number), len(content) - 1)
    return place, place + 1


def _value(detail: str, content: str) -> Highlight | None:
    """Return the value that is of another type, with its name: `problem is int, not text`."""
    name, told, _ = detail.partition(" is ")
    if not told or not content.startswith("{"):
        return None
    key = json.dumps(name, ensure_ascii=False) + ":"
    start = content.find(key)
    if start < 0:
        return None
    at = start + len(key)
    while at < len(content) and content[at] == " ":
        at += 1
    try:
        _, end = json.JSONDecoder(strict=False).raw_decode(content, at)
    except (ValueError, RecursionError):
        return None
    return start, end


def _control_token(detail: str, text: str) -> Highlight | None:
    token = next((token for token in CONTROL_TOKENS if f"{token}{_AT}" in detail), None)
    return _found(text, token, detail) if token else None


def _character(detail: str, text: str) -> Highlight | None:
    """Return a character that is named by its number: `U+0000 at character 17`."""
    code = detail.rpartition("U+")[2].partition(" ")[0]
    try:
        return _found(text, chr(int(code, 16)), detail)
    except (ValueError, OverflowError):
        return None


def _surrogate(detail: str, text: str) -> Highlight | None:
    if "U+" in detail:
        return _character(detail, text)
    for place, character in enumerate(text):
        if "\ud800" <= character <= "\udfff":
            return place, place + 1
    return None


def _found(text: str, words: str, detail: str) -> Highlight | None:
    """Return where words stand: at the place that is stated, else where they are found first."""
    stated = _stated(detail)
    place = stated if stated is not None and text.startswith(words, stated) else text.find(words)
    return (place, place + len(words)) if place >= 0 else None


def _quoted(detail: str, text: str) -> Highlight | None:
    """Return a text that the detail quotes, as far as it does."""
    for most in _QUOTED:
        if text and repr(text[:most]) in detail:
            return 0, min(most, len(text))
    return None


def _marked_by_rule(detail: str, text: str) -> Highlight | None:
    """Return the words that a rule marks: `0.8: messages[1].content, characters 6 to 75: we go round`.

    They are counted in a turn's text or its trace, which one string of the raw row may hold together.
    """
    place, told, words = detail.partition(_CHARACTERS)[2].partition(": ")
    start, _, end = place.partition(" to ")
    if not told or not (start.isdecimal() and end.isdecimal()):
        return None
    for offset in _parts_of(text):
        found = offset + int(start), offset + int(end)
        if found[1] <= len(text) and plain(text[found[0] : found[1]], SHOWN) == words:
            return found
    return None


def _parts_of(text: str) -> Iterator[int]:
    """Yield where a turn's text may begin in a string: at its start, as its trace, or as the answer."""
    yield 0
    for tag in (OPEN, CLOSE):
        if (place := text.find(tag)) >= 0:
            inside = place + len(tag)
            yield inside + len(text[inside:]) - len(text[inside:].lstrip())
            yield inside


def _trace(_: str, text: str) -> Highlight | None:
    """Return the opening tag of a trace that should not be there at all."""
    place = text.find(OPEN)
    return (place, place + len(OPEN)) if place >= 0 else None


def _misplaced(reason: Reason) -> _Find:
    """Return what finds the tag that is to blame, in a text that is refused for this reason."""

    def find(_: str, text: str) -> Highlight | None:
        if "<" not in text:
            return None
        try:
            split_think(text)
        except PydanticCustomError as error:
            return _tag(reason, text) if error.type == reason else None
        return None

    return find


def _tag(reason: Reason, text: str) -> Highlight:
    opened, closed = text.find(OPEN), text.find(CLOSE)
    if reason == Reason.THINK_FOREIGN_TAG:
        start = len(text) - len(text.lstrip())
        return start, text.index(">", start) + 1
    if reason in (Reason.THINK_UNCLOSED, Reason.THINK_NOT_FIRST):
        return opened, opened + len(OPEN)
    if reason == Reason.THINK_NESTED:
        second = text.index(OPEN, opened + 1)
        return second, second + len(OPEN)
    if reason == Reason.THINK_REPEATED:
        after = closed + len(CLOSE)
        again = [(text.find(tag, after), len(tag)) for tag in (OPEN, CLOSE)]
        place, size = min(found for found in again if found[0] >= 0)
        return place, place + size
    return closed, closed + len(CLOSE)  # never opened, or followed by no answer


_FINDERS: dict[str, _Find] = {
    Reason.CONTROL_TOKEN: _control_token,
    Reason.CONTROL_CHAR: _character,
    Reason.NONCHARACTER: _character,
    Reason.BIDI_CONTROL: _character,
    Reason.LONE_SURROGATE: _surrogate,
    Reason.ROLE_UNKNOWN: _quoted,
    Reason.TOOL_CALL_INVALID: _quoted,
    Reason.TOOLS_INVALID: _quoted,
    Reason.WRONG_TYPE: _quoted,
    Reason.THINK_UNEXPECTED: _trace,
    **{
        reason: _misplaced(reason)
        for reason in (
            Reason.THINK_UNCLOSED,
            Reason.THINK_UNOPENED,
            Reason.THINK_REPEATED,
            Reason.THINK_NESTED,
            Reason.THINK_NOT_FIRST,
            Reason.THINK_FOREIGN_TAG,
            Reason.THINK_NO_ANSWER,
        )
    },
}
