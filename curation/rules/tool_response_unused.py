"""The rule on answers that take nothing from the responses before them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict
from thinkmix.schemas.record import parse_json

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable

_LEAST = 3
"""Characters of a word that says something."""


class ToolResponseUnused(Rule):
    """How many answers after responses hold no word and no number of these responses that the question lacks.

    What a response says first are the words of three letters or more and the numbers that no turn before it
    holds; of a response in JSON its values are read, and not its keys. If it says at least `new_words` of
    them, half of its words are such, and neither the turn that comes after the responses nor its trace holds
    one, nothing was taken from it. A turn that calls tools again is not judged: it may use a response without
    naming it. The value is the number of such answers, and the evidence is the first of the responses.
    """

    name: ClassVar[str] = "tool_response_unused"
    sentence: ClassVar[str] = "an answer takes no word and no number from the responses that it follows"

    new_words: int = Field(default=5, ge=1, le=1000)
    """Least number of words and numbers that a response says first; others are not judged."""

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with such answers."""
        import numpy as np  # noqa: PLC0415 - recipes are read by commands that judge nothing

        responses, row = turns.said_by("tool"), turns.row
        found: dict[int, tuple[int, Evidence]] = {}
        for of in np.unique(row[responses]).tolist():
            first, end = int(turns.first[of]), int(turns.first[of + 1])
            known, fresh, heard, at = set[str](), set[str](), set[str](), first
            for turn in range(first, end):
                text = turns.text(turn, "content").decode()
                if responses[turn]:
                    at = at if heard else turn
                    heard |= _words(_values(text))
                    fresh = heard - known
                    continue
                used = _words(text) | _words(turns.text(turn, "reasoning").decode())
                tells = len(fresh) >= self.new_words and 2 * len(fresh) >= len(heard)
                if tells and turn not in turns.calls and not fresh & used:
                    response = Evidence.at(turns, at, "content", 0, len(turns.text(at, "content")))
                    times, evidence = found.get(of, (0, response))
                    found[of] = times + 1, evidence
                known |= used | heard
                fresh, heard = set[str](), set[str]()
        return [Verdict(of, float(times), evidence) for of, (times, evidence) in sorted(found.items())]


def _values(text: str) -> str:
    """Return what a response in JSON holds without its keys; another text as it is."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        rest = [parse_json(text)]
    except ValueError:
        return text
    found: list[str] = []
    while rest:
        item = rest.pop()
        if isinstance(item, Mapping):
            rest += item.values()
        elif isinstance(item, list):
            rest += item
        else:
            found.append(str(item))
    return " ".join(found)


def _words(text: str) -> set[str]:
    """Return the words and numbers that say something, in one case; of scripts without spaces, pairs."""
    parts = "".join(char if char.isalnum() else " " for char in text.casefold()).split()
    found = {part for part in parts if len(part) >= _LEAST or part.isdigit()}
    for part in parts:
        if not part.isascii():
            found.update(part[place : place + 2] for place in range(len(part) - 1))
    return found
