"""Names of speakers, as public sets write them, and the role that each has in a chat."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

CALL = "function_call"
"""Role of a turn whose text is the JSON of the assistant's calls."""

ROLE_NAMES: Mapping[str, tuple[str, ...]] = {
    "system": ("system", "developer", "sys", "system_prompt", "input"),
    "user": ("user", "human", "prompter", "usr", "question", "instruction", "customer"),
    "assistant": (
        "assistant",
        "gpt",
        "chatgpt",
        "gpt_3.5",
        "gpt_3.5_turbo",
        "gpt_4",
        "gpt_4o",
        "bing",
        "bard",
        "claude",
        "gemini",
        "ai",
        "bot",
        "chatbot",
        "model",
        "agent",
        "response",
        "answer",
        "output",
    ),
    CALL: ("function_call", "tool_call", "function_calls", "tool_calls"),
    "tool": (
        "tool",
        "function",
        "observation",
        "tool_response",
        "function_response",
        "tool_result",
        "function_result",
        "tool_output",
        "ipython",
    ),
}
"""Names by role; case, `_`, `-` or a space between words, and marks around a name (`<|user|>`, `USER:`) do
not matter."""

_LONGEST = 64
_MARKS = " \t\r\n<|>[]#:"
_NOTHING = str.maketrans("", "", "_- ")


def role_of(speaker: str, more: Mapping[str, str]) -> str | None:
    """Return the role of a speaker, by the names of the recipe and then by `ROLE_NAMES`; None if unknown."""
    if more:
        for name, role in more.items():
            if name == speaker or _plain(name) == _plain(speaker):
                return role
    return _known(speaker) if len(speaker) <= _LONGEST else None


def nearest_role(speaker: str) -> str:
    """Return the known name that is most like a speaker's, in words for an error; nothing if none is."""
    close = get_close_matches(_plain(speaker)[:40], list(_BY_NAME), n=1, cutoff=0.6)
    return f", perhaps {_BY_NAME[close[0]][0]!r} is meant" if close else ""


@lru_cache(maxsize=1024)
def _known(speaker: str) -> str | None:
    return _BY_NAME.get(_plain(speaker), (None, None))[1]


def _plain(name: str) -> str:
    return name.strip(_MARKS).casefold().translate(_NOTHING)


_BY_NAME: Mapping[str, tuple[str, str]] = {
    _plain(name): (name, role) for role, names in ROLE_NAMES.items() for name in names
}
"""Name and role by the name as `_plain` returns it."""


def _known_role(role: object) -> object:
    if isinstance(role, str) and role not in ROLE_NAMES:
        close = get_close_matches(role, list(ROLE_NAMES), n=1, cutoff=0.4)
        nearest = _known(role) or (close[0] if close else None)
        meant = f"; did you mean `{nearest}`?" if nearest else ""
        msg = f"{role!r} is not a role, there are {', '.join(ROLE_NAMES)}{meant}"
        raise ValueError(msg)
    return role


RoleName = Annotated[
    Literal["system", "user", "assistant", "tool", "function_call"], BeforeValidator(_known_role)
]
Roles = Annotated[Mapping[Annotated[str, Field(max_length=256)], RoleName], Field(max_length=100)]
"""Role of speakers that are not in `ROLE_NAMES`, or that mean something else there."""
