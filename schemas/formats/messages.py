"""OpenAI-style messages."""

from typing import ClassVar, Literal

from schemas.formats.contract import Column
from schemas.formats.turns import TurnFormat


class Messages(TurnFormat):
    """OpenAI-style role/content messages: reasoning, tool calls, and content as text or typed parts."""

    column: ClassVar[str] = "messages"

    type: Literal["messages"] = "messages"
    """Name of the format."""
    messages: Column = "messages"
    """Column of the messages."""
