"""The rule `shouting`, which ships nowhere: a turn in capitals alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from thinkmix.curation.rules.contract import Action, Evidence, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable


class Shouting(Rule):
    """The value is how many letters the turn has."""

    name: ClassVar[str] = "shouting"
    sentence: ClassVar[str] = "a turn is written in capitals alone"

    action: Action = "off"
    least: int = Field(default=5, ge=1)
    """Turns with fewer letters are not judged."""

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with such a turn, by their first one."""
        found: dict[int, Verdict] = {}
        for turn, row in enumerate(turns.row.tolist()):
            text = turns.text(turn, "content")
            letters = sum(character.isalpha() for character in text.decode())
            if letters >= self.least and text.isupper() and row not in found:
                evidence = Evidence.at(turns, turn, "content", 0, len(text))
                found[row] = Verdict(row, float(letters), evidence)
        return list(found.values())
