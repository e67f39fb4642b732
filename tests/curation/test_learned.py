"""Each turn of a valid row is learned or context, for one reason."""

from collections.abc import Sequence
from typing import Any

import pytest

from curation.learned import learned_turns
from schemas.conversation import Message
from schemas.errors import LedgerError
from schemas.ledger import Amount, Ledger, StageCount, TurnCount
from schemas.recipe import LocalSource

TURNS = {
    "s": Message(role="system", content="s"),
    "u": Message(role="user", content="q"),
    "a": Message(role="assistant", content="a"),
    "t": Message(role="assistant", content="a", reasoning="t"),
    "m": Message(role="assistant", content="a", context=True),
    "c": Message(role="assistant", tool_calls=[{"name": "f", "arguments": {}}]),
    "r": Message(role="tool", content="r"),
}


def chat(letters: str) -> Sequence[Message]:
    return [TURNS[letter] for letter in letters]


@pytest.mark.parametrize(
    ("letters", "settings", "turns", "context"),
    [
        ("sua", {}, [2], {"system": 1, "user": 1}),
        ("uaua", {}, [1, 3], {"user": 2}),
        ("umua", {}, [3], {"user": 2, "marked": 1}),
        ("aua", {}, [2], {"opening": 1, "user": 1}),
        ("sasua", {}, [4], {"system": 2, "opening": 1, "user": 1}),
        ("ucra", {}, [1, 3], {"user": 1, "tool": 1}),
        ("uaua", {"supervise": "last"}, [3], {"user": 2, "history": 1}),
        ("uaum", {"supervise": "last"}, [], {"user": 2, "history": 1, "marked": 1}),
        ("uaut", {"thinking": "required"}, [3], {"user": 2, "untraced": 1}),
        ("utut", {"thinking": "required"}, [1, 3], {"user": 2}),
        ("um", {}, [], {"user": 1, "marked": 1}),
    ],
)
def test_turns_are_told_apart(letters: str, settings: dict[str, Any], turns: object, context: object) -> None:
    """By who speaks, by marks, and by what the recipe supervises and requires."""
    source = LocalSource(name="s", format="messages", files=("*",), **settings)
    got = learned_turns(chat(letters), source)
    assert (got.turns, dict(got.context)) == (turns, context)
    count = got.counted("s")
    assert count.turns == count.trained + sum(count.context.values()) == len(letters)


def test_a_turn_that_is_neither_learned_nor_context_is_a_defect() -> None:
    """So are turns of other rows than validation kept."""
    kept = Amount(rows=1, messages=3)
    ledger = Ledger(stages=(StageCount(stage="validate", source="s", read=kept, kept=kept),))
    good = TurnCount(source="s", turns=3, trained=1, context={"user": 2})
    assert good.check(ledger) == good
    for change in ({"trained": 2}, {"turns": 4, "trained": 2}):
        with pytest.raises(LedgerError, match="the turns of s do not balance"):
            good.model_copy(update=change).check(ledger)
