"""xLAM: a query, tools whose parameters are a flat map, and calls as the answer."""

import json
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.xlam import XLAM

TIDE = {
    "name": "tide",
    "description": "Tide at a harbour",
    "parameters": {
        "harbour": {"description": "Its name", "type": "str"},
        "days": {"description": "How many", "type": "int, optional", "default": 1},
    },
}
CALLS = [
    {"name": "tide", "arguments": {"harbour": "Looe"}},
    {"name": "tide", "arguments": {"harbour": "Fowey"}},
]
ROW = {"id": 4, "query": "Tide at Looe and Fowey?", "answers": json.dumps(CALLS), "tools": json.dumps([TIDE])}


def parameters(stated: dict[str, Any], notes: Notes | None = None) -> Any:
    tools = json.dumps([{"name": "f", "description": "d", "parameters": stated}])
    return XLAM().read({**ROW, "tools": tools}, notes or Notes()).tools[0]["function"]["parameters"]


@pytest.mark.parametrize("row", [ROW, {**ROW, "answers": CALLS, "tools": [TIDE]}])
def test_a_row_is_a_question_and_a_turn_of_calls(row: dict[str, Any]) -> None:
    """Several calls are one turn; JSON text and lists say the same."""
    draft = XLAM().read(row, Notes())
    assert draft.messages == [
        {"role": "user", "content": "Tide at Looe and Fowey?"},
        {"role": "assistant", "content": "", "tool_calls": CALLS},
    ]
    schema = {
        "type": "object",
        "properties": {
            "harbour": {"description": "Its name", "type": "string"},
            "days": {"description": "How many", "type": "integer", "default": 1},
        },
        "required": ["harbour"],
    }
    function = {"name": "tide", "description": "Tide at a harbour", "parameters": schema}
    assert draft.tools == [{"type": "function", "function": function}]


@pytest.mark.parametrize(
    ("stated", "schema"),
    [
        ("str", {"type": "string"}),
        ("float", {"type": "number"}),
        ("bool", {"type": "boolean"}),
        ("List", {"type": "array"}),
        ("dict", {"type": "object"}),
        ("List[int]", {"type": "array", "items": {"type": "integer"}}),
        ("List[List[str]]", {"type": "array", "items": {"type": "array", "items": {"type": "string"}}}),
        ("List[Union[int, float]]", {"type": "array", "items": {"type": ["integer", "number"]}}),
        ("Tuple[float, float]", {"type": "array", "items": {"type": "number"}}),
        ("Tuple[int, str]", {"type": "array"}),
        ("Dict[str, int]", {"type": "object", "additionalProperties": {"type": "integer"}}),
        ("Dict[str, Any]", {"type": "object"}),
        (
            "Union[str, List[str]]",
            {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        ),
        ("Literal['a', 'b']", {"type": "string", "enum": ["a", "b"]}),
        ("int | str", {"type": ["integer", "string"]}),
        ("string[]", {"type": "array", "items": {"type": "string"}}),
        ("Any", {}),
    ],
)
def test_types_of_python_are_those_of_json_schema(stated: str, schema: dict[str, Any]) -> None:
    """A server shows JSON Schema, whatever the set calls a type."""
    got = parameters({"x": {"type": stated, "description": "d"}})
    assert got == {"type": "object", "properties": {"x": {**schema, "description": "d"}}, "required": ["x"]}


@pytest.mark.parametrize(
    "described",
    [
        {"type": "str, optional"},
        {"type": "Optional[str]"},
        {"type": "str | None"},
        {"type": "str", "default": ""},
        {"type": "str", "default": None},
        {"type": "str", "required": False},
        {"type": "str", "optional": True},
    ],
)
def test_what_may_be_left_out_is_not_required(described: dict[str, Any]) -> None:
    """A default, a type that says so, or a mark."""
    got = parameters({"x": {"type": "int", "required": True}, "y": described})
    assert got["required"] == ["x"]
    assert got["properties"]["y"]["type"] == "string"


def test_a_type_without_a_name_in_json_schema_stays_and_is_counted() -> None:
    """Nothing of a definition is lost."""
    notes = Notes()
    got = parameters({"f": {"type": "Callable[[float], float]"}}, notes)
    assert got["properties"] == {"f": {"type": "Callable[[float], float]"}}
    assert notes.found == {Finding.SCHEMA_TYPE: 1}


@pytest.mark.parametrize(
    "stated",
    [
        {"type": "object", "properties": {"x": {"type": "str"}}, "required": ["x"]},
        {"properties": {"x": {"type": "string"}}},
        {"$ref": "#/x"},
    ],
)
def test_a_schema_stays_as_it_is(stated: dict[str, Any]) -> None:
    """Rows that state JSON Schema are shown as they state it."""
    assert parameters(stated) == stated


def test_parameters_named_like_keys_of_a_schema() -> None:
    """`type` and `properties` may be names of parameters; no parameters are an empty schema."""
    got = parameters({"type": {"type": "str"}, "properties": {"type": "dict", "description": "d"}})
    assert list(got["properties"]) == ["type", "properties"]
    assert parameters({}) == {"type": "object", "properties": {}}


@pytest.mark.parametrize("answers", ["[]", [], None, ""])
def test_a_row_without_calls_has_no_answer(answers: object) -> None:
    """Nothing is learned of it."""
    assert [turn["role"] for turn in XLAM().read({**ROW, "answers": answers}, Notes()).messages] == ["user"]


@pytest.mark.parametrize("answers", ["tide(Looe)", '[{"arguments": {}}]', '[{"name": "tide"'])
def test_broken_answers_are_refused(answers: str) -> None:
    """Text that states no call is not an answer."""
    with pytest.raises(PydanticCustomError) as error:
        XLAM().read({**ROW, "answers": answers}, Notes())
    assert error.value.type == "tool_call_invalid"


def test_it_is_recognised() -> None:
    """By its three columns, in most rows."""
    assert XLAM.recognise([ROW, ROW, {"query": "broken"}]) == XLAM()
    assert XLAM.recognise([{"query": "q", "response": "a"}]) is None
    assert XLAM.recognise([]) is None


def test_turns_and_columns() -> None:
    """The ledger counts what is stated; other columns are unread fields."""
    assert XLAM().turns(ROW) == 2
    assert XLAM().columns() == {"query", "answers", "tools"}


@pytest.mark.parametrize("missing", ["query", "answers", "tools"])
def test_each_of_its_columns_is_text_or_a_list(missing: str) -> None:
    """The query is text."""
    assert XLAM.recognise([{**ROW, "answers": CALLS, "tools": []}]) == XLAM()
    for nothing in (None, "", {}):
        assert XLAM.recognise([{**ROW, missing: nothing}]) is None
    assert XLAM.recognise([{**ROW, "query": ["q"]}]) is None


def test_keys_of_answers_that_nobody_reads_are_noted() -> None:
    """With the column that they stand in."""
    notes = Notes()
    XLAM().read({**ROW, "answers": [{**CALLS[0], "why": "w"}]}, notes)
    assert [field.path for field in notes.tally().unread] == ["answers[].why"]
