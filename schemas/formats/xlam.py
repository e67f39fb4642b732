"""xLAM: a query, the tools at hand, and the calls that answer it."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.chat import Chat
from thinkmix.schemas.formats.contract import Column, Draft, Format, Row
from thinkmix.schemas.formats.fields import required_text
from thinkmix.schemas.formats.parameters import as_schemas
from thinkmix.schemas.formats.sample import is_said, most
from thinkmix.schemas.formats.tools import read_calls, read_tools


class XLAM(Format):
    """query/answers/tools rows, as xLAM has them: the answer is one turn of calls.

    Parameters that are described as `{name: {description, type, default}}` become JSON Schema.
    """

    sets: ClassVar[tuple[str, ...]] = ("Salesforce/xlam-function-calling-60k",)

    type: Literal["xlam"] = "xlam"
    """Name of the format."""
    query: Column = "query"
    """Column of the request."""
    answers: Column = "answers"
    """Column of the calls, JSON text or a list."""
    tools: Column = "tools"
    """Column of the tool list, JSON text or a list."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "XLAM | None":
        """Return the format if most rows have a query, calls and tools."""
        return cls() if most([_is_xlam(row) for row in rows]) else None

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        return sum(bool(row.get(column)) for column in (self.query, self.answers))

    def columns(self) -> frozenset[str]:
        """Return the columns that are read."""
        return frozenset((self.query, self.answers, self.tools))

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the query as user turn and the calls as one assistant turn."""
        chat = Chat(notes, unopened=unopened)
        chat.user(required_text(row, self.query, notes))
        if calls := read_calls(row.get(self.answers), f"{self.answers}[]", notes):
            chat.calls(calls, None)
        return chat.draft(as_schemas(read_tools(row.get(self.tools)), notes))


def _is_xlam(row: Row) -> bool:
    listed = (row.get("answers"), row.get("tools"))
    return is_said(row.get("query")) and all(is_said(value) or isinstance(value, list) for value in listed)
