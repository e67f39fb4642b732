"""ShareGPT: conversations of from/value turns."""

from typing import ClassVar, Literal

from schemas.formats.contract import Column
from schemas.formats.turns import TurnFormat


class ShareGPT(TurnFormat):
    """Conversations of from/value turns: FineTome, FastChat, LLaMA-Factory, with or without tools."""

    column: ClassVar[str] = "conversations"

    type: Literal["sharegpt"] = "sharegpt"
    """Name of the format."""
    conversations: Column = "conversations"
    """Column of the turns."""
