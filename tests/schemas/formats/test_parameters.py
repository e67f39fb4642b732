"""Parameters that are described by names of Python types, as the JSON Schema that servers show."""

from typing import Any

import pytest

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.parameters import as_schemas

Schema = dict[str, Any]


def schema(parameters: object) -> Schema:
    """Return what becomes of the parameters of one tool."""
    notes = Notes()
    (tool,) = as_schemas([{"type": "function", "function": {"name": "f", "parameters": parameters}}], notes)
    assert (tool["type"], tool["function"]["name"]) == ("function", "f")
    return tool["function"]["parameters"]


def of(type: str) -> tuple[Schema, bool]:
    """Return the schema of a type, and whether a parameter of it is required."""
    found = schema({"x": {"type": type}})
    return found["properties"]["x"], found.get("required") == ["x"]


@pytest.mark.parametrize(
    ("words", "type"),
    [
        ("str string text Str STRING typing.str", "string"),
        ("int integer long", "integer"),
        ("float double number decimal", "number"),
        ("bool boolean", "boolean"),
        ("list array sequence iterable tuple set frozenset List", "array"),
        ("dict object map mapping", "object"),
    ],
)
def test_each_simple_type_has_its_name_in_json_schema(words: str, type: str) -> None:
    """In any letter case, with or without the module that Python has it in; none is counted as unknown."""
    notes = Notes()
    stated = {word: {"type": word} for word in words.split()}
    as_schemas([{"function": {"name": "f", "parameters": {"x": {"type": "none | null"}, **stated}}}], notes)
    assert notes.found == {}
    assert [of(word) for word in words.split()] == [({"type": type}, True)] * len(words.split())


@pytest.mark.parametrize(
    ("type", "want", "required"),
    [
        ("Any", {}, True),
        ("typing.Any", {}, True),
        ("int, optional", {"type": "integer"}, False),
        ("int, Optional", {"type": "integer"}, False),
        ("int, default 3", {"type": "integer"}, False),
        ("int, optional, default=3", {"type": "integer"}, False),
        ("Optional[int]", {"type": "integer"}, False),
        ("typing.Optional[List[int]]", {"type": "array", "items": {"type": "integer"}}, False),
        ("int | None", {"type": "integer"}, False),
        ("int | null", {"type": "integer"}, False),
        ("Union[int, NoneType]", {"type": "integer"}, False),
        ("int | str", {"type": ["integer", "string"]}, True),
        ("Union[int, str, None]", {"type": ["integer", "string"]}, False),
        ("int | str | long", {"type": ["integer", "string"]}, True),
        ("str | Optional[int]", {"type": ["string", "integer"]}, False),
        (
            "str | List[str]",
            {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            True,
        ),
        ("str | Any", {"anyOf": [{"type": "string"}, {}]}, True),
        ("str | Literal['a']", {"anyOf": [{"type": "string"}, {"type": "string", "enum": ["a"]}]}, True),
        ("List[int]", {"type": "array", "items": {"type": "integer"}}, True),
        ("int[]", {"type": "array", "items": {"type": "integer"}}, True),
        ("list[ ]", {"type": "array"}, True),
        ("Tuple[int, int]", {"type": "array", "items": {"type": "integer"}}, True),
        ("Tuple[int, ...]", {"type": "array", "items": {"type": "integer"}}, True),
        ("Tuple[int, str]", {"type": "array"}, True),
        ("List[Any]", {"type": "array"}, True),
        (
            "List[List[float]]",
            {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            True,
        ),
        ("Dict[str, int]", {"type": "object", "additionalProperties": {"type": "integer"}}, True),
        ("Dict[str, Any]", {"type": "object"}, True),
        (
            "Dict[str, Tuple[int, int]]",
            {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "integer"}}},
            True,
        ),
        ("Literal['a', 'b']", {"type": "string", "enum": ["a", "b"]}, True),
        ("Literal[1, 'b']", {"enum": [1, "b"]}, True),
        ("Callable(int, str) | int", None, True),
        ("Callable[[int], str]", None, True),
        ("Dict[str]", None, True),
        ("Dict[str, Sprocket]", None, True),
        ("List[Sprocket]", None, True),
        ("int | Sprocket", None, True),
        ("Optional[Sprocket]", None, True),
        ("Sprocket", None, True),
        ("Literal[a]", None, True),
        ("List[int", None, True),
        ("List[int)", None, True),
        ("Union[List[int], None]", {"type": "array", "items": {"type": "integer"}}, False),
        ("str[int]", None, True),
        ("int, at most 3", None, True),
        ("", None, True),
    ],
)
def test_types_of_python_are_schemas(type: str, want: Schema | None, required: bool) -> None:
    """Types in brackets and unions; a type without a name in JSON Schema stays as it is written."""
    assert of(type) == ({"type": type} if want is None else want, required)


def test_a_type_that_is_too_long_stays_as_it_is_written() -> None:
    """200 characters are read, one more is not."""
    fits = f"int,{' ' * 188}optional"
    assert (len(fits), of(fits)) == (200, ({"type": "integer"}, False))
    assert of(f" {fits}") == ({"type": f" {fits}"}, True)


@pytest.mark.parametrize("opening", ["List[", "Dict[str, ", "Optional[List["])
def test_a_type_that_is_too_deep_stays_as_it_is_written(opening: str) -> None:
    """Eight brackets are read, nine are not."""
    each = opening.count("[")
    for times in range(1, 8):
        type = f"{opening * times}int{']' * each * times}"
        read, required = of(type)
        assert (read == {"type": type}) == (each * times > 8), times
        assert required == (each == 1 or each * times > 8)
    for inner, outer in (("List[", "Optional["), ("List[", "Dict[str, ")):
        assert of(f"{outer}{inner * 7}int{']' * 8}")[0] != {"type": f"{outer}{inner * 7}int{']' * 8}"}
        assert of(f"{outer}{inner * 8}int{']' * 9}")[0] == {"type": f"{outer}{inner * 8}int{']' * 9}"}


def test_a_type_without_a_name_is_counted() -> None:
    """Once for each parameter that has one."""
    notes = Notes()
    stated = {"a": {"type": "Sprocket"}, "b": {"type": "int"}, "c": {"type": "Cog"}}
    as_schemas([{"function": {"name": "f", "parameters": stated}}], notes)
    assert notes.found == {Finding.SCHEMA_TYPE: 2}


@pytest.mark.parametrize(
    ("stated", "want", "required"),
    [
        ({"type": "int", "default": 3}, {"type": "integer", "default": 3}, False),
        ({"type": "int", "description": "d"}, {"type": "integer", "description": "d"}, True),
        ({"type": "int", "required": False}, {"type": "integer"}, False),
        ({"type": "int", "default": 3, "required": True}, {"type": "integer", "default": 3}, True),
        ({"type": "int", "optional": True}, {"type": "integer"}, False),
        ({"type": "int", "optional": False}, {"type": "integer"}, True),
        ({"type": "int", "required": "yes"}, {"type": "integer", "required": "yes"}, True),
        ({"required": False, "type": "int"}, {"type": "integer"}, False),
        ({"type": ["int"]}, {"type": ["int"]}, True),
        ("int", {"type": "integer"}, True),
        ("int, optional", {"type": "integer"}, False),
        ("Where it is.", {"description": "Where it is."}, True),
        (None, {}, True),
        (3, {}, True),
    ],
)
def test_a_parameter_is_required_unless_it_says_otherwise(
    stated: object, want: Schema, required: bool
) -> None:
    """By a default, its type, or a word for it; a text alone is its type or what it is for."""
    found = schema({"x": stated})
    assert found == {"type": "object", "properties": {"x": want}} | ({"required": ["x"]} if required else {})


@pytest.mark.parametrize(
    "parameters",
    [
        {"type": "object", "properties": {"x": {"type": "int"}}},
        {"type": ["object", "null"]},
        {"properties": {"x": {"type": "int"}}},
        {"properties": {}},
        *({key: [], "x": {"type": "int"}} for key in ("$ref", "$schema", "anyOf", "oneOf", "allOf")),
    ],
)
def test_a_schema_stays_as_it_is(parameters: Schema) -> None:
    """It says so by its keys."""
    assert schema(parameters) == parameters


def test_parameters_of_such_names_are_parameters() -> None:
    """`type` and `properties` may be what a tool is asked for."""
    found = schema({"type": {"type": "str"}, "properties": {"type": "str"}})
    assert found["properties"] == {"type": {"type": "string"}, "properties": {"type": "string"}}
    assert found["required"] == ["type", "properties"]


def test_tools_without_parameters_stay_as_they_are() -> None:
    """Nothing is added to them."""
    for tool in ({"function": {"name": "f"}}, {"function": {"name": "f", "parameters": None}}, {"name": "f"}):
        assert as_schemas([tool], Notes()) == [tool]
    assert schema({}) == {"type": "object", "properties": {}}
