"""s1K: a question, and a model's trace and attempt in columns of their own."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.contract import Column, Draft, Row
from thinkmix.schemas.formats.fields import required_text
from thinkmix.schemas.formats.sample import are_text, is_said
from thinkmix.schemas.formats.texts import TextFormat

_ATTEMPTS = ("deepseek_attempt", "gemini_attempt")
_COLUMNS = frozenset(
    (
        *_ATTEMPTS,
        "question",
        "solution",
        "cot_type",
        "source_type",
        "metadata",
        "deepseek_thinking_trajectory",
        "deepseek_grade",
        "deepseek_grade_reason",
        "gemini_thinking_trajectory",
        "gemini_grade",
        "gemini_grade_reason",
    )
)


class S1K(TextFormat):
    """s1K: `question`, with the trace and the attempt of a model in separate columns.

    The set has the attempts of two models; the columns of the other one are not trained.
    """

    sets: ClassVar[tuple[str, ...]] = ("simplescaling/s1K-1.1",)

    type: Literal["s1k"] = "s1k"
    """Name of the format."""
    question: Column = "question"
    """Column of the question."""
    reasoning: Column = "deepseek_thinking_trajectory"
    """Column of the answer's trace."""
    answer: Column = "deepseek_attempt"
    """Column of the answer."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "S1K | None":
        """Return the format if question, trace and attempt are there under the names of the set."""
        plain = cls()
        return plain if are_text(rows, plain.question, plain.reasoning, plain.answer) else None

    @property
    def said(self) -> tuple[str, ...]:
        """The question, then the answer."""
        return (self.question, self.answer)

    def columns(self) -> frozenset[str]:
        """Return the columns that are read, and those of the set that are not trained."""
        return super().columns() | _COLUMNS

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return question and answer as turns, with the trace; attempts of other models are counted."""
        chat = self._begin(row, notes, unopened=unopened)
        chat.user(required_text(row, self.question, notes))
        chat.assistant(required_text(row, self.answer, notes), traces=self._traces(row, notes))
        others = [row.get(name) for name in _ATTEMPTS if name != self.answer]
        notes.count(Finding.ALTERNATIVE, sum(map(is_said, others)))
        return chat.draft(quality=self._quality(row, notes))
