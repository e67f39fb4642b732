"""Which turns of a valid conversation are learned, and why the others are context."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, get_args

from schemas.conversation import Message
from schemas.ledger import TurnCount
from schemas.reasons import Context
from schemas.recipe import SourceBase
from templates.switch import NO_THINK, Switch, governing_switches

_SWITCHES = get_args(Switch)


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
    shown: list[str] = []
    for place, message in enumerate(messages):
        role = message.role
        asked = asked or role == "user"
        if role != "assistant":
            shown.append(role)  # these three reasons have the names of the roles
        elif message.context:
            shown.append(Context.MARKED.value)
        elif not asked:
            shown.append(Context.OPENING.value)
        elif source.supervise == "last" and place != last:
            shown.append(Context.HISTORY.value)
        elif source.thinking == "required" and place != last and message.reasoning is None:
            shown.append(Context.UNTRACED.value)
        else:
            turns.append(place)
    return Learned(turns, Counter(shown))


def ignored_switches(messages: Sequence[Message], turns: Sequence[int]) -> int:
    """Return how many of the learned turns do the opposite of what the switch before them asks for."""
    if not any(word in message.content for message in messages for word in _SWITCHES):
        return 0
    switches = governing_switches(messages)
    asked = [(switches[place], messages[place].reasoning is not None) for place in turns]
    return sum(switch is not None and (switch == NO_THINK) == thinks for switch, thinks in asked)
