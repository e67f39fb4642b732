"""smolagents: the turns that answer a question, which stands in a column of its own."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.contract import Column, Draft, Layout, Row
from thinkmix.schemas.formats.fields import required_text
from thinkmix.schemas.formats.hermes import split_responses
from thinkmix.schemas.formats.roles import role_of
from thinkmix.schemas.formats.sample import is_said, most, objects
from thinkmix.schemas.formats.turns import SPEAKERS, TEXTS, TurnFormat

_LISTS = ("messages", "conversations", "conversation")
_QUESTIONS = ("original_question", "question", "prompt", "query", "task", "instruction")


class SmolAgents(TurnFormat):
    """Turns of an assistant and its tools, and the question beside them, as smolagents/toolcalling has them.

    Calls are in `<tool_call>`, as JSON or as dicts of Python. The question is put before the turns if
    none of them is the user's.
    """

    sets: ClassVar[tuple[str, ...]] = ("smolagents/toolcalling",)
    column: ClassVar[str] = "messages"

    type: Literal["smolagents"] = "smolagents"
    """Name of the format."""
    messages: Column = "messages"
    """Column of the turns."""
    question: Column = "original_question"
    """Column of the question."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "SmolAgents | None":
        """Return the format for the first list of turns without a user, beside a question in most rows."""
        for column in _LISTS:
            if most([_is_unasked(row.get(column)) for row in rows]):
                asked = (name for name in _QUESTIONS if most([is_said(row.get(name)) for row in rows]))
                question = next(asked, None)
                return None if question is None else cls(messages=column, question=question)
        return None

    def columns(self) -> frozenset[str]:
        """Return the columns that are read in every row."""
        return super().columns() | {self.question}

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        return super().turns(row) + bool(row.get(self.question))

    def layout(self) -> Layout | None:
        """Return None: the question stands among the turns, and not before them."""
        return None

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the turns, and the question behind the system turns before them."""
        draft = super().read(row, notes, unopened=unopened)
        roles = [turn["role"] for turn in draft.messages]
        if "user" in roles:
            return draft
        place = next((place for place, role in enumerate(roles) if role != "system"), len(roles))
        question = {"role": "user", "content": required_text(row, self.question, notes)}
        return draft._replace(messages=[*draft.messages[:place], question, *draft.messages[place:]])


def _is_unasked(value: object) -> bool:
    """Return whether a value is a list of turns with an answer and without a question."""
    turns = objects(value)
    roles = [_role(turn) for turn in turns]
    return "assistant" in roles and "user" not in roles and None not in roles


def _role(turn: Mapping[str, object]) -> str | None:
    speaker = next((name for key in SPEAKERS if isinstance(name := turn.get(key), str)), "")
    text = next((said for key in TEXTS if isinstance(said := turn.get(key), str)), "")
    role = role_of(speaker, {})
    return "tool" if role == "user" and split_responses(text) is not None else role
