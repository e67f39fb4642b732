"""The rule on rows whose trace comes to another answer than the one that follows it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable


class TraceDisagrees(Rule):
    r"""Whether the last `\\boxed{}` of a trace differs from the final answer after it.

    Boxes in the last 4,000 bytes of the trace count: earlier ones are steps. Values are compared as
    `wrong_answer` compares them, and those that cannot be compared are not found. The value is 1, and the
    evidence is the answer of the trace.
    """

    name: ClassVar[str] = "trace_disagrees"
    sentence: ClassVar[str] = "its trace comes to another answer than the one that follows it"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows whose trace has another answer."""
        from thinkmix.curation.rules.answers import shown, trace_answers  # noqa: PLC0415 - it brings numpy

        found = []
        for row, answer, traced in trace_answers(turns):
            first = int(turns.reasoning.offsets[answer.turn])
            place = Evidence.at(turns, answer.turn, "reasoning", traced.start - first, traced.end - first)
            final = answer.checked.stated
            words = f"{shown(traced.text)}, and the answer is {shown(final.text if final else '')}"
            found.append(Verdict(row, 1.0, place._replace(text=words)))
        return found
