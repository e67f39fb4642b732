"""Each turn of a valid row is learned or context, for one reason."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from thinkmix.curation.validate.learned import TAG_BYTES, count_turns, learned_turns, prompt_bytes
from thinkmix.flows.sources.local_source import LocalSource
from thinkmix.schemas.conversation import Message
from thinkmix.schemas.errors import LedgerError
from thinkmix.schemas.ledger import Amount, Ledger, StageCount, TurnCount

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
    assert (got.turns, dict(Counter(got.context))) == (turns, context)
    assert count_turns("s", len(got.turns), Counter(got.context)).turns == len(letters)


def test_a_turn_that_is_neither_learned_nor_context_is_a_defect() -> None:
    """So are turns of other rows than validation kept."""
    kept = Amount(rows=1, messages=3)
    ledger = Ledger(stages=(StageCount(stage="validate", source="s", read=kept, kept=kept),))
    good = TurnCount(source="s", turns=3, trained=1, context={"user": 2})
    assert good.check(ledger) == good
    for change in ({"trained": 2}, {"turns": 4, "trained": 2}):
        with pytest.raises(LedgerError, match="the turns of s do not balance"):
            good.model_copy(update=change).check(ledger)


@pytest.mark.parametrize(
    ("letters", "turns", "size"),
    [
        ("ua", [1], TAG_BYTES + 1),
        ("sua", [2], 2 * (TAG_BYTES + 1)),
        ("uaua", [1, 3], (1 + 3) * (TAG_BYTES + 1)),
        ("uaua", [3], 3 * (TAG_BYTES + 1)),
        ("uaua", [1], TAG_BYTES + 1),
        ("utua", [3], 3 * (TAG_BYTES + 1) + 1),
        ("ucra", [3], 3 * TAG_BYTES + 1 + 2 + 1),
        ("ua", [], 0),
    ],
)
def test_prompts_are_counted_with_all_that_was_said_before(letters: str, turns: list[int], size: int) -> None:
    """Each learned turn is shown the turns before it: their text, traces, arguments, and a tag each."""
    assert prompt_bytes(chat(letters), (), turns) == size


def test_prompts_are_counted_in_bytes_and_with_their_tools() -> None:
    """Text beyond ASCII counts as UTF-8, and every prompt begins with the tools."""
    said = [Message(role="user", content="\u4e2d\u6587"), TURNS["a"], TURNS["u"], TURNS["a"]]
    tools = [{"name": "f"}]
    shown = TAG_BYTES + 6
    assert prompt_bytes(said, (), [1, 3]) == shown + shown + 2 * (TAG_BYTES + 1)
    assert prompt_bytes(said, tools, [1, 3]) == prompt_bytes(said, (), [1, 3]) + 2 * len('{"name": "f"}')
