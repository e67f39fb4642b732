"""Gemma: a whole chat in one text with Gemma's marks, and calls that are written as Python."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.chat import ListedChat
from thinkmix.schemas.formats.contract import Column, Draft, Format, Row
from thinkmix.schemas.formats.fields import required_text
from thinkmix.schemas.formats.roles import role_of
from thinkmix.schemas.formats.sample import columns_of, most
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault

_BEGIN, _EOS = "<bos>", "<eos>"
_START, _END = "<start_of_turn>", "<end_of_turn>"


class Gemma(Format):
    """A text rendered for Gemma: `<start_of_turn>user … <end_of_turn>`, with or without tools.

    The system turn lists the functions as JSON, or, without one, the first turn of the user; calls are
    `[name(a=1)]`, in a block of code or bare, and responses are in `<tool_response>` in a turn of the user.
    """

    sets: ClassVar[tuple[str, ...]] = ("ZeroAgency/gemma3-pythonic-function-tool-calling-v1",)

    type: Literal["gemma"] = "gemma"
    """Name of the format."""
    text: Column = "conversation"
    """Column of the text."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "Gemma | None":
        """Return the format for the first column whose text has Gemma's marks in most rows."""
        for column in columns_of(rows):
            if most([_START in text for row in rows if isinstance(text := row.get(column), str)] or [False]):
                return cls(text=column)
        return None

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        text = row.get(self.text)
        return text.count(_START) if isinstance(text, str) else 0

    def columns(self) -> frozenset[str]:
        """Return the columns that are read."""
        return frozenset((self.text,))

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the turns of the text; white space around a turn is the rendering's."""
        chat = ListedChat(notes, unopened=unopened, pythonic=True)
        for role, said in _turns(required_text(row, self.text, notes)):
            if role == "system":
                chat.system(said)
            elif role == "user":
                chat.user(said if chat.messages else chat.without_definitions(said))
            elif role == "tool":
                chat.tool(said)
            else:
                chat.assistant(said)
        return chat.draft()


def _turns(text: str) -> list[tuple[str, str]]:
    """Return role and text of each turn, but for an empty one that was still to be written.

    Raises:
        PydanticCustomError: `wrong_type` for a text that is not one of Gemma's, or is cut off.
    """
    before, *pieces = text.split(_START)
    if not pieces or before.strip().removeprefix(_BEGIN).strip():
        raise fault(Reason.WRONG_TYPE, f"the text does not begin with {_START}")
    found = []
    for place, piece in enumerate(pieces):
        inside, closed, after = piece.partition(_END)
        name, _, said = inside.partition("\n")
        role = role_of(name, {})
        if role not in ("system", "user", "assistant", "tool"):
            raise fault(Reason.ROLE_UNKNOWN, f"turn {place} is spoken by {name[:40]!r}")
        if closed and after.strip().removeprefix(_EOS).strip():
            raise fault(Reason.WRONG_TYPE, f"text stands after turn {place}")
        if not closed and (said.strip() or place + 1 < len(pieces)):
            raise fault(Reason.WRONG_TYPE, f"turn {place} is cut off: no {_END}")
        if closed or said.strip():
            found.append((role, said.strip()))
    return found
