"""Valid rows as columns, for rules to read: their turns, and what the source says of each row.

No text becomes an object; tools and their calls, which columns cannot hold, are objects where rows have them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from thinkmix.curation.text.columns import Texts
from thinkmix.curation.text.text_kernels import Bytes, Flags, Offsets
from thinkmix.schemas.conversation import ROLES, Conversation, ToolCall
from thinkmix.schemas.record import JsonObject

Part = Literal["content", "reasoning"]
"""Which text of a turn: what is said, or the trace before it."""

PARTS: tuple[Part, ...] = ("content", "reasoning")


class TurnTable(NamedTuple):
    """The turns of n valid rows in their order; row and turn are places in this table."""

    first: Offsets
    """n + 1 places between which the turns of a row stand."""
    roles: Bytes
    """Place in `ROLES` of each turn's role."""
    content: Texts
    """What each turn says, UTF-8, as a conversation holds it; of a turn that only calls tools, empty."""
    reasoning: Texts
    """The trace of each turn; missing where a turn has no trace."""
    answers: Texts
    """What the source says that the answer of each row is; missing where it says nothing."""
    calls: Mapping[int, Sequence[ToolCall]]
    """The calls of each turn that calls tools."""
    tools: Mapping[int, Sequence[JsonObject]]
    """The definitions of each row that has tools."""

    @classmethod
    def of(cls, rows: Iterable[Conversation]) -> "TurnTable":
        """Return the turns of conversations."""
        listed = list(rows)
        turns = [turn for row in listed for turn in row.messages]
        return cls(
            first=np.append(0, np.cumsum([len(row.messages) for row in listed])).astype(np.int64),
            roles=np.array([ROLES.index(turn.role) for turn in turns], np.uint8),
            content=texts([turn.content for turn in turns]),
            reasoning=texts([turn.reasoning for turn in turns]),
            answers=texts([row.answer for row in listed]),
            calls={place: turn.tool_calls for place, turn in enumerate(turns) if turn.tool_calls},
            tools={place: row.tools for place, row in enumerate(listed) if row.tools},
        )

    def only(self, row: int) -> "TurnTable":
        """Return the table of one row alone."""
        first, last = self.first[row : row + 2].tolist()
        return TurnTable(
            first=np.array([0, last - first], np.int64),
            roles=self.roles[first:last],
            content=_part_of(self.content, first, last),
            reasoning=_part_of(self.reasoning, first, last),
            answers=_part_of(self.answers, row, row + 1),
            calls={turn - first: made for turn, made in self.calls.items() if first <= turn < last},
            tools={0: self.tools[row]} if row in self.tools else {},
        )

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.first) - 1

    @property
    def row(self) -> Offsets:
        """The row of each turn."""
        return np.repeat(np.arange(self.rows), np.diff(self.first))

    def said_by(self, role: str) -> Flags:
        """Return which turns are of a role."""
        said: Flags = self.roles == ROLES.index(role)
        return said

    def texts(self, part: Part) -> Texts:
        """Return the texts of a part of all turns."""
        return self.content if part == "content" else self.reasoning

    def column(self, part: Part) -> pl.Series:
        """Return the texts of a part of all turns as a column; one that is missing is null."""
        texts = self.texts(part)
        buffers = pa.py_buffer(texts.offsets), pa.py_buffer(texts.data)
        column = pl.Series(pa.LargeStringArray.from_buffers(len(texts.missing), *buffers))
        return column.set(pl.Series(texts.missing), None)

    def text(self, turn: int, part: Part) -> bytes:
        """Return one text in UTF-8."""
        texts = self.texts(part)
        return texts.data[texts.offsets[turn] : texts.offsets[turn + 1]].tobytes()

    def answer(self, row: int) -> str | None:
        """Return what the source says that the answer of a row is; None if it says nothing."""
        if self.answers.missing[row]:
            return None
        start, end = self.answers.offsets[row], self.answers.offsets[row + 1]
        return self.answers.data[start:end].tobytes().decode(errors="replace")


def texts(values: Sequence[str | None]) -> Texts:
    """Return a column of texts."""
    encoded = [(value or "").encode() for value in values]
    offsets = np.append(0, np.cumsum([len(text) for text in encoded])).astype(np.int64)
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return Texts(data, offsets, np.array([value is None for value in values], np.bool_))


def _part_of(texts: Texts, first: int, last: int) -> Texts:
    """Return the texts from `first` to before `last`; their bytes stay where they are."""
    return Texts(texts.data, texts.offsets[first : last + 1], texts.missing[first:last])
