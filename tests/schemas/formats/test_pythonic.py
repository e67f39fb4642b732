"""Calls written as Python: in brackets, in blocks of code, behind text; other text stays text."""

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
        "First\n[wind(), moon()]",
        "```python\nwind()\nmoon()\n```",
        "[a+b(x=1)]",
        "[(x=1)]",
        "[wind, (x=1)]",
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
        "Well:\n[wind(a=1)]\n[wind(a=2)]",
        "Well:\n[1]\n[wind(a=1)]\n[2]",
        "```tool_code\nwind(1)\n```",
    ],
)
def test_a_broken_call_of_a_defined_tool_is_refused(text: str) -> None:
    """Text that begins as a call and cannot be parsed would train broken calls."""
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


@pytest.mark.parametrize("language", ["tool_code", "tool_call", "tool_calls", " tool_code "])
def test_a_block_that_can_be_nothing_but_calls_is_one(language: str) -> None:
    """Of tools that nobody defined, too; a broken one is refused."""
    assert split_calls(f"a\n```{language}\nmoon(day=1)\n```", NAMES) == ("a", [call("moon", day=1)])
    with pytest.raises(PydanticCustomError, match="a call written as Python: "):
        split_calls(f"a\n```{language}\nmoon(1)\n```", NAMES)


@pytest.mark.parametrize("language", ["python", "py", "", " python "])
def test_a_block_of_code_holds_calls_of_defined_tools_alone(language: str) -> None:
    """All else is code; a block of another language is, too."""
    text = f"a\n```{language}\n[wind(a=1)]\n```"
    assert split_calls(text, NAMES) == ("a", [call("wind", a=1)])
    for other in (text.replace("wind", "moon"), "a\n```python\nwind(1)\n```"):
        assert split_calls(other, NAMES) == (other, [])
    text = "a\n```json\n[wind(a=1)]\n```"
    assert split_calls(text, NAMES) == (text, [])
    assert split_calls("```python\nx\n```\nb\n```python\nwind()\n```", NAMES) == (
        "```python\nx\n```\nb",
        [call("wind")],
    )


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (f"[wind(a=1) {'x' * 50}", f"no call at {'x' * 40!r}"),
        (f"[wind(a=1)] {'x' * 50}", f"{'] ' + 'x' * 38!r} where the list should end"),
        (f"[wind({'x' * 50})]", f"no named argument at {'x' * 40!r}"),
        (f"[wind({'x' * 50}=1, {'x' * 50}=2)]", f"the argument {'x' * 40!r} stands there twice"),
        ("```tool_code\n[]\n```", "a list of nothing"),
        ("[wind(=1)]", "no named argument at '=1)]'"),
        ("[wind('a'=1)]", "no named argument at \"'a'=1)]\""),
        ("[wind(a b=1)]", "no named argument at 'a b=1)]'"),
        (f"[wind({'x' * 256}=1)]", f"no named argument at {'x' * 40!r}"),
        ("[wind(a=1), ", "'' where the list should end"),
    ],
)
def test_what_is_broken_is_shown(text: str, detail: str) -> None:
    """Up to 40 characters of it."""
    with pytest.raises(PydanticCustomError) as error:
        split_calls(text, NAMES)
    assert error.value.message() == f"a call written as Python: {detail}"


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("[ , wind ( a = 1 , b=2, ) , Feed()\n, ]", [call("wind", a=1, b=2), call("Feed")]),
        (f"[wind({'x' * 255}=1)]", [call("wind", **{"x" * 255: 1})]),
        ("[wind(),Feed()]", [call("wind"), call("Feed")]),
        ("[a.b-c_d 9(x=1)]", [call("a.b-c_d 9", x=1)]),
        ("```tool_code\nwind(a=1), Feed()\n```", [call("wind", a=1), call("Feed")]),
        ("[Feed (Video) V2(a=1)]", [call("Feed (Video) V2", a=1)]),
        ("[moon (x) y(a=1)]", None),
    ],
)
def test_space_and_commas_between_the_parts_of_a_call_do_not_matter(
    text: str, calls: list[object] | None
) -> None:
    """Names end before the bracket that makes the longest defined one, or before the first."""
    assert split_calls(text, NAMES) == ((text, []) if calls is None else ("", calls))


@pytest.mark.parametrize(("length", "found"), [(255, True), (256, False)])
def test_a_name_is_looked_for_in_256_characters(length: int, found: bool) -> None:
    """Its bracket must stand there."""
    name = "x" * length
    text = f"[{name}(a=1)]"
    assert split_calls(text, (name,)) == (("", [call(name, a=1)]) if found else (text, []))
    text = f"a\n[{name}(a=1)]"
    assert split_calls(text, (name,)) == (("a", [call(name, a=1)]) if found else (text, []))


def test_the_last_line_that_begins_with_a_call_of_a_defined_tool_begins_the_calls() -> None:
    """Lists, and calls of other tools, may stand on lines before it."""
    text = "a\n[1]\n[moon()]\n\n[wind(a=[\n1])]"
    assert split_calls(text, NAMES) == ("a\n[1]\n[moon()]", [call("wind", a=[1])])
    assert split_calls("a [wind()]", NAMES) == ("a [wind()]", [])
