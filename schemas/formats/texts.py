"""Columns of text: what the formats have in common whose turns stand in columns of their own."""

from collections.abc import Iterator, Sequence

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.chat import Chat
from thinkmix.schemas.formats.contract import Column, Format, Row, TextColumn
from thinkmix.schemas.formats.fields import optional_number, optional_text
from thinkmix.schemas.formats.turns import SYSTEMS, TRACES, traces_of


class TextFormat(Format):
    """What a recipe may say of rows with the answer in a column of text."""

    system: Column | None = None
    """Column of a system prompt; may be absent; unset means `system` or `system_prompt`."""
    reasoning: Column | None = None
    """Column of the answer's trace; unset means the usual names (`reasoning_content`, `reasoning`,
    `thinking`, `thought`, …)."""
    score: Column = "score"
    """Column of a numeric quality score; may be absent."""

    @property
    def said(self) -> tuple[str, ...]:
        """The columns of the turns, in their order, but for the system prompt."""
        raise NotImplementedError

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        return sum(bool(row.get(column)) for column in (*self.said, *self._systems))

    def columns(self) -> frozenset[str]:
        """Return the columns that are read."""
        return frozenset((*self.said, *self._systems, self.score, *filter(None, [self.reasoning])))

    def _begin(self, row: Row, notes: Notes, *, unopened: bool) -> Chat:
        """Return a chat that begins with the row's system prompt, if it has one."""
        chat = Chat(notes, unopened=unopened, trimmed=True)
        for column in self._systems:
            if text := optional_text(row, column, notes):
                chat.system(text)
        return chat

    def _quality(self, row: Row, notes: Notes) -> float | None:
        return optional_number(row, self.score, notes)

    def _traces(self, row: Row, notes: Notes) -> list[str]:
        """Return the texts beside the answer that are its trace."""
        return traces_of(row, self._names, notes)

    @property
    def _systems(self) -> Sequence[str]:
        return (self.system,) if self.system else [name for name in SYSTEMS if name not in self.said]

    @property
    def _names(self) -> tuple[str, ...]:
        """Columns that may hold a trace."""
        if self.reasoning:
            return (self.reasoning,)
        read = self.columns()
        return tuple(name for name in TRACES if name not in read)

    def _system_places(self) -> Iterator[TextColumn]:
        """Yield where in a table the system prompt stands."""
        for name in self._systems:
            yield TextColumn(name, "system", optional=True)
