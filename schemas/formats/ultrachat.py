"""UltraChat: a list of texts that user and assistant say in turn."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.contract import Column, Draft, Row
from thinkmix.schemas.formats.fields import as_text, list_length, required_list
from thinkmix.schemas.formats.sample import is_said, most
from thinkmix.schemas.formats.texts import TextFormat


class UltraChat(TextFormat):
    """`data` is a list of texts: the user says the first, the assistant the second, and so on in turn."""

    sets: ClassVar[tuple[str, ...]] = ("openbmb/UltraChat",)

    type: Literal["ultrachat"] = "ultrachat"
    """Name of the format."""
    data: Column = "data"
    """Column of the texts."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "UltraChat | None":
        """Return the format if most rows hold such a list with a question and an answer."""
        return cls() if most([_is_said_in_turn(row.get("data")) for row in rows]) else None

    @property
    def said(self) -> tuple[str, ...]:
        """The column of the texts."""
        return (self.data,)

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        return list_length(row.get(self.data)) + sum(bool(row.get(one)) for one in self._systems)

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the texts as turns; a trace in a column of its own belongs to the last answer."""
        chat = self._begin(row, notes, unopened=unopened)
        texts = required_list(row, self.data)
        answers = range(1, len(texts), 2)
        for place, value in enumerate(texts):
            text = as_text(value, f"{self.data}[{place}]", notes)
            if place not in answers:
                chat.user(text)
            else:
                chat.assistant(text, traces=self._traces(row, notes) if place == answers[-1] else ())
        return chat.draft(quality=self._quality(row, notes))


def _is_said_in_turn(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) > 1 and all(map(is_said, value))
