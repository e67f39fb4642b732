"""ShareGPT: conversations of from/value turns."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.formats.contract import Column, Format, Row
from thinkmix.schemas.formats.turns import TurnFormat


class ShareGPT(TurnFormat):
    """Conversations of from/value turns: FineTome, FastChat, LLaMA-Factory, with or without tools.

    A turn named `input` is the system prompt. If an answer is in `<answer>` after its trace,
    `answer_tag` takes it out.
    """

    sets: ClassVar[tuple[str, ...]] = (
        "teknium/OpenHermes-2.5",
        "Open-Orca/SlimOrca",
        "Magpie-Align/Magpie-Pro-300K-Filtered",
        "maywell/koVast",
        "FreedomIntelligence/sharegpt-korean",
        "mlabonne/FineTome-100k",
        "open-thoughts/OpenThoughts3-1.2M",
        "a-m-team/AM-Thinking-v1-Distilled",
        "heegyu/open-korean-instructions-v20231020",
        "llamafactory/glaive_toolcall_en",
        "NousResearch/hermes-function-calling-v1",
    )
    remarks: ClassVar[Mapping[str, str]] = {
        "Open-Orca/SlimOrca": "`weight` of each turn",
        "FreedomIntelligence/sharegpt-korean": "one JSON array",
        "open-thoughts/OpenThoughts3-1.2M": "`<think>` inline",
        "a-m-team/AM-Thinking-v1-Distilled": "`<think>` inline, `answer_tag: answer`",
        "heegyu/open-korean-instructions-v20231020": "a turn named `input` is the system prompt",
    }
    generality: ClassVar[int] = 1
    column: ClassVar[str] = "conversations"

    type: Literal["sharegpt"] = "sharegpt"
    """Name of the format."""
    conversations: Column = "conversations"
    """Column of the turns."""

    @classmethod
    def candidates(cls, rows: Sequence[Row]) -> Sequence[Format]:
        """Return the format for the lists of turns whose speaker is named by `from`."""
        return cls._recognised(rows, lambda turn: turn.get("from") is not None)
