"""ShareGPT: conversations of from/value turns."""

from typing import ClassVar, Literal

from schemas.formats.contract import Column
from schemas.formats.turns import TurnFormat


class ShareGPT(TurnFormat):
    """Conversations of from/value turns: FineTome, FastChat, LLaMA-Factory, with or without tools."""

    sets: ClassVar[tuple[str, ...]] = (
        "llamafactory/glaive_toolcall_en",
        "NousResearch/hermes-function-calling-v1",
    )
    column: ClassVar[str] = "conversations"

    type: Literal["sharegpt"] = "sharegpt"
    """Name of the format."""
    conversations: Column = "conversations"
    """Column of the turns."""
