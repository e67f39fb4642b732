"""Qwen3's soft switch: `/think` and `/no_think`, said in a prompt, ask for a trace or for none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from thinkmix.schemas.conversation import Message

Switch: TypeAlias = Literal["/think", "/no_think"]
NO_THINK: Switch = "/no_think"
_SWITCHES: tuple[Switch, ...] = get_args(Switch)

_JOINS = "_-/"
"""Marks that make a word part of a longer one, or of a path."""
_UNSPACED = "\u2e80"
"""Where the scripts of East Asia begin, which put no space between words."""


def governing_switches(messages: "Sequence[Message]") -> list[Switch | None]:
    """Return for each turn the switch in force when it is said, or None if none was said.

    It is the last one said in any user or system turn up to then, as Qwen3 was trained to obey. It must stand
    as a separate word: `/think.` and `你好/think` say it, `/thinking`, `and/think` and `/think/x` do not.
    """
    switches: list[Switch | None] = []
    governing: Switch | None = None
    for message in messages:
        if message.role in ("user", "system"):
            governing = _last_switch(message.content) or governing
        switches.append(governing)
    return switches


def _last_switch(text: str) -> Switch | None:
    place, switch = max((_last_place(text, switch), switch) for switch in _SWITCHES)
    return switch if place >= 0 else None


def _last_place(text: str, word: str) -> int:
    """Return where `text` says `word` for the last time, or -1."""
    place = text.rfind(word)
    while place >= 0:
        end = place + len(word)
        if not (_joins(text[max(place - 1, 0) : place]) or _joins(text[end : end + 1])):
            break
        place = text.rfind(word, 0, place)
    return place


def _joins(beside: str) -> bool:
    """Return whether a word goes on with this character; with none it does not."""
    return bool(beside) and (beside in _JOINS or (beside.isalnum() and beside < _UNSPACED))
