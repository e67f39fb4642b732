"""Row formats that a source may have, one file each; `contract` says what a format is.

Rows differ in how they are laid out, hardly in what they say: `fields` reads single values, `turns` lists of
turns, `tools`, `hermes`, `pythonic` and `prompts` definitions and calls, and `chat` collects the turns.
"""

from typing import Annotated

from pydantic import Field

from schemas.formats.alpaca import Alpaca
from schemas.formats.auto import Auto
from schemas.formats.capybara import Capybara
from schemas.formats.contract import Column, Draft, Format, Layout, Row, TextColumn, TurnColumn
from schemas.formats.function_calling_chatml import FunctionCallingChatML
from schemas.formats.gemma import Gemma
from schemas.formats.glaive import Glaive
from schemas.formats.messages import Messages
from schemas.formats.natural_reasoning import NaturalReasoning
from schemas.formats.nemotron import Nemotron
from schemas.formats.oasst import OpenAssistant
from schemas.formats.openmathreasoning import OpenMathReasoning
from schemas.formats.qa import QuestionAnswer
from schemas.formats.rendered import Rendered
from schemas.formats.s1k import S1K
from schemas.formats.sharegpt import ShareGPT
from schemas.formats.smolagents import SmolAgents
from schemas.formats.tool_calling_mix import ToolCallingMix
from schemas.formats.toolace import ToolACE
from schemas.formats.xlam import XLAM

__all__ = [
    "S1K",
    "XLAM",
    "Alpaca",
    "Auto",
    "Capybara",
    "Column",
    "Draft",
    "Format",
    "FunctionCallingChatML",
    "Gemma",
    "Glaive",
    "Layout",
    "Messages",
    "NaturalReasoning",
    "Nemotron",
    "OpenAssistant",
    "OpenMathReasoning",
    "QuestionAnswer",
    "Rendered",
    "Row",
    "RowFormat",
    "ShareGPT",
    "SmolAgents",
    "TextColumn",
    "ToolACE",
    "ToolCallingMix",
    "TurnColumn",
]

RowFormat = Annotated[
    OpenMathReasoning
    | ShareGPT
    | Alpaca
    | Messages
    | XLAM
    | Glaive
    | ToolACE
    | FunctionCallingChatML
    | ToolCallingMix
    | Gemma
    | SmolAgents
    | QuestionAnswer
    | S1K
    | NaturalReasoning
    | Nemotron
    | Capybara
    | OpenAssistant
    | Rendered
    | Auto,
    Field(discriminator="type"),
]
"""Every format that a recipe may name."""
