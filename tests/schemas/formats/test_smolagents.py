"""smolagents: the turns that answer a question, which stands in a column of its own."""

from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.smolagents import SmolAgents

CALL = "I look.\n<tool_call>\n{'name': 'tide', 'arguments': {'at': \"Looe's\"}}\n</tool_call>"
CALLED = [{"name": "tide", "arguments": {"at": "Looe's"}}]


def turn(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


def row(*turns: dict[str, Any], question: object = "Tide at Looe?") -> dict[str, Any]:
    return {"original_question": question, "messages": list(turns)}


ROW = row(turn("assistant", CALL), turn("tool", "06:12"), turn("assistant", "At 06:12."))
QUESTION = turn("user", "Tide at Looe?")
ANSWERED = [
    {"role": "assistant", "content": "I look.", "tool_calls": CALLED},
    turn("tool", "06:12"),
    turn("assistant", "At 06:12."),
]


def test_the_question_is_asked_first() -> None:
    """Calls are dicts of Python; the question stands before the answer, and behind the system prompt."""
    assert SmolAgents().read(ROW, Notes()).messages == [QUESTION, *ANSWERED]
    with_system = row(turn("system", "Be brief."), *ROW["messages"])
    assert SmolAgents().read(with_system, Notes()).messages == [
        turn("system", "Be brief."),
        QUESTION,
        *ANSWERED,
    ]


def test_responses_of_the_user_are_no_question() -> None:
    """A turn of the user that holds nothing but a tool's response is the tool's."""
    shown = turn("user", "<tool_response>\n06:12\n</tool_response>")
    draft = SmolAgents().read(row(turn("assistant", CALL), shown, turn("assistant", "At 06:12.")), Notes())
    assert draft.messages == [QUESTION, *ANSWERED]


def test_turns_that_ask_themselves() -> None:
    """The column says again what a turn of the user says."""
    draft = SmolAgents().read(row(turn("user", "Tide?"), turn("assistant", "At six.")), Notes())
    assert draft.messages == [turn("user", "Tide?"), turn("assistant", "At six.")]


def test_turns_of_calls_as_the_library_writes_them() -> None:
    """`tool-call` and `tool-response` are the library's names for these turns."""
    listed = (
        "Calling tools:\n[{'id': 'c1', 'type': 'function', 'function': {'name': 'now', 'arguments': {}}}]"
    )
    draft = SmolAgents().read(row(turn("tool-call", listed), turn("tool-response", "5")), Notes())
    assert draft.messages[1:] == [
        {"role": "assistant", "content": "", "tool_calls": [{"name": "now", "arguments": {}, "id": "c1"}]},
        turn("tool", "5"),
    ]


@pytest.mark.parametrize("question", [None, 3])
def test_a_row_without_a_question_is_refused(question: object) -> None:
    """Nobody asks."""
    with pytest.raises(PydanticCustomError) as error:
        SmolAgents().read(row(turn("assistant", "At six."), question=question), Notes())
    assert error.value.type == "wrong_type"


def test_it_is_recognised() -> None:
    """By turns without a user beside a question, in whichever columns they are."""
    assert SmolAgents.recognise([ROW, ROW]) == SmolAgents()
    other = {"task": "Tide?", "conversations": [{"from": "gpt", "value": "At six."}]}
    assert SmolAgents.recognise([other]) == SmolAgents(messages="conversations", question="task")
    assert SmolAgents.recognise([{"messages": ROW["messages"]}]) is None
    assert SmolAgents.recognise([row(turn("user", "q"), turn("assistant", "a"))]) is None
    assert SmolAgents.recognise([row(turn("system", "s"))]) is None
    assert SmolAgents.recognise([row({"x": 1})]) is None
    assert SmolAgents.recognise([]) is None


def test_turns_and_columns() -> None:
    """The ledger counts the question, too."""
    assert SmolAgents().turns(ROW) == 4
    assert {"original_question", "messages", "tools"} <= SmolAgents().columns()
    assert SmolAgents().layout() is None


@pytest.mark.parametrize("column", ["messages", "conversations", "conversation"])
@pytest.mark.parametrize(
    "question", ["original_question", "question", "prompt", "query", "task", "instruction"]
)
def test_usual_names_of_turns_and_question_are_recognised(column: str, question: str) -> None:
    """The first of them that are there."""
    turns = ROW["messages"]
    found = SmolAgents(messages=column, question=question)
    assert SmolAgents.recognise([{column: turns, question: "Tide?", "instruction": "Be brief."}]) == found


@pytest.mark.parametrize(
    ("turns", "fits"),
    [
        ([turn("assistant", "a")], True),
        ([turn("assistant", CALL), turn("user", "<tool_response>\n5\n</tool_response>")], True),
        ([{"from": "gpt", "value": "a"}], True),
        ([{"role": None, "from": "gpt", "text": "a"}], True),
        ([turn("assistant", "a"), turn("user", "q")], False),
        ([turn("assistant", "a"), turn("critic", "q")], False),
        ([turn("assistant", "a"), {"content": "q"}], False),
        ([turn("tool", "5")], False),
        ([turn("assistant", "a"), {"role": "user", "content": None}], False),
    ],
)
def test_turns_without_a_question_of_the_user_are_recognised(turns: list[dict[str, Any]], fits: bool) -> None:
    """All of them of known speakers, one of them the assistant."""
    assert (SmolAgents.recognise([row(*turns)]) is not None) == fits


def test_a_question_stands_behind_all_system_turns() -> None:
    """Even if nothing else is said."""
    systems = [turn("system", "s"), turn("system", "t")]
    assert SmolAgents().read(row(*systems), Notes()).messages == [*systems, QUESTION]
