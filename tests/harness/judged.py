"""Conversations as rules see them."""

from collections.abc import Sequence
from typing import Any

from thinkmix.curation.rules.contract import Rule, Verdict
from thinkmix.curation.rules.turns import TurnTable
from thinkmix.schemas.conversation import Conversation, Lineage, Message


def conversation(messages: Sequence[Message], **fields: Any) -> Conversation:
    """Return a row that says this; `fields` are further ones of the record."""
    lineage = Lineage(file="rows.jsonl", row=0)
    return Conversation(id="0", source="rows", messages=tuple(messages), lineage=lineage, **fields)


def asked(question: str, said: str, trace: str | None = None, **fields: Any) -> Conversation:
    """Return a row of one question and its answer."""
    turns = [
        Message(role="user", content=question),
        Message(role="assistant", content=said, reasoning=trace),
    ]
    return conversation(turns, **fields)


def judged(rule: Rule, *rows: Conversation) -> Sequence[Verdict]:
    """Return what a rule finds in rows."""
    return rule.judge(TurnTable.of(rows))
