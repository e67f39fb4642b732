"""ToolACE: functions in the system text, calls written as Python."""

import json
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.sharegpt import ShareGPT
from thinkmix.schemas.formats.toolace import ToolACE

TIDES = {
    "name": "Tide Tables API",
    "description": "Tide",
    "parameters": {"type": "dict", "properties": {}},
    "required": None,
}
SERVED = [{"type": "function", "function": TIDES}]
SYSTEM = (
    "You are an expert in composing functions. If no function can be used, point it out. "
    "You should only return the function call in tools call sections.\n"
    f"Here is a list of functions in JSON format that you can invoke:\n{json.dumps([TIDES])}. \n"
    "Should you decide to return the function call(s). \nPut it in the format of "
    "[func1(params_name=params_value, params_name2=params_value2...), func2(params)]\n\n"
    "NO other text MUST be included. \n"
)
CALLED = {"name": "Tide Tables API", "arguments": {"at": "Looe"}}


def row(*turns: tuple[str, str], system: object = SYSTEM) -> dict[str, Any]:
    return {"system": system, "conversations": [{"from": who, "value": text} for who, text in turns]}


ROW = row(
    ("user", "Tide at Looe?"),
    ("assistant", "[Tide Tables API(at='Looe')]"),
    ("tool", '[{"name": "Tide Tables API", "results": {"high": "06:12"}}]'),
    ("assistant", "At 06:12."),
)


def test_a_row_with_a_call() -> None:
    """Functions and calls become structure; the prompt keeps everything but forms of calls."""
    notes = Notes()
    draft = ToolACE().read(ROW, notes)
    assert draft.messages == [
        {
            "role": "system",
            "content": "You are an expert in composing functions. If no function can be used, point it out.\n"
            "Here is a list of functions in JSON format that you can invoke:",
        },
        {"role": "user", "content": "Tide at Looe?"},
        {"role": "assistant", "content": "", "tool_calls": [CALLED]},
        {"role": "tool", "content": '[{"name": "Tide Tables API", "results": {"high": "06:12"}}]'},
        {"role": "assistant", "content": "At 06:12."},
    ]
    assert draft.tools == SERVED
    assert notes.found == {Finding.TEXT_TOOLS: 1, Finding.CALL_FORM: 4, Finding.TEXT_CALLS: 1}


def test_an_answer_without_a_call_is_text() -> None:
    """Questions back and lists are answers."""
    for text in ("For which harbour?", "[1, 2]"):
        draft = ToolACE().read(row(("user", "Tide?"), ("assistant", text)), Notes())
        assert draft.messages[-1] == {"role": "assistant", "content": text}


def test_a_call_of_an_undefined_tool_is_a_call() -> None:
    """It is not trained as text in another form; that its tool is not defined is counted later."""
    draft = ToolACE().read(row(("user", "q"), ("assistant", "[Moon API(day=1)]")), Notes())
    assert draft.messages[-1]["tool_calls"] == [{"name": "Moon API", "arguments": {"day": 1}}]


def test_a_broken_call_is_refused() -> None:
    """A call of a defined tool that cannot be read costs the row."""
    with pytest.raises(PydanticCustomError) as error:
        ToolACE().read(row(("user", "q"), ("assistant", "[Tide Tables API(Looe)]")), Notes())
    assert error.value.type == "tool_call_invalid"


def test_it_is_recognised() -> None:
    """By functions in the system text and a call written as Python; other turns are ShareGPT's alone."""
    plain = row(("user", "q"), ("assistant", "a"))
    assert ToolACE.recognise([plain, ROW, plain]) == ToolACE()
    assert ToolACE.recognise([plain]) is None
    assert ToolACE.recognise([row(("user", "q"), ("assistant", "[f(a=1)]"), system="Be kind.")]) is None
    assert ToolACE.recognise([row(("user", "q"), ("assistant", "[f(a=1)]"), system=None)]) is None
    assert ToolACE.recognise([{"system": SYSTEM, "conversations": "none"}]) is None
    assert ToolACE.recognise([]) is None
    assert ToolACE().columns() == ShareGPT().columns()
    assert ToolACE().layout() is None


@pytest.mark.parametrize(
    ("speaker", "text", "fits"),
    [
        ("assistant", " [Moon API(day=1)]\n", True),
        ("gpt", "[f()]", True),
        ("user", "[f()]", False),
        ("assistant", "f()]", False),
        ("assistant", "[f()] so", False),
        ("assistant", "[f(), 1]", False),
    ],
)
def test_one_call_in_brackets_is_enough(speaker: str, text: str, fits: bool) -> None:
    """In an answer, and nothing besides."""
    assert (ToolACE.recognise([row(("user", "q"), (speaker, text))]) is not None) == fits


def test_the_system_texts_of_20_rows_are_looked_at() -> None:
    """Most of those list functions; a call may stand in any row."""
    plain, listed = row(("user", "q"), ("assistant", "a"), system="s"), row(("user", "q"), ("assistant", "a"))
    assert ToolACE.recognise([*[listed] * 11, *[plain] * 30, ROW]) == ToolACE()
    assert ToolACE.recognise([*[plain] * 9, *[listed] * 11, ROW]) == ToolACE()
    assert ToolACE.recognise([*[plain] * 10, *[listed] * 10, ROW]) is None
    deep = "[" * 5_000
    assert ToolACE.recognise([row(("user", "q"), ("assistant", "[f()]"), system=deep)]) is None
