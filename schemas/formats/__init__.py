"""Row formats that a source may have, one file each; `contract` says what a format is.

Rows differ in how they are laid out, hardly in what they say: `fields` reads single values, `turns` lists of
turns, `tools` and `hermes` definitions and calls, and `chat` collects the turns.
"""

from typing import Annotated

from pydantic import Field

from schemas.formats.alpaca import Alpaca
from schemas.formats.contract import Column, Draft, Format, Layout, Row, TextColumn, TurnColumn
from schemas.formats.messages import Messages
from schemas.formats.openmathreasoning import OpenMathReasoning
from schemas.formats.sharegpt import ShareGPT

__all__ = [
    "Alpaca",
    "Column",
    "Draft",
    "Format",
    "Layout",
    "Messages",
    "OpenMathReasoning",
    "Row",
    "RowFormat",
    "ShareGPT",
    "TextColumn",
    "TurnColumn",
]

RowFormat = Annotated[OpenMathReasoning | ShareGPT | Alpaca | Messages, Field(discriminator="type")]
"""Every format that a recipe may name."""
