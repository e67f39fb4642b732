"""Llama-Nemotron: the turns up to the answer in one column, the answer as text in another."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.contract import Column, Draft, Layout, Row, TextColumn
from thinkmix.schemas.formats.fields import required_text
from thinkmix.schemas.formats.sample import is_said, most, objects
from thinkmix.schemas.formats.turns import TurnFormat, traces_of

_ABOUT = frozenset(("reasoning", "used_in_training"))


class Nemotron(TurnFormat):
    """`input` is a list of turns, `output` the answer as text, which may begin with a trace.

    The column `reasoning` says "on" or "off", and is not trained.
    """

    sets: ClassVar[tuple[str, ...]] = ("nvidia/Llama-Nemotron-Post-Training-Dataset",)
    column: ClassVar[str] = "input"

    type: Literal["nemotron"] = "nemotron"
    """Name of the format."""
    input: Column = "input"
    """Column of the turns up to the answer."""
    output: Column = "output"
    """Column of the answer."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "Nemotron | None":
        """Return the format if a list of turns and a text stand in the columns of the set."""
        fits = [bool(objects(row.get("input"))) and is_said(row.get("output")) for row in rows]
        return cls() if most(fits) else None

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        return super().turns(row) + bool(row.get(self.output))

    def columns(self) -> frozenset[str]:
        """Return the columns that are read, and what the set says of trace and use of a row."""
        return super().columns() | {self.output, *_ABOUT}

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the turns of the input, and the output as the last answer."""
        chat = self._chat(notes, unopened=unopened)
        self._add_turns(chat, row)
        traces = traces_of(row, self._traces, notes)
        chat.assistant(required_text(row, self.output, notes), traces=traces)
        return self._draft(chat, row)

    def layout(self) -> Layout | None:
        """Return where the turns stand in a table."""
        where = super().layout()
        if where is None:
            return None
        answer = TextColumn(self.output, "assistant")
        # a text that says "on" is not a trace: rows that have one are read one by one
        return where._replace(turns=(*where.turns, answer))
