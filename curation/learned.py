"""Which turns of a valid conversation are learned, and why the others are context."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from schemas.conversation import Message
from schemas.ledger import TurnCount
from schemas.reasons import Context
from schemas.recipe import SourceBase
from templates.switch import NO_THINK, governing_switches


class Learned(NamedTuple):
    """The turns of one conversation, told apart."""

    turns: list[int]
    """Positions of the turns that are learned."""
    context: Counter[str]
    """How many are not, by `Context`."""

    def counted(self, source: str) -> TurnCount:
        """Return the turns as the ledger counts them."""
        shown = sum(self.context.values())
        return TurnCount(
            source=source, turns=len(self.turns) + shown, trained=len(self.turns), context=self.context
        )


def learned_turns(messages: Sequence[Message], source: SourceBase) -> Learned:
    """Return which turns are learned: the assistant's, but for those that are only shown."""
    last = len(messages) - 1
    asked = False
    turns: list[int] = []
    context: Counter[str] = Counter()
    for place, message in enumerate(messages):
        asked = asked or message.role == "user"
        if message.role != "assistant":
            context[Context(message.role)] += 1
        elif message.context:
            context[Context.MARKED] += 1
        elif not asked:
            context[Context.OPENING] += 1
        elif source.supervise == "last" and place != last:
            context[Context.HISTORY] += 1
        elif source.thinking == "required" and place != last and message.reasoning is None:
            context[Context.UNTRACED] += 1
        else:
            turns.append(place)
    return Learned(turns, context)


def ignored_switches(messages: Sequence[Message], turns: Sequence[int]) -> int:
    """Return how many of the learned turns do the opposite of what the switch before them asks for."""
    switches = governing_switches(messages)
    asked = [(switches[place], messages[place].reasoning is not None) for place in turns]
    return sum(switch is not None and (switch == NO_THINK) == thinks for switch, thinks in asked)
