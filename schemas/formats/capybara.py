"""Capybara: a list of pairs, each what the user says and what the assistant answers."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.contract import Column, Draft, Row
from thinkmix.schemas.formats.fields import as_object, as_text, list_length, required_list
from thinkmix.schemas.formats.sample import is_said, most, objects
from thinkmix.schemas.formats.texts import TextFormat


class Capybara(TextFormat):
    """`conversation` is a list of pairs: `input` is what the user says, `output` the assistant's answer."""

    sets: ClassVar[tuple[str, ...]] = ("LDJnr/Capybara",)

    type: Literal["capybara"] = "capybara"
    """Name of the format."""
    conversation: Column = "conversation"
    """Column of the pairs."""
    input: Column = "input"
    """Key of a pair that holds what the user says."""
    output: Column = "output"
    """Key of a pair that holds the answer."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "Capybara | None":
        """Return the format if most rows hold such pairs."""
        plain = cls()
        fits = [plain._is_paired(row.get(plain.conversation)) for row in rows]
        return plain if most(fits) else None

    @property
    def said(self) -> tuple[str, ...]:
        """The column of the pairs."""
        return (self.conversation,)

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        return 2 * list_length(row.get(self.conversation)) + sum(bool(row.get(one)) for one in self._systems)

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the pairs as turns; the first may lack its question, and the last its answer."""
        chat = self._begin(row, notes, unopened=unopened)
        pairs = required_list(row, self.conversation)
        for index, item in enumerate(pairs):
            pair, where = as_object(item, f"{self.conversation}[{index}]"), f"{self.conversation}[{index}]"
            question, answer = (pair.get(key) for key in (self.input, self.output))
            if is_said(question) or index > 0:
                chat.user(as_text(question, f"{where}.{self.input}", notes))
            if is_said(answer) or index < len(pairs) - 1:
                traces = self._traces(row, notes) if index == len(pairs) - 1 else []
                chat.assistant(as_text(answer, f"{where}.{self.output}", notes), traces=traces)
            for key, value in pair.items():
                if key not in (self.input, self.output):
                    notes.leave(f"{self.conversation}[].{key}", value)
        return chat.draft(quality=self._quality(row, notes))

    def _is_paired(self, value: object) -> bool:
        pairs = objects(value)
        return (
            bool(pairs)
            and all(is_said(pair.get(self.input)) for pair in pairs[1:])
            and all(is_said(pair.get(self.output)) for pair in pairs[:1])
        )
