"""The rule on answers that hold the turn of another speaker."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Rule, Verdict
from thinkmix.curation.rules.marked import find_marked

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable

_SPEAKER = r"(?:\A\s*Human|\n\n(?:###? )?Human|\n\n### ?(?:User|Instruction|Assistant|Response)):[ \n]"


class ForeignTurn(Rule):
    """Whether an answer speaks as its user: it begins with `Human:`, or a paragraph of it does.

    A conversation was cut in the wrong place, and a model learns to go on with the user's next question. The
    value is the number of such places, and the evidence the first one. Dialogues that the user asks for have
    names and roles, seldom `Human`; `User:` and `Assistant:` are found only as headings (`### User:`).
    """

    name: ClassVar[str] = "foreign_turn"
    sentence: ClassVar[str] = "an answer holds the turn of another speaker, such as `Human:`"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with such an answer."""
        return find_marked(turns, _SPEAKER)
