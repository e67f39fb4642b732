"""The rule on calls without a response, and responses without a call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable


class ToolOrder(Rule):
    """How many calls have no response although the conversation goes on, and responses no call.

    A turn with n calls is followed by n responses, in the order of the calls: reading puts them in this
    order where responses name their call. The last turn may call tools, because the next response is not
    there yet. The value is the number of calls and responses without a partner, and the evidence is the first
    turn with one of them.
    """

    name: ClassVar[str] = "tool_order"
    sentence: ClassVar[str] = "a call has no response although the chat goes on, or a response no call"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows where numbers of calls and responses differ."""
        import numpy as np  # noqa: PLC0415 - recipes are read by commands that judge nothing

        responses = turns.said_by("tool")
        concerned = np.flatnonzero(np.isin(np.arange(len(responses)), list(turns.calls)) | responses)
        row = turns.row
        found: dict[int, tuple[int, Evidence]] = {}
        for of in np.unique(row[concerned]).tolist():
            first, end = int(turns.first[of]), int(turns.first[of + 1])
            expected, asked = 0, first
            for turn in range(first, end + 1):
                if turn < end and responses[turn]:
                    expected -= 1
                    continue
                if expected and not (turn == end and asked == end - 1):
                    missing = "calls without a response" if expected > 0 else "responses without a call"
                    words = f"{abs(expected)} {missing} after message {asked - first}"
                    alone, evidence = found.get(of, (0, Evidence(words)))
                    found[of] = alone + abs(expected), evidence
                expected, asked = len(turns.calls.get(turn, ())), turn
        return [Verdict(of, float(alone), evidence) for of, (alone, evidence) in sorted(found.items())]
