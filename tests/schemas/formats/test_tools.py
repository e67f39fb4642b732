"""Definitions and calls in all their forms, and what is parsed once, not again and again."""

import json
from math import nan

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.tools import joint_results, read_call, read_calls, read_tools, says_none

FUNCTION = {"name": "tide", "description": "Tide", "parameters": {"type": "object", "properties": {}}}
SERVED = [{"type": "function", "function": FUNCTION}]


@pytest.mark.parametrize(
    "value",
    [
        [FUNCTION],
        FUNCTION,
        json.dumps([FUNCTION]),
        json.dumps(FUNCTION),
        [json.dumps(FUNCTION)],
        SERVED,
        json.dumps(SERVED),
        [{"type": "function", **FUNCTION}],
        [{"type": "function", "function": json.dumps(FUNCTION)}],
        [{"name": "tide", "description": "Tide", "parameters": json.dumps(FUNCTION["parameters"])}],
        [{"name": "tide", "description": "Tide", "input_schema": FUNCTION["parameters"]}],
        [{"name": "tide", "description": "Tide", "inputSchema": FUNCTION["parameters"]}],
        {key: [value] for key, value in FUNCTION.items()},
        {"type": ["function"], "function": [FUNCTION]},
    ],
)
def test_tools_are_read_as_a_server_shows_them(value: object) -> None:
    """Bare or wrapped, alone or in a list, as objects or JSON text, the schema under any of its names."""
    assert read_tools(value) == SERVED


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "  ", "null", "None", "{}", " [] ", [], {}, False, 0, float("nan")),
        {"type": None, "function": None},
        {"name": [], "parameters": []},
    ],
)
def test_words_for_no_tools(value: object) -> None:
    """Null, blank and empty values mean that there are none."""
    assert read_tools(value) == []


@pytest.mark.parametrize("value", ["tide", "[1]", [["tide"]], 3, [{"description": "x"}], '[{"name": 1}]'])
def test_other_tools_are_refused(value: object) -> None:
    """Definitions are objects with a name."""
    with pytest.raises(PydanticCustomError) as error:
        read_tools(value)
    assert error.value.type == "tools_invalid"


def test_a_tool_keeps_what_it_states() -> None:
    """Nothing is added to a wrapped definition, and nothing is taken away."""
    strict = {"type": "function", "function": {"name": "x", "strict": True}, "extra": 1}
    assert read_tools([strict]) == [strict]


ARGUMENTS = {"harbour": "Looe", "note": '{"a": 1}', "more": "[1]", "blank": "", "none": None}


@pytest.mark.parametrize(
    "value",
    [
        {"name": "tide", "arguments": ARGUMENTS},
        {"name": "tide", "arguments": json.dumps(ARGUMENTS)},
        {"function": {"name": "tide", "arguments": json.dumps(ARGUMENTS)}},
        {"function": {"name": "tide"}, "arguments": ARGUMENTS},
        {"name": "tide", "function": {"arguments": None}, "args": ARGUMENTS},
        {"type": "function", "name": None, "function": {"name": "tide", "arguments": ARGUMENTS}},
        {"function": "tide", "args": ARGUMENTS},
        {"name": "tide", "parameters": ARGUMENTS},
        {"type": "tool_use", "name": "tide", "input": ARGUMENTS},
        json.dumps({"name": "tide", "arguments": json.dumps(ARGUMENTS)}),
    ],
)
def test_text_in_arguments_stays_text(value: object) -> None:
    """JSON text is parsed once; an argument that looks like JSON is the text that it is."""
    assert read_call(value, "calls[]", Notes()) == {"name": "tide", "arguments": ARGUMENTS}


@pytest.mark.parametrize("value", [None, "", " ", "null", "{}", {}])
def test_words_for_no_arguments(value: object) -> None:
    """A call of a function without parameters has an empty object of arguments."""
    assert read_call({"name": "now", "arguments": value}, "x", Notes()) == {"name": "now", "arguments": {}}


@pytest.mark.parametrize(
    "value",
    [
        {"name": "tide", "arguments": json.dumps(json.dumps(ARGUMENTS))},
        {"name": "tide", "arguments": "Looe"},
        {"name": "tide", "arguments": ["Looe"]},
        {"name": "tide", "arguments": {"_raw": "harbour=Looe"}},
        {"name": 'ti"de', "arguments": {}},
        {"name": "", "arguments": {}},
        {"arguments": {}},
        "tide",
    ],
)
def test_other_calls_are_refused(value: object) -> None:
    """Text that was written twice, a list, what a converter could not read, and names that need escapes."""
    with pytest.raises(PydanticCustomError) as error:
        read_call(value, "x", Notes())
    assert error.value.type == "tool_call_invalid"


@pytest.mark.parametrize(
    ("call", "identity"),
    [
        ({"id": "a"}, {"id": "a"}),
        ({"id": 7}, {"id": "7"}),
        ({"call_id": "a"}, {"id": "a"}),
        ({"id": ""}, {}),
        ({"id": None}, {}),
        ({"id": True}, {}),
    ],
)
def test_ids_of_calls(call: dict[str, object], identity: dict[str, str]) -> None:
    """A number is the same id as its text; the id may have another name."""
    assert read_call({"name": "f", **call}, "x", Notes()) == {"name": "f", "arguments": {}, **identity}


LOOE = [{"name": "tide", "arguments": {"harbour": "Looe"}}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(LOOE[0]),
        json.dumps(LOOE),
        str(LOOE[0]),
        str(LOOE),
        """{"name": "tide", "arguments": '{"harbour": "Looe"}'}""",
        """{"name": "tide", "arguments": "{\\"harbour\\": \\"Looe\\"}"}""",
        f"Calling tools:\n[{{'id': None, 'type': 'function', 'function': {LOOE[0]}}}]",
    ],
)
def test_text_of_calls(text: str) -> None:
    """Calls are stated as JSON, as literals of Python, or as JSON with arguments in single quotes."""
    assert read_calls(text, "x", Notes()) == LOOE


@pytest.mark.parametrize(
    ("inside", "value"),
    [
        ('{"q": "Fisherman\'s Cove"}', "Fisherman's Cove"),
        ('{"q": "a\\nb"}', "a\nb"),
        ('{"q": "a\nb"}', "a\nb"),
        ('{"q": "say \\"hi\\""}', 'say "hi"'),
        ('{"q": "it\\\'s"}', "it's"),
    ],
)
def test_arguments_in_single_quotes_are_json_as_it_stands(inside: str, value: str) -> None:
    """Apostrophes need no escapes there, and the escapes are those of JSON."""
    text = f"""{{"name": "find", "arguments": '{inside}'}}"""
    assert read_calls(text, "x", Notes()) == [{"name": "find", "arguments": {"q": value}}]


@pytest.mark.parametrize("value", [None, "", " ", "null", "None", "[]", "{}", [], {}])
def test_words_for_no_calls(value: object) -> None:
    """A turn without calls may say so in several ways."""
    assert read_calls(value, "x", Notes()) == []


@pytest.mark.parametrize("value", [None, nan, False, "", "null", []])
def test_words_for_a_turn_that_calls_nothing(value: object) -> None:
    """NaN, too, which pandas writes where a cell is empty."""
    assert says_none(value)


def test_results_of_several_calls_in_one_text() -> None:
    """Each result keeps its text as it stands, with the name and id that it states."""
    text = '[{"name": "a", "results": {"x": 1}},\n {"tool_call_id": 7, "content": "y"}]'
    assert joint_results(text) == [
        {"content": '{"name": "a", "results": {"x": 1}}', "named": "a"},
        {"content": '{"tool_call_id": 7, "content": "y"}', "answers": "7"},
    ]
    for other in ("[]x", "[1, 2]", '[{"x": 1}]', '[{"name": "a"}', "plain", '{"name": "a"}'):
        assert joint_results(other) == []


def test_arguments_under_a_second_name_are_noted() -> None:
    """Only one of them can be what the tool is called with."""
    notes = Notes()
    call = {
        "name": "tide",
        "arguments": {"harbour": "Looe"},
        "parameters": {"harbour": "Fowey"},
        "kwargs": {},
    }
    assert read_call(call, "calls[]", notes)["arguments"] == {"harbour": "Looe"}
    assert [field.path for field in notes.tally().unread] == ["calls[].parameters"]
