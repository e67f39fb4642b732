"""The rule on rows whose final answer cannot be compared with the one that their source names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable
    from thinkmix.schemas.formats.contract import Format


class UnverifiedAnswer(Rule):
    """Whether it is unknown if the answer of a row is right, though its source names one.

    The row states no final answer, states several and an earlier one is right, or states one that cannot be
    compared: the evidence says which. So is an answer of the right value that is not what the question asks
    for: it repeats the question, is a fraction that is not reduced, or uses a notation that the question
    excludes. See `wrong_answer` for how answers are found and compared. The value is 1.
    """

    name: ClassVar[str] = "unverified_answer"
    sentence: ClassVar[str] = (
        "its final answer is missing or cannot be compared with the one that the source names"
    )
    needs: ClassVar[str] = "an answer that the source names"
    checks_answers: ClassVar[bool] = True

    @classmethod
    def fits(cls, rows: "Format") -> bool:
        """Return whether rows of a format say what the answer is."""
        return rows.answered

    def statuses(self, turns: "TurnTable") -> Sequence[int]:
        """Return what the answer of each row is, a place in `answers.statuses.STATUSES`."""
        from thinkmix.curation.rules.answers import row_answers  # noqa: PLC0415 - it brings numpy

        return [answer.checked.status for answer in row_answers(turns)]

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows for which the source names an answer, and theirs is neither right nor wrong."""
        from thinkmix.curation.answers.statuses import NONE, SEVERAL, STATUSES, UNPARSEABLE  # noqa: PLC0415
        from thinkmix.curation.rules.answers import row_answers  # noqa: PLC0415

        return [
            Verdict(
                row, 1.0, answer.evidence(turns, f"{STATUSES[answer.checked.status]}: {answer.checked.why}")
            )
            for row, answer in enumerate(row_answers(turns))
            if answer.checked.status in (UNPARSEABLE, NONE, SEVERAL)
        ]
