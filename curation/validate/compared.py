"""What duplicates are judged by: the text of a row, and what must be the same beside it."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from thinkmix.curation.validate.settings import Compare
from thinkmix.schemas.conversation import Message
from thinkmix.schemas.normal_form import compose_nfc

_WITH_PREAMBLE: tuple[Compare, ...] = ("dialogue", "conversation")


def comparison_text(messages: Iterable[Message], compare: Compare) -> str:
    """Return the text that near-duplicates are judged by."""
    messages = tuple(messages)
    asked = [message.content for message in messages if message.role == "user"]
    if compare == "first_user" or (compare == "dialogue" and len(asked) == 1):
        return asked[0]
    if compare == "user_turns":
        return "\n".join(asked)
    said = [message for message in messages if compare == "conversation" or message.role != "system"]
    return "\n".join(part for message in said for part in (message.reasoning, message.content) if part)


def preamble_of(
    messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], compare: Compare
) -> str | None:
    """Return a digest of system prompts and tools where they are looked at; nothing without any.

    Near-duplicates have the same: a system prompt gives the task, and is often longer than what it is for.
    """
    system = [compose_nfc(message.content).encode() for message in messages if message.role == "system"]
    if tools:
        system.append(orjson.dumps(list(map(dict, tools)), option=orjson.OPT_SORT_KEYS))
    return preamble_digest(system) if system and looks_at_preamble(compare) else None


def looks_at_preamble(compare: Compare) -> bool:
    """Return whether rows with other system prompts or other tools are told apart."""
    return compare in _WITH_PREAMBLE


def preamble_digest(parts: Sequence[bytes]) -> str:
    """Return a digest of system prompts in NFC, one after the other."""
    return sha256(b"\0".join(parts)).hexdigest()[:32]
