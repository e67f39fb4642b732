"""A question and its answer, each in a column of text."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.contract import Column, Draft, Format, Layout, Row, TextColumn
from thinkmix.schemas.formats.fields import required_text
from thinkmix.schemas.formats.sample import are_text, find_column
from thinkmix.schemas.formats.texts import TextFormat

PAIRS = (
    ("question", "answer"),
    ("question", "response"),
    ("question", "solution"),
    ("query", "response"),
    ("query", "answer"),
    ("prompt", "response"),
    ("prompt", "completion"),
    ("prompt", "answer"),
    ("inputs", "targets"),
    ("input", "output"),
    ("problem", "generated_solution"),
    ("problem", "solution"),
    ("problem", "answer"),
    ("instruction", "response"),
    ("instruction", "completion"),
    ("instruction", "answer"),
)
"""Names that public sets give the two columns, in any case."""


class QuestionAnswer(TextFormat):
    """A question and its answer, each in a column of text; scores and labels may stand beside them."""

    sets: ClassVar[tuple[str, ...]] = (
        "microsoft/orca-math-word-problems-200k",
        "meta-math/MetaMathQA",
        "nvidia/HelpSteer2",
        "CohereLabs/aya_dataset",
        "nvidia/OpenMathInstruct-2",
        "CertifiedJoon/Korean-Instruction",
    )
    remarks: ClassVar[Mapping[str, str]] = {
        "meta-math/MetaMathQA": "`question: query, answer: response`",
        "nvidia/HelpSteer2": "`question: prompt, answer: response`; perhaps `score: helpfulness`",
        "CohereLabs/aya_dataset": "`question: inputs, answer: targets`",
        "nvidia/OpenMathInstruct-2": "`question: problem, answer: generated_solution`",
        "CertifiedJoon/Korean-Instruction": "`question: Instruction, answer: Response`",
    }
    generality: ClassVar[int] = 2

    type: Literal["qa"] = "qa"
    """Name of the format."""
    question: Column = "question"
    """Column of the question."""
    answer: Column = "answer"
    """Column of the answer; it may begin with a trace."""

    @classmethod
    def candidates(cls, rows: Sequence[Row]) -> Sequence[Format]:
        """Return the pairs of columns that are known, without a short final answer beside its solution."""
        found = []
        for pair in PAIRS:
            question, answer = (find_column(rows, name) for name in pair)
            if question and answer and are_text(rows, question, answer):
                found.append((pair, cls(question=question, answer=answer)))
        solved = {question for (question, answer), _ in found if answer.endswith("solution")}
        return [one for (question, answer), one in found if answer != "answer" or question not in solved]

    @property
    def said(self) -> tuple[str, ...]:
        """The question, then the answer."""
        return (self.question, self.answer)

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return question and answer as turns."""
        chat = self._begin(row, notes, unopened=unopened)
        chat.user(required_text(row, self.question, notes))
        chat.assistant(required_text(row, self.answer, notes), traces=self._traces(row, notes))
        return chat.draft(quality=self._quality(row, notes))

    def layout(self) -> Layout:
        """Return where the turns stand in a table."""
        said = (TextColumn(self.question, "user"), TextColumn(self.answer, "assistant"))
        return Layout(turns=(*self._system_places(), *said), empty=self._names, score=self.score)
