"""The order of turns: what nobody answers is cut off, and responses meet their calls."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.arrange import arrange_messages
from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.contract import Draft

Turn = dict[str, Any]
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]


def turn(role: str, content: str = "x", **more: object) -> Turn:
    return {"role": role, "content": content, **more}


def calls(*names: str, ids: tuple[str, ...] = ()) -> Turn:
    listed = [{"name": name, "arguments": {}} for name in names]
    for call, identity in zip(listed, ids, strict=False):
        call["id"] = identity
    return turn("assistant", "", tool_calls=listed)


def settle(*turns: Turn, neighbours: Any = "keep") -> tuple[list[Turn], Mapping[Finding, int]]:
    notes = Notes()
    return arrange_messages(Draft(messages=list(turns), tools=TOOLS), neighbours, notes), notes.found


def shown(*turns: Turn, **settings: Any) -> list[str]:
    return [one["content"] for one in settle(*turns, **settings)[0]]


@pytest.mark.parametrize("last", [("user",), ("user", "user"), ("system",), ("user", "system")])
def test_turns_after_the_last_answer_are_cut_off_and_counted(last: tuple[str, ...]) -> None:
    """Whoever speaks them."""
    got, found = settle(turn("user"), turn("assistant"), *map(turn, last))
    assert [one["role"] for one in got] == ["user", "assistant"]
    assert found == {Finding.TRAILING_TURN: len(last)}


def test_a_response_that_nobody_goes_on_from_is_cut_off() -> None:
    """The call before it is the last answer."""
    got, found = settle(turn("user"), calls("f"), turn("tool"))
    assert ([one["role"] for one in got], found) == (["user", "assistant"], {Finding.TRAILING_TURN: 1})


def test_a_row_without_an_answer_stays_whole() -> None:
    """It is refused for that, later."""
    assert settle(turn("user"), turn("user")) == ([turn("user"), turn("user")], {})


def test_turns_in_a_row_stay_or_are_joined_or_cost_the_row() -> None:
    """By the recipe; an empty one adds no line."""
    turns = [
        turn("user", "a"),
        turn("user", " "),
        turn("user", "b"),
        turn("assistant", "c"),
        turn("assistant", "d"),
    ]
    assert shown(*turns) == ["a", " ", "b", "c", "d"]
    assert shown(*turns, neighbours="join") == ["a\nb", "c\nd"]
    assert settle(*turns, neighbours="join")[1] == {Finding.JOINED_TURN: 3}
    with pytest.raises(PydanticCustomError, match=r"message 1: user after user, with `turns: drop`"):
        settle(*turns, neighbours="drop")


def test_answers_with_calls_traces_or_other_marks_are_not_joined() -> None:
    """Joined, they would say something else."""
    for second in (turn("assistant", "b", reasoning="t"), turn("assistant", "b", context=True)):
        assert shown(turn("user", "q"), turn("assistant", "a"), second, neighbours="join") == ["q", "a", "b"]
    got, _ = settle(turn("user"), turn("assistant", "a", reasoning="t"), calls("f"), neighbours="join")
    assert got[1] == turn("assistant", "a", reasoning="t", tool_calls=[{"name": "f", "arguments": {}}])


def test_responses_stand_in_the_order_of_their_calls() -> None:
    """The template shows them by position, so ids are what tells."""
    got, found = settle(
        turn("user", "q"),
        calls("f", "g", ids=("1", "2")),
        turn("tool", "of g", answers="2"),
        turn("tool", "of f", answers="1"),
        turn("assistant", "a"),
    )
    assert [one["content"] for one in got] == ["q", "", "of f", "of g", "a"]
    assert found == {Finding.REORDERED: 2}
    assert all("answers" not in one for one in got)
    assert got[1]["tool_calls"] == [{"name": "f", "arguments": {}}, {"name": "g", "arguments": {}}]


@pytest.mark.parametrize("ids", [(), ("1", "1")])
def test_without_an_id_for_each_call_responses_stay_where_they_are(ids: tuple[str, ...]) -> None:
    """Nobody can say which is whose."""
    turns = [turn("tool", "b", answers="2"), turn("tool", "a", answers="1"), turn("assistant", "z")]
    assert shown(turn("user", "q"), calls("f", "g", ids=ids), *turns) == ["q", "", "b", "a", "z"]


@pytest.mark.parametrize(
    ("turns", "found"),
    [
        ([calls("f", "g"), turn("tool"), turn("assistant")], {Finding.CALL_UNANSWERED: 1}),
        ([calls("f"), turn("user"), turn("assistant")], {Finding.CALL_UNANSWERED: 1}),
        ([calls("f"), turn("tool"), turn("tool"), turn("assistant")], {Finding.RESPONSE_UNASKED: 1}),
        (
            [calls("f", ids=("1",)), turn("tool", answers="9"), turn("assistant")],
            {Finding.RESPONSE_UNASKED: 1, Finding.CALL_UNANSWERED: 1},
        ),
        ([calls("h"), turn("tool"), turn("assistant")], {Finding.TOOL_UNDEFINED: 1}),
        ([calls("f", "g")], {}),
        ([calls("f"), turn("tool"), turn("assistant")], {}),
    ],
)
def test_calls_and_responses_that_do_not_match_are_counted(turns: list[Turn], found: object) -> None:
    """A call at the end of the chat is an answer, and waits for nothing."""
    assert settle(turn("user"), *turns)[1] == found
