"""Row formats that a source may have, one file each; `contract` says what a format is.

Rows differ in how they are laid out, hardly in what they say: `fields` reads single values, `turns` lists of
turns, `tools` and `hermes` definitions and calls, and `chat` collects the turns.
"""

from typing import Annotated

from pydantic import Field

from schemas.formats.alpaca import Alpaca
from schemas.formats.auto import Auto
from schemas.formats.capybara import Capybara
from schemas.formats.contract import Column, Draft, Format, Layout, Row, TextColumn, TurnColumn
from schemas.formats.messages import Messages
from schemas.formats.natural_reasoning import NaturalReasoning
from schemas.formats.nemotron import Nemotron
from schemas.formats.oasst import OpenAssistant
from schemas.formats.openmathreasoning import OpenMathReasoning
from schemas.formats.qa import QuestionAnswer
from schemas.formats.rendered import Rendered
from schemas.formats.s1k import S1K
from schemas.formats.sharegpt import ShareGPT

__all__ = [
    "S1K",
    "Alpaca",
    "Auto",
    "Capybara",
    "Column",
    "Draft",
    "Format",
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
    "TextColumn",
    "TurnColumn",
]

RowFormat = Annotated[
    OpenMathReasoning
    | ShareGPT
    | Alpaca
    | Messages
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
