"""The rule on rows whose final answer is not the one that their source names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Action, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable
    from thinkmix.schemas.formats.contract import Format


class WrongAnswer(Rule):
    r"""Whether the final answer of a row differs from what its source says that the answer is.

    The answer is the last `\boxed{}` or `<answer>` of the last turn, or what stands there after words such as
    "the answer is". Values are compared, not texts: `134.0` is 134, `\$8,\!400` is 8400, `\frac{2}{4}` is
    0.5, `(x+1)^2` is `x^2+2x+1`, and antiderivatives may differ by a constant. What arithmetic cannot decide,
    such as sets, intervals and matrices, math-verify does, with 3 s of processor time for a row: this is
    the one verdict that can depend on the machine, and outputs keep it. An answer that cannot be compared is
    never wrong, nor is one to a question that asks for a proof or an example. The value is 1.
    """

    name: ClassVar[str] = "wrong_answer"
    sentence: ClassVar[str] = "its final answer is not the one that the source names"
    default: ClassVar[Action] = "flag"
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
        """Return the rows whose answer is another."""
        from thinkmix.curation.answers.statuses import DISAGREE  # noqa: PLC0415
        from thinkmix.curation.rules.answers import row_answers, shown  # noqa: PLC0415

        found = []
        for row, answer in enumerate(row_answers(turns)):
            stated = answer.checked.stated
            if answer.checked.status == DISAGREE and stated is not None:
                words = f"{shown(stated.text)}, and the source says {shown(turns.answer(row) or '')}"
                found.append(Verdict(row, 1.0, answer.evidence(turns, words)))
        return found
