"""natural_reasoning: a question, and a list of what models answered."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.contract import Column, Draft, Row
from thinkmix.schemas.formats.fields import as_text, optional_name, required_list, required_text
from thinkmix.schemas.formats.sample import is_said, most
from thinkmix.schemas.formats.texts import TextFormat
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault


class NaturalReasoning(TextFormat):
    """`question`, and a list of `responses`: the first one with text is the answer.

    `reference_answer` is a short result, and is not trained: rows with other ones are other problems.
    """

    sets: ClassVar[tuple[str, ...]] = ("facebook/natural_reasoning",)

    answered: ClassVar[bool] = True

    type: Literal["natural_reasoning"] = "natural_reasoning"
    """Name of the format."""
    question: Column = "question"
    """Column of the question."""
    responses: Column = "responses"
    """Column of the list of responses, objects or texts."""
    response: Column = "response"
    """Key of a response that holds its text."""
    model: Column = "response_model"
    """Key of a response that names the model that wrote it; may be absent."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "NaturalReasoning | None":
        """Return the format if most rows hold a question and such responses."""
        plain = cls()

        def fits(row: Row) -> bool:
            listed = row.get(plain.responses)
            said = [plain._text(item) for item in listed] if isinstance(listed, list | tuple) else []
            return is_said(row.get(plain.question)) and any(map(is_said, said))

        return plain if most([fits(row) for row in rows]) else None

    @property
    def said(self) -> tuple[str, ...]:
        """The question, then the responses."""
        return (self.question, self.responses)

    def columns(self) -> frozenset[str]:
        """Return the columns that are read, and the reference, which is not trained."""
        return super().columns() | {"reference_answer"}

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the question and the first response as turns; the other responses are counted."""
        chat = self._begin(row, notes, unopened=unopened)
        chat.user(required_text(row, self.question, notes))
        listed = required_list(row, self.responses)
        stating = [item for item in listed if is_said(self._text(item))]
        if not stating:
            raise fault(Reason.WRONG_TYPE, f"none of the {len(listed)} in {self.responses} is a text")
        notes.count(Finding.ALTERNATIVE, len(stating) - 1)
        text = as_text(self._text(stating[0]), f"{self.responses}[].{self.response}", notes)
        chat.assistant(text, traces=self._traces(row, notes))
        return chat.draft(
            quality=self._quality(row, notes),
            solver=self._solver(stating[0], notes),
            answer=optional_name(row, "reference_answer", notes),
        )

    def _text(self, item: object) -> object:
        return item.get(self.response) if isinstance(item, Mapping) else item

    def _solver(self, item: object, notes: Notes) -> str | None:
        """Return the model that wrote a response; other keys of it are unread fields."""
        if not isinstance(item, Mapping):
            return None
        for key, value in item.items():
            if key not in (self.response, self.model):
                notes.leave(f"{self.responses}[].{key}", value)
        return optional_name(item, self.model, notes)
