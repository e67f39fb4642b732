"""function-calling-chatml: Glaive's chats as a list of turns, and a system turn that lists the functions."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.chat import ListedChat
from thinkmix.schemas.formats.contract import Column, Draft, Layout, Row
from thinkmix.schemas.formats.fields import optional_text
from thinkmix.schemas.formats.prompts import definitions_at
from thinkmix.schemas.formats.sample import most, objects
from thinkmix.schemas.formats.turns import TurnFormat
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault

_CALL, _RESPONSE = "function-call", "function-response"


class FunctionCallingChatML(TurnFormat):
    """Turns of `function-call` and `function-response`, as function-calling-chatml has them.

    The system turn lists the functions. The prompt and the functions are also in separate columns,
    which are read if no turn has them.
    """

    sets: ClassVar[tuple[str, ...]] = ("Locutusque/function-calling-chatml",)
    column: ClassVar[str] = "conversations"

    type: Literal["function_calling_chatml"] = "function_calling_chatml"
    """Name of the format."""
    conversations: Column = "conversations"
    """Column of the turns."""
    prompt: Column = "system_message"
    """Column of the system prompt without the functions; may be absent."""
    functions: Column = "function_description"
    """Column of the functions, objects of JSON one after another; may be absent."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "FunctionCallingChatML | None":
        """Return the format if its columns are there, or its speakers."""
        told = most(
            [{"system_message", "function_description", "conversations"} <= row.keys() for row in rows]
        )
        turns = (turn for row in rows for turn in objects(row.get("conversations")))
        return cls() if told or any(turn.get("from") in (_CALL, _RESPONSE) for turn in turns) else None

    def columns(self) -> frozenset[str]:
        """Return the columns that are read in every row."""
        return super().columns() | {self.prompt, self.functions}

    def layout(self) -> Layout | None:
        """Return None: each row's system turn is read by itself."""
        return None

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the turns; prompt and functions of the columns where the turns do not say them."""
        draft = super().read(row, notes, unopened=unopened)
        if not draft.tools and (text := optional_text(row, self.functions, notes)):
            draft = draft._replace(tools=_definitions(text.strip()))
        said = [turn["role"] for turn in draft.messages]
        if "system" not in said and (prompt := optional_text(row, self.prompt, notes)):
            words = prompt.rstrip().removesuffix("-").rstrip() if draft.tools else prompt
            return draft._replace(messages=[{"role": "system", "content": words}, *draft.messages])
        return draft

    def _chat(self, notes: Notes, *, unopened: bool) -> ListedChat:
        return ListedChat(notes, answer_tag=self.answer_tag, unopened=unopened)


def _definitions(text: str) -> list[dict[str, Any]]:
    tools, end = definitions_at(text, 0, certain=True)
    if text[end:].strip():
        raise fault(Reason.TOOLS_INVALID, f"not a function: {text[end:][:80]!r}")
    return tools
