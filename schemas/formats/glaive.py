"""Glaive: a system text that lists functions, and a whole chat in one text with marks for its speakers."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.chat import Chat, ListedChat
from thinkmix.schemas.formats.contract import Column, Draft, Format, Row
from thinkmix.schemas.formats.fields import optional_text, required_text
from thinkmix.schemas.formats.literals import NotLiteral, literal_at
from thinkmix.schemas.formats.sample import is_said, most
from thinkmix.schemas.formats.tools import read_calls
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault

_SPEAKERS = {"USER:": "user", "ASSISTANT:": "assistant", "FUNCTION RESPONSE:": "tool"}
_SYSTEM = "SYSTEM:"
_END = "<|endoftext|>"
_CALL, _CALL_END = "<functioncall>", "</functioncall>"
_CALLS, _CALLS_END = "<multiplefunctions>", "</multiplefunctions>"
_CALL_TO = "AI to="
_BEFORE = 40


class Glaive(Format):
    """system/chat rows, as glaive-function-calling-v2 has them.

    The chat is one text of `USER:`, `ASSISTANT:` and `FUNCTION RESPONSE:` turns; a call is `<functioncall>`
    before an object whose arguments are in single quotes. The system text lists the functions.
    """

    sets: ClassVar[tuple[str, ...]] = ("glaiveai/glaive-function-calling-v2",)

    type: Literal["glaive"] = "glaive"
    """Name of the format."""
    chat: Column = "chat"
    """Column of the chat."""
    system: Column = "system"
    """Column of the system prompt; may be absent."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "Glaive | None":
        """Return the format if most rows have a chat that begins with its marks."""
        return cls() if most([_is_glaive(row) for row in rows]) else None

    def turns(self, row: Row) -> int:
        """Return how many turns the row states, as far as its marks tell."""
        text = row.get(self.chat)
        marks = sum(map(text.count, _SPEAKERS)) if isinstance(text, str) else 0
        return marks + bool(row.get(self.system))

    def columns(self) -> frozenset[str]:
        """Return the columns that are read."""
        return frozenset((self.chat, self.system))

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the turns of the chat; white space around a turn is the text's."""
        chat = ListedChat(notes, unopened=unopened)
        if text := optional_text(row, self.system, notes):
            chat.system(text.strip().removeprefix(_SYSTEM).strip())
        for role, said in _turns(required_text(row, self.chat, notes)):
            if role == "user":
                chat.user(said)
            elif role == "tool":
                chat.tool(said)
            else:
                _answer(chat, said)
        return chat.draft()


def _is_glaive(row: Row) -> bool:
    text = row.get("chat")
    if not isinstance(text, str) or "ASSISTANT:" not in text:
        return False
    return text.lstrip().startswith("USER:") and (is_said(row.get("system")) or _END in text)


def _turns(text: str) -> list[tuple[str, str]]:
    """Return role and text of each turn, without the mark that ends it.

    A mark of a speaker stands at the beginning of a line or after the end of a turn; only in a text that is
    one line, anywhere between words.
    """
    marks = _marks(text, anywhere=False)
    if "\n" not in text.strip() and all(mark != "ASSISTANT:" for _, mark in marks):
        marks = _marks(text, anywhere=True)
    if not marks or text[: marks[0][0]].strip():
        raise fault(Reason.WRONG_TYPE, "the chat does not begin with a speaker, such as 'USER:'")
    ends = [place for place, _ in marks[1:]] + [len(text)]
    found = []
    for (place, mark), end in zip(marks, ends, strict=True):
        said = text[place + len(mark) : end].strip()
        while said.endswith(_END):
            said = said.removesuffix(_END).rstrip()
        found.append((_SPEAKERS[mark], said))
    return found


def _marks(text: str, *, anywhere: bool) -> list[tuple[int, str]]:
    """Return place and words of each mark of a speaker."""
    found = []
    for mark in _SPEAKERS:
        place = text.find(mark)
        while place >= 0:
            before = text[max(0, place - _BEFORE) : place].rstrip(" \t")
            first = not before and place <= _BEFORE
            if first or before.endswith(("\n", _END)) or (anywhere and text[place - 1].isspace()):
                found.append((place, mark))
            place = text.find(mark, place + len(mark))
    return sorted(found)


def _answer(chat: Chat, text: str) -> None:
    """Add what the assistant says and calls; the calls alone continue what it said in the turn before."""
    said, calls = _split_calls(text, chat.notes)
    if calls and not said:
        chat.calls(calls, None)
    elif said or not calls:
        chat.assistant(said, calls=calls)


def _split_calls(text: str, notes: Notes) -> tuple[str, list[dict[str, Any]]]:
    """Return an answer without the calls that it ends with, and the calls.

    Raises:
        PydanticCustomError: `tool_call_invalid` for a call that cannot be parsed, or text after a call.
    """
    said, opened, rest = text.partition(_CALL)
    if opened:
        stated = [_stripped(piece) for piece in rest.split(_CALL)]
        calls = [call for piece in stated for call in read_calls(piece, "functioncall", notes)]
        said = said.rstrip().removesuffix(_CALLS)
    else:
        said, calls = _split_named_call(text, notes)
    notes.count(Finding.TEXT_CALLS, len(calls))
    return said.rstrip(), calls


def _stripped(call: str) -> str:
    """Return the text of a call without the tags and marks that may stand after it."""
    call = call.strip()
    for tag in (_END, _CALLS_END, _CALL_END, _END):
        call = call.removesuffix(tag).rstrip()
    if not call:
        raise fault(Reason.TOOL_CALL_INVALID, f"nothing after {_CALL}")
    return call


def _split_named_call(text: str, notes: Notes) -> tuple[str, list[dict[str, Any]]]:
    """Return an answer without its last line, if that is a call `AI to=name: {…}`, and the call."""
    place = 0 if text.startswith(_CALL_TO) else text.find(f"\n{_CALL_TO}") + 1
    if not text.startswith(_CALL_TO, place):
        return text, []
    name, colon, stated = text[place + len(_CALL_TO) :].partition(":")
    if not colon or not name.strip() or not stated.lstrip().startswith("{"):
        return text, []
    try:
        arguments, end = literal_at(stated.strip(), 0)
    except NotLiteral as error:
        raise fault(Reason.TOOL_CALL_INVALID, f"the call to {name[:40]!r}: {error}") from None
    if stated.strip()[end:].strip():
        return text, []
    call = {"name": name.strip(), "arguments": arguments}
    return text[:place], read_calls([call], "functioncall", notes)
