"""Alpaca: an instruction, its material, and the answer, each in a column."""

from collections.abc import Sequence
from typing import Literal

from schemas.findings import Notes
from schemas.formats.chat import Chat
from schemas.formats.contract import Column, Draft, Format, Layout, Row, TextColumn
from schemas.formats.fields import (
    as_list,
    as_text,
    is_nothing,
    list_length,
    optional_number,
    optional_text,
    required_text,
    type_name,
)
from schemas.formats.turns import TRACES, is_trace
from schemas.reasons import Reason
from schemas.record import fault


class Alpaca(Format):
    """instruction/input/output rows, with an optional system prompt, trace, and history of answered turns."""

    type: Literal["alpaca"] = "alpaca"
    """Name of the format."""
    instruction: Column = "instruction"
    """Column of the request."""
    input: Column = "input"
    """Column of the material that the request speaks of; may be absent or empty."""
    output: Column = "output"
    """Column of the answer."""
    system: Column = "system"
    """Column of a system prompt; may be absent."""
    history: Column = "history"
    """Column of earlier [question, answer] pairs; may be absent."""
    reasoning: Column | None = None
    """Column of the answer's trace; unset means the usual names (`reasoning_content`, `reasoning`, …)."""
    score: Column = "score"
    """Column of a numeric quality score; may be absent."""

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        asked = bool(row.get(self.instruction) or row.get(self.input))
        return (
            asked
            + sum(bool(row.get(column)) for column in (self.output, self.system))
            + 2 * list_length(row.get(self.history))
        )

    def columns(self) -> frozenset[str]:
        """Return the columns that are read."""
        return frozenset((self.instruction, self.input, self.output, self.system, self.history, self.score))

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return history, request (with its input on the next line) and answer as turns."""
        chat = Chat(notes, unopened=unopened, trimmed=True)
        if text := optional_text(row, self.system, notes):
            chat.system(text)
        for question, answer in self._history(row, notes):
            chat.user(question)
            chat.assistant(answer)
        request, material = required_text(row, self.instruction, notes), optional_text(row, self.input, notes)
        chat.user("\n".join(part for part in (request, material) if part and part.strip()) or request)
        chat.assistant(required_text(row, self.output, notes), traces=self._traces(row, notes))
        return chat.draft(quality=optional_number(row, self.score, notes))

    def layout(self) -> Layout:
        """Return where the turns stand in a table."""
        system = TextColumn(self.system, "system", optional=True)
        request = TextColumn(self.instruction, "user", more=self.input)
        return Layout(
            turns=(system, request, TextColumn(self.output, "assistant")),
            empty=(self.history, *self._names),
            score=self.score,
        )

    @property
    def _names(self) -> tuple[str, ...]:
        read = self.columns()
        return (self.reasoning,) if self.reasoning else tuple(name for name in TRACES if name not in read)

    def _traces(self, row: Row, notes: Notes) -> list[str]:
        found = [column for column in self._names if is_trace(row.get(column))]
        notes.read.update(found)
        return [as_text(row[column], column, notes) for column in found]

    def _history(self, row: Row, notes: Notes) -> list[tuple[str, str]]:
        value = row.get(self.history)
        if is_nothing(value):
            return []
        listed = as_list(value)
        if listed is None:
            raise fault(Reason.WRONG_TYPE, f"{self.history} is {type_name(value)}, not a list")
        pairs = []
        for index, pair in enumerate(listed):
            if not isinstance(pair, Sequence) or isinstance(pair, str | bytes) or len(pair) != 2:
                raise fault(Reason.WRONG_TYPE, f"{self.history}[{index}] is not a pair of texts")
            question, answer = (as_text(text, self.history, notes) for text in pair)
            pairs.append((question, answer))
        return pairs
