"""tool-calling-mix: turns, tools and target as JSON text, and turns in the form of ReAct."""

import json
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats import Draft, ToolCallingMix

TIDE = {"name": "tide", "description": "Tide", "parameters": {"at": {"type": "str", "description": "Where"}}}
LOOE = {"name": "tide", "arguments": {"at": "Looe"}}
ASKED = {"role": "user", "content": "Tide at Looe?"}


def said(role: str, content: str, **more: object) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def row(*messages: dict[str, Any], target: object) -> dict[str, Any]:
    return {
        "messages_json": json.dumps(messages),
        "tools_json": json.dumps([TIDE]),
        "target_json": target if target is None else json.dumps(target),
        "meta_source": "xlam60k",
        "n_calls": 1,
        "difficulty": "simple",
        "valid": True,
    }


def read(*messages: dict[str, Any], target: object, notes: Notes | None = None) -> Draft:
    return ToolCallingMix().read(row(*messages, target=target), notes or Notes())


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ({"tool_calls": [LOOE]}, said("assistant", "", tool_calls=[LOOE])),
        ([LOOE], said("assistant", "", tool_calls=[LOOE])),
        ({"tool_calls": [{"function": LOOE}]}, said("assistant", "", tool_calls=[LOOE])),
        (
            {"role": "assistant", "content": "I look.", "tool_calls": [LOOE]},
            said("assistant", "I look.", tool_calls=[LOOE]),
        ),
        ({"content": "At 06:12.", "tool_calls": []}, said("assistant", "At 06:12.")),
        (
            {"content": "<think>\nSo.\n</think>\nAt 06:12."},
            said("assistant", "\nAt 06:12.", reasoning="\nSo.\n"),
        ),
    ],
)
def test_the_target_answers_the_turns(target: object, answer: dict[str, Any]) -> None:
    """Calls, text, or both."""
    assert read(ASKED, target=target).messages == [ASKED, answer]


def test_tools_are_json_schema() -> None:
    """Flat parameters are read as xLAM's are."""
    parameters = {
        "type": "object",
        "properties": {"at": {"type": "string", "description": "Where"}},
        "required": ["at"],
    }
    tools = read(ASKED, target={"tool_calls": [LOOE]}).tools
    assert tools == [{"type": "function", "function": {**TIDE, "parameters": parameters}}]


@pytest.mark.parametrize("target", [{"tool_calls": []}, {}, None, [], {"content": "For how long?"}])
def test_turns_that_are_answered_already(target: object) -> None:
    """A target that says nothing else adds nothing."""
    answer = said("assistant", "For how long?")
    assert read(ASKED, answer, target=target).messages == [ASKED, answer]


def test_calls_that_the_turns_state_already() -> None:
    """A target that repeats the calls of the turns adds nothing."""
    turns = [ASKED, said("assistant", "", tool_calls=[LOOE])]
    assert read(*turns, target={"tool_calls": [LOOE]}).messages == turns


def test_a_row_without_an_answer_has_none() -> None:
    """Nothing is learned of it."""
    assert read(ASKED, target={"tool_calls": []}).messages == [ASKED]


@pytest.mark.parametrize("target", [{"tool_calls": [LOOE]}, {"content": "Other."}])
def test_two_answers_are_refused(target: object) -> None:
    """Which one is meant cannot be known."""
    with pytest.raises(PydanticCustomError) as error:
        read(ASKED, said("assistant", "One."), target=target)
    assert error.value.type == "role_order"


@pytest.mark.parametrize("arguments", [{"_raw": "at=Looe"}, "Looe"])
def test_arguments_that_nobody_could_read_are_refused(arguments: object) -> None:
    """The set keeps them as text under a name of its own."""
    with pytest.raises(PydanticCustomError) as error:
        read(ASKED, target={"tool_calls": [{"name": "tide", "arguments": arguments}]})
    assert error.value.type == "tool_call_invalid"


ACTION = '\nThought: I look it up.\nAction: tide\nAction Input: {\n  "at": "Looe"\n}'
FINISH = "\nThought: I know.\nAction: Finish\nAction Input: {'final_answer': \"At 06:12.\"}"
FINAL = {"name": "Finish", "arguments": {"final_answer": "At 06:12."}}


def test_react_turns_are_calls() -> None:
    """An action that a tool answers, or that ends the chat, is a call; its thought is what is said."""
    notes = Notes()
    turns = [ASKED, said("assistant", ACTION), said("tool", "06:12"), said("assistant", FINISH)]
    assert read(*turns, target={"tool_calls": [LOOE]}, notes=notes).messages == [
        ASKED,
        said("assistant", "I look it up.", tool_calls=[LOOE]),
        said("tool", "06:12"),
        said("assistant", "I know.", tool_calls=[FINAL]),
    ]
    assert notes.found == {Finding.TEXT_CALLS: 2}


@pytest.mark.parametrize(
    "text",
    [
        "Action Input: is a line of ReAct.",
        "Thought: x\nAction: a\nb\nAction Input: {}",
        "Write Action: and so on.",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    """Text that has no action with a name is an answer."""
    assert read(ASKED, said("assistant", text), target=None).messages[-1] == said("assistant", text)


def test_an_action_without_input_has_no_arguments() -> None:
    """ReAct writes nothing where there is nothing to say."""
    turns = [
        ASKED,
        said("assistant", "Action: now\nAction Input: "),
        said("tool", "5"),
        said("assistant", "5."),
    ]
    assert read(*turns, target=None).messages[1]["tool_calls"] == [{"name": "now", "arguments": {}}]


def test_a_broken_action_is_refused() -> None:
    """It is not trained as text."""
    with pytest.raises(PydanticCustomError) as error:
        read(ASKED, said("assistant", "Action: tide\nAction Input: Looe"), said("tool", "5"), target=[LOOE])
    assert error.value.type == "tool_call_invalid"


def test_it_is_recognised() -> None:
    """By its columns."""
    one = row(ASKED, target=[LOOE])
    assert ToolCallingMix.recognise([one, one]) == ToolCallingMix()
    assert ToolCallingMix.recognise([{"messages": "[]", "target": "x"}]) is None
    assert ToolCallingMix.recognise([]) is None


def test_turns_and_columns() -> None:
    """The ledger counts roles and the target; what says what a row is like is known."""
    one = row(ASKED, target=[LOOE])
    assert ToolCallingMix().turns(one) == 2
    assert set(one) - {"difficulty"} <= ToolCallingMix().columns()
    assert ToolCallingMix().layout() is None
