"""tool-calling-mix: turns, tools and target as JSON text, and turns in the form of ReAct."""

import json
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.contract import Draft
from thinkmix.schemas.formats.tool_calling_mix import ToolCallingMix

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


@pytest.mark.parametrize("column", ["messages_json", "target_json"])
def test_turns_and_target_tell_it(column: str) -> None:
    """Both of them text, in most rows."""
    assert ToolCallingMix.recognise([{**row(ASKED, target=[LOOE]), column: ""}]) is None
    listed = {**row(ASKED, target=[LOOE]), "messages_json": [ASKED, ASKED]}
    assert ToolCallingMix().turns(listed) == 3
    assert ToolCallingMix().turns({**listed, "target_json": None}) == 2


def test_a_target_may_be_text() -> None:
    """Which is the answer, and no JSON."""
    for target in ("At 06:12.", " At {06:12}."):
        stated = {**row(ASKED, target=None), "target_json": target}
        assert ToolCallingMix().read(stated, Notes()).messages == [ASKED, said("assistant", target)]
    listed = {**row(ASKED, target=None), "target_json": [LOOE]}
    assert ToolCallingMix().read(listed, Notes()).messages[1]["tool_calls"] == [LOOE]


@pytest.mark.parametrize(
    ("target", "detail"),
    [
        (7, "target_json is int, not an object"),
        ({"content": 7}, "target_json.content is int, not text"),
    ],
)
def test_another_target_is_refused(target: object, detail: str) -> None:
    """With its place."""
    with pytest.raises(PydanticCustomError) as error:
        ToolCallingMix().read({**row(ASKED, target=None), "target_json": target}, Notes())
    assert (error.value.type, error.value.message()) == ("wrong_type", detail)


def test_keys_of_a_target_that_nobody_reads_are_noted() -> None:
    """And those of its calls."""
    notes = Notes()
    target = {"role": "assistant", "content": "a", "tool_calls": [{**LOOE, "why": "w"}], "mood": "calm"}
    read(ASKED, target=target, notes=notes)
    assert [field.path for field in notes.tally().unread] == [
        "target_json.mood",
        "target_json.tool_calls[].why",
    ]


@pytest.mark.parametrize(
    ("turns", "target", "want"),
    [
        ([], {"content": "a"}, [said("assistant", "a")]),
        ([ASKED, said("assistant", "a ")], {"content": " a"}, None),
        ([ASKED, said("assistant", "a", tool_calls=[LOOE])], {"content": "a", "tool_calls": [LOOE]}, None),
        (
            [ASKED, said("assistant", "", tool_calls=[LOOE]), said("tool", "r"), said("assistant", "a")],
            {"tool_calls": [LOOE]},
            None,
        ),
        (
            [ASKED, said("assistant", "a"), ASKED],
            {"content": "a"},
            [*[ASKED, said("assistant", "a"), ASKED], said("assistant", "a")],
        ),
    ],
)
def test_an_answer_that_stands_there_is_not_added(
    turns: list[dict[str, Any]], target: object, want: list[dict[str, Any]] | None
) -> None:
    """Nor are calls that were made by name."""
    assert read(*turns, target=target).messages == (turns if want is None else want)


@pytest.mark.parametrize("target", [{"content": "b"}, {"content": "a", "tool_calls": [{"name": "wind"}]}])
def test_another_answer_than_the_one_that_stands_there_is_refused(target: object) -> None:
    """By its text or by its calls."""
    with pytest.raises(PydanticCustomError) as error:
        read(ASKED, said("assistant", "a", tool_calls=[LOOE]), target=target)
    assert error.value.message() == "the turns end with an answer, and the target is another one"


@pytest.mark.parametrize(
    ("turns", "place", "acts"),
    [
        ([ASKED, said("assistant", ACTION)], 1, True),
        ([ASKED, said("assistant", ACTION), said("tool", "r")], 1, True),
        ([ASKED, said("assistant", ACTION), ASKED], 1, False),
        ([ASKED, said("assistant", ACTION, tool_calls=[LOOE])], 1, False),
        ([said("user", ACTION), said("tool", "r")], 0, False),
        ([ASKED, said("assistant", "Thought: x\nAction: tide")], 1, False),
        ([ASKED, said("assistant", "Action:  \nAction Input: {}")], 1, False),
    ],
)
def test_an_action_is_a_call_where_a_tool_answers_or_the_chat_ends(
    turns: list[dict[str, Any]], place: int, acts: bool
) -> None:
    """Of the assistant, which does not call otherwise."""
    turn = read(*turns, target=None).messages[place]
    assert turn == (said("assistant", "I look it up.", tool_calls=[LOOE]) if acts else turns[place])


def test_the_last_action_is_the_call() -> None:
    """An earlier one belongs to the thought."""
    text = "Thought: Action: is a word.\nAction: tide\nAction Input: {'at': 'Looe'}"
    (_, turn) = read(ASKED, said("assistant", text), target=None).messages
    assert (turn["content"], turn["tool_calls"]) == ("Action: is a word.", [LOOE])
    text = "Thought: x\nAction: tide\nAction Input: {'at': 'Action Input:'}"
    (_, turn) = read(ASKED, said("assistant", text), target=None).messages
    assert turn["tool_calls"] == [{"name": "tide", "arguments": {"at": "Action Input:"}}]


def test_a_broken_action_is_told_by_its_name() -> None:
    """Up to 40 characters of it."""
    with pytest.raises(PydanticCustomError) as error:
        read(ASKED, said("assistant", f"Action: {'x' * 50}\nAction Input: Looe"), target=None)
    assert error.value.message() == f"the input of {'x' * 40!r}: no value at 'Looe'"


def test_a_trace_that_is_not_opened_is_refused_unless_the_recipe_expects_it() -> None:
    """As in every format."""
    stated = row(ASKED, said("assistant", "hm</think>a"), target=None)
    with pytest.raises(PydanticCustomError) as error:
        ToolCallingMix().read(stated, Notes())
    assert error.value.type == "think_unopened"
    assert ToolCallingMix().read(stated, Notes(), unopened=True).messages[1]["reasoning"] == "hm"
