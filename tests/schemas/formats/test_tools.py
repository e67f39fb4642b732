"""Definitions and calls in all their forms, and what is parsed once, not again and again."""

import json
from math import nan

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.tools import (
    joint_results,
    read_call,
    read_calls,
    read_tools,
    says_none,
    tool_name,
    unite_calls,
)

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


@pytest.mark.parametrize("key", ["tool_call_id", "call_id", "tool_use_id"])
def test_a_result_names_its_call_under_any_usual_key(key: str) -> None:
    """With or without its tool; commas and space between results do not matter."""
    one = json.dumps({key: "c", "name": "f"})
    want = {"content": one, "answers": "c", "named": "f"}
    assert joint_results(f" [ {one} , {one}\n{one} ] ") == [want] * 3
    assert joint_results(f"[{one},{one}]") == [want] * 2
    assert joint_results(f"[{one}] x") == []
    assert joint_results(f"[{one}, x]") == []
    assert joint_results(f"[{one}, [1]]") == []
    assert joint_results(f"{one}]") == []
    assert joint_results("[]") == []
    assert joint_results(f"[{one}, {{broken}}]") == []


@pytest.mark.parametrize("key", ["id", "call_id", "tool_call_id"])
def test_the_id_of_a_call_stands_beside_its_function_or_inside(key: str) -> None:
    """The outer one counts."""
    inner = {"name": "f", "arguments": {}}
    want = {**inner, "id": "a"}
    assert read_call({**inner, key: "a"}, "x", Notes()) == want
    assert read_call({"function": inner, key: "a"}, "x", Notes()) == want
    assert read_call({"function": {**inner, key: "b"}, key: "a"}, "x", Notes()) == want
    assert read_call({"function": {**inner, key: "a"}}, "x", Notes()) == want


@pytest.mark.parametrize("key", ["arguments", "parameters", "args", "input", "kwargs"])
def test_arguments_have_one_of_five_names(key: str) -> None:
    """Beside the name, beside the function, or inside; null is none."""
    want = {"name": "f", "arguments": {"a": 1}}
    for call in (
        {"name": "f", key: {"a": 1}},
        {"function": "f", key: {"a": 1}},
        {"function": {"name": "f"}, key: {"a": 1}},
        {"function": {"name": "f", key: {"a": 1}}},
        {"function": {"name": "f", "arguments": None, key: {"a": 1}}},
        {"name": "f", "arguments": None, key: json.dumps({"a": 1})},
        {"function": json.dumps({"name": "f", key: {"a": 1}})},
        {"function": f" {json.dumps({'name': 'f'})}", key: {"a": 1}},
    ):
        notes = Notes()
        assert read_call(call, "x", notes) == want
        assert notes.tally().unread == ()


def test_keys_of_a_call_that_nobody_reads_are_noted() -> None:
    """Outside of its function and inside; type and index say nothing."""
    notes = Notes()
    inner = {"name": "f", "arguments": {}, "strict": True}
    read_call({"type": "function", "index": 0, "id": "a", "why": "w", "function": inner}, "calls[]", notes)
    assert [field.path for field in notes.tally().unread] == ["calls[].why", "calls[].strict"]


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ({"arguments": {}}, "no name in \"{'arguments': {}}\""),
        ({"x" * 100: 1}, f"no name in {str({'x' * 100: 1})[:80]!r}"),
        ({"name": f'"{"f" * 50}'}, f"the name '\"{'f' * 39}' would need escapes"),
        ({"name": "f" * 50, "arguments": []}, f"arguments of {'f' * 40!r} are not an object"),
        (
            {"name": "f" * 50, "arguments": {"_raw": "x"}},
            f"arguments of {'f' * 40!r} are text that their author left",
        ),
        ({"function": 7}, "no name in \"{'function': 7}\""),
    ],
)
def test_a_call_that_is_none_is_shown(value: object, detail: str) -> None:
    """Up to 80 characters of it, 40 of its name."""
    with pytest.raises(PydanticCustomError) as error:
        read_call(value, "x", Notes())
    assert (error.value.type, error.value.message()) == ("tool_call_invalid", detail)


def test_text_that_an_author_left_is_one_of_several_arguments() -> None:
    """Only by itself it stands for all of them."""
    call = {"name": "f", "arguments": {"_raw": "x", "a": 1}}
    assert read_call(call, "x", Notes()) == call


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("7", "not a list of objects: '7'"),
        ('"' + "x" * 100 + '"', f"not a list of objects: '\"{'x' * 79}'"),
        ([7], "not an object: '7'"),
        ([["x" * 100]], f"not an object: {str(['x' * 100])[:80]!r}"),
        ([{"x": "y" * 100}], f"a tool without a name: {str({'x': 'y' * 100})[:80]!r}"),
        (b"x", "not a list of objects: \"b'x'\""),
    ],
)
def test_a_definition_that_is_none_is_shown(value: object, detail: str) -> None:
    """Up to 80 characters of it."""
    with pytest.raises(PydanticCustomError) as error:
        read_tools(value)
    assert (error.value.type, error.value.message()) == ("tools_invalid", detail)


@pytest.mark.parametrize(
    ("tool", "want"),
    [
        ({"type": "code", "name": "f"}, {"type": "code", "name": "f"}),
        (
            {"name": "f", "input_schema": {"a": 1}, "parameters": {}},
            {"name": "f", "input_schema": {"a": 1}, "parameters": {}},
        ),
        (
            {"name": "f", "input_schema": {"a": 1}, "inputSchema": {}},
            {"name": "f", "parameters": {"a": 1}, "inputSchema": {}},
        ),
        ({"name": "f", "parameters": ' {"a": 1}'}, {"name": "f", "parameters": {"a": 1}}),
        ({"name": "f", "parameters": "a"}, {"name": "f", "parameters": "a"}),
        ({"name": "f", "inputSchema": '{"a": 1}'}, {"name": "f", "parameters": {"a": 1}}),
    ],
)
def test_a_function_is_served_with_its_schema_under_one_name(
    tool: dict[str, object], want: dict[str, object]
) -> None:
    """The first that it has; only the type `function` is that of the wrapping."""
    assert read_tools([tool]) == [{"type": "function", "function": want}]
    assert read_tools([{"function": tool}]) == [{"type": "function", "function": want}]


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("""{"name": "f", "arguments": '{}'}""", {}),
        ("""{"name": "f", "arguments": ''}""", {}),
        ("""{"name": "f", "arguments" : ' ' } """, {}),
        ("""{"arguments": '{"a": 1}'}""", None),
        ("""{"name": "f", "arguments": '{"a": "it's"}'}""", {"a": "it's"}),
        ("""{"name": "f", "arguments": '{"a": 1}' x}""", None),
        ("""{"name": "f", "arguments": '{"a": 1}}""", None),
        ("""{"name": "f", "arguments": {"a": 'it's'}}""", None),
        ("""{"name": f, "arguments": '{"a": 1}'}""", None),
        ("""{"name": "f", "arguments": '{a}'}""", None),
        ("""{"name": "f", "arguments": x{"a": 1}'}""", None),
        ("""{"name": "f", "arguments": '{"a": 1}']""", None),
        ("""{"name": "f", "arguments": '{"arguments": 1}'}""", {"arguments": 1}),
        ("""{"name": "f", "arguments": '{"arguments": "it's"}'}""", {"arguments": "it's"}),
        ("""["name": "f", "arguments": '{"a": 1}'}""", None),
    ],
)
def test_arguments_in_single_quotes_end_the_call(text: str, call: dict[str, object] | None) -> None:
    """What stands before them is JSON, too; nothing but a bracket stands behind."""
    if call is None:
        with pytest.raises(PydanticCustomError) as error:
            read_calls(text, "x", Notes())
        assert error.value.type == "tool_call_invalid"
    else:
        assert read_calls(text, "x", Notes()) == [{"name": "f", "arguments": call}]


def test_text_that_states_no_call_is_shown() -> None:
    """With what is wrong, up to 80 characters."""
    with pytest.raises(PydanticCustomError) as error:
        read_calls("f" * 100, "x", Notes())
    assert error.value.message() == f"no value at {'f' * 40!r}, in {'f' * 80!r}"


def test_the_same_calls_in_two_places_are_made_once() -> None:
    """By name and arguments; the first have the ids."""
    one, other = {"name": "f", "arguments": {}, "id": "a"}, {"name": "f", "arguments": {"a": 1}}
    same = {"name": "f", "arguments": {}}
    assert unite_calls([one], [same]) == [one]
    assert unite_calls([one], [other]) == [one, other]
    assert unite_calls([one, other], [same]) == [one, other, same]
    assert unite_calls([], [one]) == [one]
    assert unite_calls([one], []) == [one]


@pytest.mark.parametrize("tool", [{}, {"function": "f"}, {"function": {}}, {"function": {"name": 7}}])
def test_a_definition_may_have_no_name(tool: dict[str, object]) -> None:
    """Then it is that of no call."""
    assert tool_name(tool) is None
    assert tool_name({"function": {"name": "f"}}) == "f"


@pytest.mark.parametrize("value", [1, True, "x", [None], {"a": 0}, "[ ]", 0.5])
def test_all_other_values_are_calls_or_tools(value: object) -> None:
    """Or are to be refused."""
    assert not says_none(value)
    assert says_none({"a": None, "b": None})
