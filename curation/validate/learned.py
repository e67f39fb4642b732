"""Which turns of a valid conversation are learned, and why the others are context."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from thinkmix.curation.validate.settings import RowSettings
from thinkmix.schemas.conversation import Message
from thinkmix.schemas.ledger import TurnCount
from thinkmix.schemas.reasons import Context
from thinkmix.templates.chat.switch import NO_THINK, governing_switches
from thinkmix.templates.chat.tojson import tojson

TAG_BYTES = 32
"""What a template writes around a turn, about."""


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


def learned_turns(messages: Sequence[Message], source: RowSettings) -> Learned:
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


def prompt_bytes(
    messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], turns: Sequence[int]
) -> int:
    """Return how much text the prompts of the learned turns have together, in bytes of UTF-8.

    Each prompt is counted as the tools, and content, trace and arguments of all turns before it, with
    `TAG_BYTES` a turn: more than some templates show, but never less than rendering has to handle.
    """
    told, total, learned = sum(_size(tojson(tool)) for tool in tools), 0, iter(turns)
    awaited = next(learned, None)
    for place, message in enumerate(messages):
        if awaited is None:
            break
        if place == awaited:
            total += told
            awaited = next(learned, None)
        told += TAG_BYTES + _size(message.content) + _size(message.reasoning or "")
        told += sum(_size(tojson(call.arguments)) for call in message.tool_calls)
    return total


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


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
