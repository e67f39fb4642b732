"""System prompts: definitions that no tag encloses, and sentences on the form of calls."""

import json
from time import process_time

import pytest

from thinkmix.schemas.formats.prompts import definitions_at, split_definitions, without_form

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
    """An object is a definition if it has a name and says what it is; half a list is not a list."""
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
        ("Say no other text. Use variables, and a list.", "Say no other text. Use variables, and a list.", 0),
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


@pytest.mark.parametrize(
    "phrase",
    [
        "pydantic model json schema",
        "return a json object with function name and arguments",
        "only return the function call in tools call sections",
        "should you decide to return the function call",
        "put it in the format of [",
        "no other text must be included",
        "respond with a python list of the function calls",
        "do not use markdown syntax",
        "do not use variables",
        "<functioncall>",
        "<multiplefunctions>",
        "```tool_code",
        "```tool_call",
        "<tools>",
        "</tools>",
        "<tool_call>",
        "</tool_call>",
        "<tool_response>",
        "</tool_response>",
        "<think>",
        "</think>",
    ],
)
def test_a_sentence_that_holds_one_of_the_phrases_goes(phrase: str) -> None:
    """In any letter case, but for Qwen3's own tags; the sentences beside it stay."""
    tag = phrase.startswith(("<t", "</t"))
    said = phrase.title() if not tag else phrase if "/" in phrase else f"{phrase} </{phrase[1:]}"
    for end in (". ", "! ", "? "):
        assert without_form(f"Be kind{end}You {said} so{end}Be brief.") == (f"Be kind{end}Be brief.", 1)


@pytest.mark.parametrize(("opening", "closing"), [("<tool_call>", "</tool_call>"), ("<think>", "</think>")])
def test_sentences_between_a_pair_of_tags_go(opening: str, closing: str) -> None:
    """On one line or on several, up to the last that is open."""
    assert without_form(f"A. {opening} B. C. {closing} D. E.") == ("A. E.", 3)
    assert without_form(f"A.\n{opening}\n\nB. C.\n{closing}\nE.") == ("A.\nE.", 5)
    assert without_form(f"A. {opening} {opening} B. C. {closing} D. E.") == ("A. E.", 3)
    assert without_form(f"A. {closing} B. C.") == ("A. C.", 1)
    assert without_form(f"A. {opening} B {closing} C. D.") == ("A. D.", 1)
    assert without_form(f"A. {opening} B.\n C.\n") == ("A.", 3)


@pytest.mark.parametrize(
    ("sentence", "shows"),
    [
        ("[f(a)]", True),
        ("Write [f_1(", True),
        ("[see] [f(x)]", True),
        ("[f (a)]", False),
        ("[1(a)]", False),
        ("[(a)]", False),
        ("f(a)]", False),
        ("[f]", False),
    ],
)
def test_a_call_in_brackets_is_a_name_between_a_square_and_a_round_one(sentence: str, shows: bool) -> None:
    """The name is an identifier."""
    text = f"A. {sentence}. B."
    assert without_form(text) == (("A. B.", 1) if shows else (text, 0))


def test_lines_that_are_left_without_words_go() -> None:
    """Blank ones between others stay, and so does the space that a line begins with."""
    text = "A.\n\n  B. <think> C.\n<think> D.\n\n </think>\n  E."
    assert without_form(text) == ("A.\n\n  B.\n  E.", 4)


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "f", "parameters": {}},
        {"name": "f", "description": "d"},
        {"name": "f", "input_schema": {}},
        {"name": "f", "arguments": {}},
        {"function": {"name": "f"}},
        {"type": "function", "function": {"name": "f"}},
    ],
)
def test_an_object_with_a_name_that_says_what_it_is_is_a_definition(tool: dict[str, object]) -> None:
    """In any of the usual words, or inside of `function`."""
    text = json.dumps(tool)
    assert split_definitions(text)[0] == ""
    assert definitions_at(text, 0)[1] == len(text)


@pytest.mark.parametrize(
    "value",
    [
        {"name": "f"},
        {"name": 7, "description": "d"},
        {"description": "d"},
        {"function": {"name": 7}},
        {"function": "f"},
        7,
        [],
    ],
)
def test_other_values_are_definitions_only_if_their_place_is_certain(value: object) -> None:
    """And they have a name."""
    text = json.dumps([value])
    assert split_definitions(text) == (text, [])
    certain = value == {"name": "f"}
    assert definitions_at(text, 0, certain=True)[1] == (len(text) if certain else 0)


def test_definitions_end_where_something_else_begins() -> None:
    """A comma between them belongs to the list, one behind it does not."""
    one = json.dumps(TIDE)
    for text, end in (
        (f"{one} , {one} x", len(f"{one} , {one}")),
        (f"{one},{one}", 2 * len(one) + 1),
        (f"{one}, x", len(one)),
        (f"{one} {{1}}", len(one)),
        (f"{one} [7]", len(one)),
        (f"{one} []", len(one)),
        (f"[{one}] [{one}]", len(f"[{one}] [{one}]")),
    ):
        assert definitions_at(text, 0)[1] == end, text
    assert definitions_at(f"x {one}", 2)[1] == 2 + len(one)


@pytest.mark.parametrize(("times", "found"), [(15, True), (16, False)])
def test_definitions_are_looked_for_at_16_places(times: int, found: bool) -> None:
    """A text may hold that many brackets of words before them."""
    assert bool(split_definitions(f"{'{a} ' * times}{json.dumps(TIDE)}")[1]) == found


def test_half_a_list_is_none() -> None:
    """A list inside it is not read as one either."""
    text = f"[{json.dumps(TIDE)}, broken"
    assert split_definitions(text) == (text, [])
    assert split_definitions(f"A.\n-\n{json.dumps(TIDE)}\n.B") == ("A.\nB", SERVED[:1])
    assert split_definitions(f"A-\n{json.dumps(TIDE)}..") == ("A\n.", SERVED[:1])
