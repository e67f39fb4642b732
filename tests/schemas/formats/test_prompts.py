"""System prompts: definitions that no tag encloses, and sentences on the form of calls."""

import json
from time import process_time

import pytest

from thinkmix.schemas.formats.prompts import split_definitions, without_form

TIDE = {"name": "tide", "description": "Tide at a harbour", "parameters": {"type": "object"}}
WIND = {"name": "wind", "description": "Wind at a place"}
SERVED = [{"type": "function", "function": TIDE}, {"type": "function", "function": WIND}]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (f"Use them -\n{json.dumps(TIDE, indent=4)}\n\n{json.dumps(WIND)}\n", "Use them"),
        (f"Use them -{json.dumps(TIDE)}{json.dumps(WIND)}", "Use them"),
        (f"Call these:\n{json.dumps([TIDE, WIND])}. \nBe kind.", "Call these:\nBe kind."),
        (f"Call these: {[TIDE, WIND]} Be kind.", "Call these:\nBe kind."),
        (f"[x(1)] {{a}} {json.dumps([TIDE, WIND])}", "[x(1)] {a}"),
        (json.dumps(SERVED), ""),
    ],
)
def test_definitions_leave_the_words_around_them(text: str, rest: str) -> None:
    """A list, or objects one after another, as JSON or Python; the list's dash or full stop goes, too."""
    assert split_definitions(text) == (rest, SERVED)


@pytest.mark.parametrize(
    "text",
    [
        "No functions here.",
        'Answer as {"name": "x", "age": 3}.',
        'Answer as [{"name": "x"}].',
        f"[{json.dumps(TIDE)}, 3]",
        "{",
    ],
)
def test_other_objects_are_words(text: str) -> None:
    """An object is a definition if it has a name and says what it is; half a list is none."""
    assert split_definitions(text) == (text, [])


@pytest.mark.parametrize(
    ("text", "rest", "dropped"),
    [
        ("Be kind. Signatures stand in <tools> </tools> tags. Be brief.", "Be kind. Be brief.", 1),
        (
            "Be kind.\nCall so:\n<tool_call>\n{x}. y\n</tool_call>\nBe brief.",
            "Be kind.\nCall so:\nBe brief.",
            4,
        ),
        ("Be kind. Enclose thoughts in <think> </think> tags, then answer.", "Be kind.", 1),
        (
            "Be kind. Put it in the format of [f1(a=b), f2(c)]\n\nNO other text MUST be included.",
            "Be kind.",
            2,
        ),
        ("Be kind. Write [name(key=value)] then. Be brief.", "Be kind. Be brief.", 1),
        ("Nothing of it, [1] and [see] (this).", "Nothing of it, [1] and [see] (this).", 0),
        ("", "", 0),
    ],
)
def test_sentences_on_the_form_of_calls_go(text: str, rest: str, dropped: int) -> None:
    """Sentences that hold tags, stand between them, or show a call; all others stay as they are."""
    assert without_form(text) == (rest, dropped)


def test_no_text_is_lost_at_a_character_that_is_refused_later() -> None:
    """A prompt with a NUL stays whole, so that the row is refused for it."""
    assert without_form("a\x00b <tool_call> c") == ("a\x00b <tool_call> c", 0)


@pytest.mark.parametrize("piece", ["[{", '{"name": ', "[{'a': 1}, ", "<tool_call>. ", "[a"])
def test_time_grows_with_the_length_alone(piece: str) -> None:
    """Beginnings of lists without end are given up after a few."""
    begun = process_time()
    split_definitions(piece * 20_000)
    without_form(piece * 20_000)
    assert process_time() - begun < 5
