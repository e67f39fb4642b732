"""Responses in the order of their calls: by ids, by names, as they stand; what does not match is counted."""

from time import process_time
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.arrange import arrange_messages
from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.messages import Messages

ASKED = {"role": "user", "content": "q"}
DONE = {"role": "assistant", "content": "done"}
COUNTED = (
    Finding.REORDERED,
    Finding.CALL_UNANSWERED,
    Finding.RESPONSE_UNASKED,
    Finding.RESPONSE_SPLIT,
    Finding.TRAILING_TURN,
)


def call(name: str, identity: object = None, key: str = "id") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": "{}"}, key: identity}


def calls(*listed: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": list(listed)}


def tool(content: str, answers: object = None, key: str = "tool_call_id", **more: object) -> dict[str, Any]:
    return {"role": "tool", "content": content, key: answers, **more}


def shown(*messages: dict[str, Any]) -> tuple[list[str], dict[Finding, int]]:
    """Return what stands in each turn, calls by their names, and what was counted of order."""
    notes = Notes()
    tools = [{"name": name} for name in "abc"]
    draft = Messages().read({"messages": list(messages), "tools": tools}, notes)
    turns = arrange_messages(draft, "keep", notes)
    texts = ["+".join(one["name"] for one in turn.get("tool_calls", ())) or turn["content"] for turn in turns]
    return texts, {finding: notes.found[finding] for finding in COUNTED if finding in notes.found}


TWO = calls(call("a", "1"), call("b", "2"))


@pytest.mark.parametrize(
    ("asked", "responses"),
    [
        (TWO, [tool("B", "2"), tool("A", "1")]),
        (calls(call("a", 1), call("b", 2)), [tool("B", 2), tool("A", 1)]),
        (calls(call("a", 1), call("b", "2")), [tool("B", 2), tool("A", "1")]),
        (calls(call("a", "1", "call_id"), call("b", "2", "call_id")), [tool("B", "2"), tool("A", "1")]),
        (TWO, [tool("B", "2", "call_id"), tool("A", "1", "call_id")]),
        (TWO, [tool("B", "2", "id"), tool("A", "1", "id")]),
        (TWO, [tool("B", "2", "tool_use_id"), tool("A", "1", "tool_use_id")]),
        (TWO, [tool("B", "2"), tool("A")]),
        (TWO, [tool("B"), tool("A", "1")]),
        (calls(call("a"), call("b", "2")), [tool("B", "2"), tool("A")]),
        (calls(call("a"), call("b")), [tool("B", name="b"), tool("A", name="a")]),
        (TWO, [tool("B", name="b"), tool("A", name="a")]),
        (calls(call("a", "1"), call("b", "1")), [tool("B", "1", name="b"), tool("A", "1", name="a")]),
    ],
)
def test_responses_are_put_in_the_order_of_their_calls(
    asked: dict[str, Any], responses: list[dict[str, Any]]
) -> None:
    """By ids, whatever the type and the key, even if only some have one; by names where ids tell nothing."""
    assert shown(ASKED, asked, *responses, DONE) == (["q", "a+b", "A", "B", "done"], {Finding.REORDERED: 2})


@pytest.mark.parametrize(
    "responses",
    [
        [tool("A", "1"), tool("B", "2")],
        [tool("A"), tool("B")],
        [tool("A", "message-7", "id"), tool("B", "message-8", "id")],
        [tool("A", name="x"), tool("B", name="y")],
        [tool("A", name="a"), tool("B")],
    ],
)
def test_responses_in_order_stay(responses: list[dict[str, Any]]) -> None:
    """Ids of turns are no ids of calls, and names that fit no call tell nothing."""
    assert shown(ASKED, TWO, *responses, DONE) == (["q", "a+b", "A", "B", "done"], {})


def test_two_calls_of_one_tool_by_name() -> None:
    """Responses of one tool keep their order."""
    asked = calls(call("a"), call("b"), call("a"))
    responses = [tool("B", name="b"), tool("A1", name="a"), tool("A2", name="a")]
    assert shown(ASKED, asked, *responses, DONE) == (
        ["q", "a+b+a", "A1", "B", "A2", "done"],
        {Finding.REORDERED: 3},
    )


def test_ids_that_are_used_again_in_later_turns() -> None:
    """Each turn's calls are matched with the responses to it."""
    first, second = calls(call("a", "0"), call("b", "1")), calls(call("b", "0"), call("c", "1"))
    turns = [first, tool("B", "1"), tool("A", "0"), DONE, ASKED, second, tool("C", "1"), tool("B", "0"), DONE]
    texts, found = shown(ASKED, *turns)
    assert texts == ["q", "a+b", "A", "B", "done", "q", "b+c", "B", "C", "done"]
    assert found == {Finding.REORDERED: 4}


def test_responses_before_their_calls() -> None:
    """Ids tell which call they answer; without ids the order of turns is refused later."""
    assert shown(ASKED, tool("B", "2"), tool("A", "1"), TWO, DONE) == (
        ["q", "a+b", "A", "B", "done"],
        {Finding.REORDERED: 4},
    )
    assert shown(ASKED, tool("A"), calls(call("a")), DONE)[0] == ["q", "A", "a", "done"]
    again = calls(call("a", "1"))
    assert shown(ASKED, tool("A", "1"), again, again, DONE)[0] == ["q", "A", "a", "a", "done"]


def test_a_response_before_the_last_calls_is_cut_off_behind_them() -> None:
    """Nothing answers it there."""
    assert shown(ASKED, tool("A", "1"), calls(call("a", "1"))) == (
        ["q", "a"],
        {Finding.REORDERED: 1, Finding.TRAILING_TURN: 1},
    )


@pytest.mark.parametrize(
    ("turns", "texts", "found"),
    [
        ([TWO, tool("A", "1"), DONE], ["q", "a+b", "A", "done"], {Finding.CALL_UNANSWERED: 1}),
        ([TWO, ASKED, DONE], ["q", "a+b", "q", "done"], {Finding.CALL_UNANSWERED: 2}),
        (
            [TWO, tool("B", "2"), tool("A", "1"), tool("X", "9"), DONE],
            ["q", "a+b", "A", "B", "X", "done"],
            {Finding.REORDERED: 3, Finding.RESPONSE_UNASKED: 1},
        ),
        (
            [TWO, tool("A", "1"), tool("X", "1"), tool("B", "2"), DONE],
            ["q", "a+b", "A", "B", "X", "done"],
            {Finding.REORDERED: 3, Finding.RESPONSE_UNASKED: 1},
        ),
        (
            [calls(call("a")), tool("A"), tool("X"), DONE],
            ["q", "a", "A", "X", "done"],
            {Finding.RESPONSE_UNASKED: 1},
        ),
    ],
)
def test_what_does_not_match_is_counted(
    turns: list[dict[str, Any]], texts: list[str], found: dict[Finding, int]
) -> None:
    """Calls without a response although the chat goes on; responses that are nobody's, which come last."""
    assert shown(ASKED, *turns) == (texts, found)


def test_calls_at_the_end_wait_for_nothing() -> None:
    """The last answer may be a call."""
    assert shown(ASKED, TWO) == (["q", "a+b"], {})


def test_a_gap_in_the_responses_is_refused() -> None:
    """The template shows responses by position: the one response would answer the wrong call."""
    with pytest.raises(PydanticCustomError) as error:
        shown(ASKED, TWO, tool("B", "2"), DONE)
    assert error.value.type == "role_order"


@pytest.mark.parametrize(
    "text",
    [
        '[{"name": "b", "content": 2}, {"name": "a", "content": 1}]',
        "[{'name': 'b', 'content': 2}, {'name': 'a', 'content': 1}]",
        '[{"tool_call_id": "2", "content": 2}, {"tool_call_id": "1", "content": 1}]',
    ],
)
def test_one_response_to_several_calls_is_split(text: str) -> None:
    """A list of results with the names or ids of all calls is one response a call, in their order."""
    texts, found = shown(ASKED, TWO, tool(text), DONE)
    second, first = text[1:-1].split(", {")
    assert texts == ["q", "a+b", f"{{{first}", second, "done"]
    assert found == {Finding.REORDERED: 2, Finding.RESPONSE_SPLIT: 1}


@pytest.mark.parametrize(
    "text",
    ['[{"name": "a"}, {"name": "x"}]', '[{"name": "a"}]', "[1, 2]", "done both"],
)
def test_one_response_to_several_calls_that_does_not_name_them(text: str) -> None:
    """Which calls it answers cannot be known: it is the first one's, and the others are counted."""
    assert shown(ASKED, TWO, tool(text), DONE) == (["q", "a+b", text, "done"], {Finding.CALL_UNANSWERED: 1})


def test_one_response_with_an_id_answers_that_call() -> None:
    """Even if its text is a list."""
    text = '[{"name": "a"}, {"name": "b"}]'
    assert shown(ASKED, TWO, tool(text, "1"), DONE)[1] == {Finding.CALL_UNANSWERED: 1}


def test_ids_and_names_are_no_part_of_a_turn() -> None:
    """Nothing of them is shown to the model."""
    notes = Notes()
    draft = Messages().read({"messages": [ASKED, TWO, tool("A", "1", name="a"), tool("B", "2"), DONE]}, notes)
    assert arrange_messages(draft, "keep", notes)[1:4] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}}],
        },
        {"role": "tool", "content": "A"},
        {"role": "tool", "content": "B"},
    ]
    assert notes.found == {Finding.TOOL_UNDEFINED: 2}


def test_time_grows_with_the_number_of_calls_alone() -> None:
    """Thousands of calls in a turn take no longer for each of them."""
    begun = process_time()
    many = range(20_000)
    asked = calls(*(call("a", number) for number in many))
    shown(ASKED, asked, *(tool(str(number), number) for number in reversed(many)), DONE)
    assert process_time() - begun < 10


@pytest.mark.parametrize(
    ("asked", "first", "second"),
    [
        (calls(call("a"), call("b")), '{"name": "a", "content": 1}', '{"name": "b", "content": 2}'),
        (TWO, '{"tool_call_id": "1", "content": 1}', '{"tool_call_id": "2", "content": 2}'),
        (TWO, '{"name": "a", "tool_call_id": "x", "n": 1}', '{"name": "b", "tool_call_id": "y", "n": 2}'),
    ],
)
def test_responses_whose_texts_name_their_calls_are_matched_with_these(
    asked: dict[str, Any], first: str, second: str
) -> None:
    """As Hermes sets write them: the object of a result says which tool it is of."""
    order = ["q", "a+b", first, second, "done"]
    assert shown(ASKED, asked, tool(second), tool(first), DONE) == (order, {Finding.REORDERED: 2})
    assert shown(ASKED, asked, tool(first), tool(second), DONE) == (order, {})


@pytest.mark.parametrize("second", ['{"name": "Bob"}', '{"name": "a"}', "[1]", "plain"])
def test_texts_that_do_not_name_all_calls_tell_nothing(second: str) -> None:
    """A result may have a name of its own; responses stay as they stand."""
    asked = calls(call("a"), call("b"))
    order = ["q", "a+b", second, '{"name": "a"}', "done"]
    assert shown(ASKED, asked, tool(second), tool('{"name": "a"}'), DONE) == (order, {})
