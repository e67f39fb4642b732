"""OpenAI-style messages."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.formats.contract import Column, Format, Row
from thinkmix.schemas.formats.turns import TurnFormat

_ABOUT = frozenset(("reasoning_language", "is_reasoning_complete"))


class Messages(TurnFormat):
    """OpenAI-style role/content messages: reasoning, tool calls, and content as text or typed parts.

    The list may be stored as JSON text. A trace is in `<think>` before the answer, or beside the content
    (`thinking`, `reasoning_content`, …). A null prompt, which its owner withholds, drops the row.
    """

    sets: ClassVar[tuple[str, ...]] = (
        "HuggingFaceH4/ultrachat_200k",
        "allenai/tulu-3-sft-mixture",
        "HuggingFaceTB/smoltalk",
        "lmsys/lmsys-chat-1m",
        "open-r1/OpenR1-Math-220k",
        "HuggingFaceH4/Multilingual-Thinking",
        "nvidia/Nemotron-SFT-Instruction-Following-Chat-v3",
        "microsoft/orca-agentinstruct-1M-v1",
    )
    remarks: ClassVar[Mapping[str, str]] = {
        "lmsys/lmsys-chat-1m": "`messages: conversation`",
        "open-r1/OpenR1-Math-220k": "`<think>` inline",
        "HuggingFaceH4/Multilingual-Thinking": "`thinking` beside the content, null on user turns",
        "nvidia/Nemotron-SFT-Instruction-Following-Chat-v3": "`reasoning_content`; first prompts may be null",
        "microsoft/orca-agentinstruct-1M-v1": "the list as one JSON text",
    }
    generality: ClassVar[int] = 1
    column: ClassVar[str] = "messages"

    type: Literal["messages"] = "messages"
    """Name of the format."""
    messages: Column = "messages"
    """Column of the messages."""

    def columns(self) -> frozenset[str]:
        """Return the columns that are read in every row, and two of sets that only sound like a trace."""
        return super().columns() | _ABOUT

    @classmethod
    def candidates(cls, rows: Sequence[Row]) -> Sequence[Format]:
        """Return the format for the lists of turns whose speaker is not named by `from`."""
        return cls._recognised(rows, lambda turn: turn.get("from") is None)
