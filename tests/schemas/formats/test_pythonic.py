"""Calls written as Python: in brackets, in blocks of code, behind text; what is no call stays text."""

from contextlib import suppress
from time import process_time

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.formats.pythonic import split_calls

NAMES = ("Tide Tables API", "Feed (Video) V2", "Feed", "wind")


def call(name: str, **arguments: object) -> dict[str, object]:
    return {"name": name, "arguments": arguments}


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('[wind(place="Looe", days=2)]', [call("wind", place="Looe", days=2)]),
        (
            "[Tide Tables API(harbour='Looe'), wind(ok=true, xs=[1, \"a,b)\"])]",
            [call("Tide Tables API", harbour="Looe"), call("wind", ok=True, xs=[1, "a,b)"])],
        ),
        ('[Feed (Video) V2(user="a"), Feed (id=1)]', [call("Feed (Video) V2", user="a"), call("Feed", id=1)]),
        (
            '[wind(from="x", $top=3, q={"a": null},), Feed()]',
            [call("wind", **{"from": "x", "$top": 3, "q": {"a": None}}), call("Feed")],
        ),
        ('[wind(a="A"b="B")]', [call("wind", a="A", b="B")]),
        ("[moon(day=1)]", [call("moon", day=1)]),
        ("  [wind()]\n", [call("wind")]),
        ("```python\n[wind(a=1)]\n```", [call("wind", a=1)]),
        ("```python\nwind(a=1)\nwind(a=2)\n```", [call("wind", a=1), call("wind", a=2)]),
        ("```tool_code\nmoon(day=1)\n```", [call("moon", day=1)]),
    ],
)
def test_calls_are_read(text: str, calls: list[object]) -> None:
    """Names with spaces and brackets, keywords as arguments, JSON values, a missing comma, code blocks."""
    assert split_calls(text, NAMES) == ("", calls)


@pytest.mark.parametrize("code", ["[wind(a=1)]", "```python\nwind(a=1)\n```"])
def test_text_before_calls_stays(code: str) -> None:
    """What the assistant says before it calls is its answer."""
    assert split_calls(f"I look.\n\n{code}", NAMES) == ("I look.", [call("wind", a=1)])


@pytest.mark.parametrize(
    "text",
    [
        "Plain text.",
        "[1, 2, 3]",
        "[see the note (a)]",
        "[text](http://example.org)",
        "[]",
        "First\n[moon(day=1)]",
        "```python\nprint(1)\n```",
        "```python\nx = wind(a=1)\n```",
        "```json\n[]\n```",
        "`wind(a=1)`",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    """Lists, links, notes and code that calls no defined tool are answers."""
    assert split_calls(text, NAMES) == (text, [])


@pytest.mark.parametrize(
    "text",
    [
        "[wind(1, 2)]",
        "[wind(a=open('x'))]",
        "[wind(a=1]",
        "[wind(a==1)]",
        "[wind(a=1 2)]",
        "[wind(a=1, a=2)]",
        "[wind(a=1)] and more",
        "Well:\n[wind(a=",
        "```tool_code\nwind(1)\n```",
    ],
)
def test_a_broken_call_of_a_defined_tool_is_refused(text: str) -> None:
    """What begins as a call and is none would train broken calls as text."""
    with pytest.raises(PydanticCustomError) as error:
        split_calls(text, NAMES)
    assert error.value.type == "tool_call_invalid"


@pytest.mark.parametrize("piece", ["[wind(a=1),", "\n[wind (", "wind(", "[", "```"])
def test_time_grows_with_the_length_alone(piece: str) -> None:
    """Pieces of calls without end take no longer for each of them."""
    begun = process_time()
    with suppress(PydanticCustomError):
        split_calls(piece * 50_000, NAMES)
    assert process_time() - begun < 5
