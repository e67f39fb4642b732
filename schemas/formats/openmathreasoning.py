"""nvidia/OpenMathReasoning: a problem, and a solution with its trace."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.chat import Chat
from thinkmix.schemas.formats.contract import Draft, Format, Layout, Row, TextColumn
from thinkmix.schemas.formats.fields import optional_name, required_text
from thinkmix.schemas.formats.sample import are_text, columns_of


class OpenMathReasoning(Format):
    """nvidia/OpenMathReasoning: `problem` asks, `generated_solution` thinks and answers.

    Rows with different `expected_answer` are different problems. `pass_rate_72b_tir` is text,
    "0.65625" or "n/a"; answers that were extracted rather than voted for rank higher between
    duplicates (https://arxiv.org/abs/2504.16891, section 2).
    """

    sets: ClassVar[tuple[str, ...]] = ("nvidia/OpenMathReasoning",)
    rated: ClassVar[bool] = True
    answered: ClassVar[bool] = True

    type: Literal["openmathreasoning"] = "openmathreasoning"
    """Name of the format."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "OpenMathReasoning | None":
        """Return the format if columns that only this set has stand beside problem and solution."""
        own = _OWN.intersection(columns_of(rows))
        return cls() if own and are_text(rows, "problem", "generated_solution") else None

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        return sum(row.get(column) is not None for column in ("problem", "generated_solution"))

    def columns(self) -> frozenset[str]:
        """Return the columns of the set; those that are not read say where a problem comes from."""
        return _COLUMNS

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the problem as user turn and the solution as assistant turn."""
        chat = Chat(notes, unopened=unopened)
        chat.user(required_text(row, "problem", notes))
        chat.assistant(required_text(row, "generated_solution", notes))
        quality = float(row.get("problem_type") == "has_answer_extracted")
        return chat.draft(
            quality=quality,
            solver=optional_name(row, "generation_model", notes),
            answer=optional_name(row, "expected_answer", notes),
        )

    def pass_rate(self, row: Row) -> float | None:
        """Return how often a grading model solved the problem, from 0 to 1, if the row states it."""
        stated = row.get("pass_rate_72b_tir")
        if stated is None or stated == "n/a" or isinstance(stated, bool):
            return None
        try:
            rate = float(stated)
        except (TypeError, ValueError, OverflowError):
            return None
        return rate if 0 <= rate <= 1 else None

    def problem_type(self, row: Row) -> str | None:
        """Return where the answer of the problem comes from, as `has_answer_extracted`."""
        stated = row.get("problem_type")
        return stated if isinstance(stated, str) else None

    def layout(self) -> Layout:
        """Return where the turns stand in a table."""
        return Layout(
            turns=(TextColumn("problem", "user"), TextColumn("generated_solution", "assistant")),
            solver="generation_model",
            answer="expected_answer",
            facts=("problem_type", "pass_rate_72b_tir"),
            preferred=("problem_type", "has_answer_extracted"),
        )


_OWN = frozenset(("generation_model", "pass_rate_72b_tir", "inference_mode", "used_in_kaggle"))
_COLUMNS = frozenset(
    (
        "problem",
        "generated_solution",
        "expected_answer",
        "problem_type",
        "problem_source",
        "generation_model",
        "pass_rate_72b_tir",
        "inference_mode",
        "used_in_kaggle",
    )
)
