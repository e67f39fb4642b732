"""ToolACE: turns whose calls are written as Python, and a system text that lists the functions."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.chat import ListedChat
from thinkmix.schemas.formats.contract import Column, Layout, Row
from thinkmix.schemas.formats.prompts import split_definitions
from thinkmix.schemas.formats.sample import most, objects
from thinkmix.schemas.formats.turns import TurnFormat

_LOOKED_AT = 20


class ToolACE(TurnFormat):
    """Conversations of from/value turns with calls as `[Name(a=1), Other()]`, as ToolACE has them.

    The system text lists the functions as JSON; its sentences on the form of calls are left out.
    """

    sets: ClassVar[tuple[str, ...]] = ("Team-ACE/ToolACE",)
    column: ClassVar[str] = "conversations"

    type: Literal["toolace"] = "toolace"
    """Name of the format."""
    conversations: Column = "conversations"
    """Column of the turns."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "ToolACE | None":
        """Return the format if system texts list functions, and one of them is called as Python writes it."""
        if not most([_lists_functions(row.get("system")) for row in rows[:_LOOKED_AT]]):
            return None
        called = any(_calls(turn) for row in rows for turn in objects(row.get("conversations")))
        return cls() if called else None

    def layout(self) -> Layout | None:
        """Return None: each row's system text is read by itself."""
        return None

    def _chat(self, notes: Notes, *, unopened: bool) -> ListedChat:
        return ListedChat(notes, answer_tag=self.answer_tag, unopened=unopened, pythonic=True)


def _lists_functions(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(split_definitions(text)[1])
    except PydanticCustomError:
        return False


def _calls(turn: Mapping[str, object]) -> bool:
    value = turn.get("value")
    if turn.get("from") not in ("assistant", "gpt") or not isinstance(value, str):
        return False
    said = value.strip()
    return said.startswith("[") and said.endswith(")]")
