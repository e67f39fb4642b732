"""Every row format that a recipe may name: a format that joins is one import and one line here."""

from typing import Annotated

from pydantic import Field

from thinkmix.schemas.formats.alpaca import Alpaca
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.formats.capybara import Capybara
from thinkmix.schemas.formats.function_calling_chatml import FunctionCallingChatML
from thinkmix.schemas.formats.gemma import Gemma
from thinkmix.schemas.formats.glaive import Glaive
from thinkmix.schemas.formats.messages import Messages
from thinkmix.schemas.formats.natural_reasoning import NaturalReasoning
from thinkmix.schemas.formats.nemotron import Nemotron
from thinkmix.schemas.formats.oasst import OpenAssistant
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning
from thinkmix.schemas.formats.qa import QuestionAnswer
from thinkmix.schemas.formats.rendered import Rendered
from thinkmix.schemas.formats.s1k import S1K
from thinkmix.schemas.formats.sharegpt import ShareGPT
from thinkmix.schemas.formats.smolagents import SmolAgents
from thinkmix.schemas.formats.tool_calling_mix import ToolCallingMix
from thinkmix.schemas.formats.toolace import ToolACE
from thinkmix.schemas.formats.ultrachat import UltraChat
from thinkmix.schemas.formats.xlam import XLAM

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
    | UltraChat
    | Auto,
    Field(discriminator="type"),
]
"""Every format that a recipe may name."""
