"""Which turns of a valid conversation are learned, and why the others are context."""

from collections.abc import Mapping, Sequence
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
    context: list[str]
    """Why each of the others is not, a `Context`, in their order."""


def count_turns(source: str, trained: int, context: Mapping[str, int]) -> TurnCount:
    """Return the turns of a source as the ledger counts them."""
    shown = dict(sorted(context.items()))
    return TurnCount(source=source, turns=trained + sum(shown.values()), trained=trained, context=shown)


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
    return Learned(turns, shown)


def ignored_switches(messages: Sequence[Message], turns: Sequence[int]) -> int:
    """Return how many of the learned turns do the opposite of what the switch before them asks for."""
    for message in messages:
        if message.role != "assistant" and "think" in message.content:
            break
    else:  # most chats say neither
        return 0
    switches = governing_switches(messages)
    asked = [(switches[place], messages[place].reasoning is not None) for place in turns]
    return sum(switch is not None and (switch == NO_THINK) == thinks for switch, thinks in asked)
