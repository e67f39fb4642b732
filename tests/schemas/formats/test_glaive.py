"""Glaive: a chat in one text, and functions in the system text."""

import json
from contextlib import suppress
from time import process_time
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.contract import Draft
from thinkmix.schemas.formats.glaive import Glaive

TIDE = {"name": "tide", "description": "Tide", "parameters": {"type": "object", "properties": {}}}
WIND = {"name": "wind", "description": "Wind"}
SERVED = [{"type": "function", "function": TIDE}, {"type": "function", "function": WIND}]
SYSTEM = (
    "SYSTEM: You are a helpful assistant with access to the following functions. Use them if required -\n"
    f"{json.dumps(TIDE, indent=4)}\n\n{json.dumps(WIND, indent=4)}\n"
)
GAP = "\n\n\n"
CALL = """ASSISTANT: <functioncall> {"name": "tide", "arguments": '{"at": "Looe"}'} <|endoftext|>"""
CHAT = GAP.join(
    [
        "USER: When is high tide at Looe?",
        CALL,
        'FUNCTION RESPONSE: {"high": "06:12"}',
        "ASSISTANT: At 06:12.\n\nShall I go on? <|endoftext|>",
        "USER: No: thanks.",
        "ASSISTANT: You are welcome. <|endoftext|>",
        "",
    ]
)
LOOE = [{"name": "tide", "arguments": {"at": "Looe"}}]


def read(chat: str, system: str | None = None, notes: Notes | None = None) -> Draft:
    return Glaive().read({"system": system, "chat": chat}, notes or Notes())


def said(role: str, content: str, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


def answers(text: str) -> list[dict[str, Any]]:
    return read(f"USER: q{GAP}ASSISTANT: {text}{GAP}").messages[1:]


def test_a_chat_with_functions() -> None:
    """Speakers become roles, calls and functions structure; marks, and the dash before functions, go."""
    notes = Notes()
    draft = read(CHAT, SYSTEM, notes)
    assert draft.messages == [
        said(
            "system",
            "You are a helpful assistant with access to the following functions. Use them if required",
        ),
        said("user", "When is high tide at Looe?"),
        said("assistant", "", tool_calls=LOOE),
        said("tool", '{"high": "06:12"}'),
        said("assistant", "At 06:12.\n\nShall I go on?"),
        said("user", "No: thanks."),
        said("assistant", "You are welcome."),
    ]
    assert draft.tools == SERVED
    assert notes.found == {Finding.TEXT_TOOLS: 1, Finding.TEXT_CALLS: 1}


def test_a_chat_without_functions() -> None:
    """The system text is what it says."""
    draft = read("USER: Hi\n\n\nASSISTANT: Hello!\n", "SYSTEM: You have no access to functions.\n\n")
    assert (draft.messages[0], draft.tools) == (said("system", "You have no access to functions."), [])
    assert [turn["role"] for turn in read("USER: Hi\n\n\nASSISTANT: Hello!").messages] == [
        "user",
        "assistant",
    ]


def test_a_chat_on_one_line() -> None:
    """Where there are no lines, speakers stand between words; where there are, their names are words."""
    flat = " ".join(CHAT.split())
    assert [turn["role"] for turn in read(flat).messages] == [turn["role"] for turn in read(CHAT).messages]
    lines = "USER: Is it ASSISTANT: or USER: ?\n\n\nASSISTANT: Both. USER: is one."
    assert read(lines).messages == [
        said("user", "Is it ASSISTANT: or USER: ?"),
        said("assistant", "Both. USER: is one."),
    ]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            """I look. <functioncall> {"name": "tide", "arguments": '{"at": "Looe"}'} <|endoftext|>""",
            [said("assistant", "I look.", tool_calls=LOOE)],
        ),
        (
            f"""I look. <|endoftext|>{GAP}ASSISTANT: <functioncall> {json.dumps(LOOE[0])} <|endoftext|>""",
            [said("assistant", "I look.", tool_calls=LOOE)],
        ),
        (
            """<functioncall> {"name": "tide", "arguments": '{"at": "Looe"}'} </functioncall>
            <functioncall> {"name": "wind"} <|endoftext|>""",
            [said("assistant", "", tool_calls=[*LOOE, {"name": "wind", "arguments": {}}])],
        ),
        (
            """<multiplefunctions>
            <functioncall> {"name": "tide", "arguments": '{"at": "Looe"}'} </functioncall>
            </multiplefunctions>""",
            [said("assistant", "", tool_calls=LOOE)],
        ),
        (
            """<functioncall> {"name": "tide", "arguments": '{\n  "at": "Looe"\n}'} <|endoftext|>""",
            [said("assistant", "", tool_calls=LOOE)],
        ),
        (
            'I look.\nAI to=tide: {"at": "Looe"} <|endoftext|>',
            [said("assistant", "I look.", tool_calls=LOOE)],
        ),
        ('Say AI to=tide: {"at": 1}', [said("assistant", 'Say AI to=tide: {"at": 1}')]),
        ("AI to=you: hello", [said("assistant", "AI to=you: hello")]),
    ],
)
def test_calls(text: str, messages: list[object]) -> None:
    """Before text or in a turn of their own, one or several, in the forms that the rows have."""
    assert answers(text) == messages


@pytest.mark.parametrize(
    "text",
    [
        "<functioncall> tide(Looe)",
        '<functioncall> {"name": "tide"} and more',
        "<functioncall> <|endoftext|>",
        """<functioncall> {"name": "tide", "arguments": '{"at": '} <|endoftext|>""",
        "AI to=tide: {broken}",
    ],
)
def test_broken_calls_are_refused(text: str) -> None:
    """A call that cannot be parsed is not trained as text."""
    with pytest.raises(PydanticCustomError) as error:
        answers(text)
    assert error.value.type == "tool_call_invalid"


@pytest.mark.parametrize("chat", ["", "Hello", "Hello\nUSER: q\n\nASSISTANT: a"])
def test_a_text_that_is_no_chat_is_refused(chat: str) -> None:
    """Words before the first speaker belong to nobody."""
    with pytest.raises(PydanticCustomError) as error:
        read(chat)
    assert error.value.type == "wrong_type"


def test_it_is_recognised() -> None:
    """By a text that begins with its speakers."""
    assert Glaive.recognise([{"system": SYSTEM, "chat": CHAT}] * 2 + [{"chat": None}]) == Glaive()
    assert Glaive.recognise([{"system": "x", "chat": "Hello"}]) is None
    assert Glaive.recognise([{"chat": [{"role": "user", "content": "USER: ASSISTANT:"}]}]) is None
    assert Glaive.recognise([]) is None


def test_turns_and_columns() -> None:
    """The ledger counts speakers and the system text."""
    assert Glaive().turns({"system": SYSTEM, "chat": CHAT}) == 7
    assert Glaive().turns({"chat": None}) == 0
    assert Glaive().columns() == {"system", "chat"}


@pytest.mark.parametrize("piece", ["USER: ", "USER: x\n", "<functioncall> ", "ASSISTANT: <|endoftext|>"])
def test_time_grows_with_the_length_alone(piece: str) -> None:
    """Marks without end take no longer for each of them."""
    begun = process_time()
    with suppress(PydanticCustomError):
        read(f"USER: q\n\nASSISTANT: {piece * 50_000}")
    assert process_time() - begun < 5


@pytest.mark.parametrize(
    ("chat", "turns"),
    [
        (" \n USER: q ASSISTANT: a", "user assistant"),
        ("USER: q\t\n \tASSISTANT: a", "user assistant"),
        ("USER: q <|endoftext|> ASSISTANT: a <|endoftext|> <|endoftext|>", "user assistant"),
        ("USER: q\nASSISTANT: a\nFUNCTION RESPONSE: r\nASSISTANT: b", "user assistant tool assistant"),
        ("USER: q xUSER: y ASSISTANT: a", "user assistant"),
        ("USER: q <|endoftext|> ASSISTANT: a USER: is a word", "user assistant"),
        ("USER: q USER: p ASSISTANT: a", "user user assistant"),
        ("USER: q\nsee USER: p\nASSISTANT: a", "user assistant"),
        ("USER: q\nASSISTANT: a", "user assistant"),
        (f"USER: {' ' * 60}USER: q ASSISTANT: a", "user user assistant"),
        (f"USER: q\n{' ' * 60}ASSISTANT: a", "user"),
        (f"USER: q\n{' ' * 38}ASSISTANT: a", "user assistant"),
        (f"{' ' * 40}USER: q\nASSISTANT: a", "user assistant"),
    ],
)
def test_marks_of_speakers_begin_lines_or_follow_an_end(chat: str, turns: str) -> None:
    """Of white space before them 40 characters are looked at; only a text of one line has them anywhere."""
    assert [turn["role"] for turn in read(chat).messages] == turns.split()


def test_a_mark_that_is_too_far_to_the_right_begins_no_chat() -> None:
    """Nobody writes 41 characters of white space."""
    for text in (f"{' ' * 41}USER: q\nASSISTANT: a", "FUNCTION: x"):
        with pytest.raises(PydanticCustomError) as error:
            read(text)
        assert error.value.message() == "the chat does not begin with a speaker, such as 'USER:'"


def test_ends_of_turns_are_taken_off() -> None:
    """However many, with the white space around them; inside of a turn they stay."""
    text = "USER: q <|endoftext|>\n<|endoftext|>\nASSISTANT: a <|endoftext|> b <|endoftext|>"
    assert [turn["content"] for turn in read(text).messages] == ["q", "a <|endoftext|> b"]


def test_a_response_and_what_follows_it_are_turns() -> None:
    """An answer that says and calls nothing is one, too."""
    turns = read("USER: q\nASSISTANT: \nFUNCTION RESPONSE: r\nASSISTANT: a").messages
    assert turns == [said("user", "q"), said("assistant", ""), said("tool", "r"), said("assistant", "a")]


@pytest.mark.parametrize(
    ("text", "before", "calls"),
    [
        ('AI to=tide: {"at": "Looe"}', "", LOOE),
        ('a\nAI to= tide : {"at": "Looe"} ', "a", LOOE),
        ("a\nAI to=tide: {'at': 'Looe'}", "a", LOOE),
        ("a\nAI to=tide {}", "a\nAI to=tide {}", None),
        ("a\nAI to=tide: {}\nAI to=tide: {}", "a\nAI to=tide: {}\nAI to=tide: {}", None),
        ("AI to=tide: {}\nAI to=tide: {}", "AI to=tide: {}\nAI to=tide: {}", None),
        ("a\nAI to= : {}", "a\nAI to= : {}", None),
        ("a\nAI to=tide: []", "a\nAI to=tide: []", None),
        ("a\nAI to=tide: {} b", "a\nAI to=tide: {} b", None),
        ("a\n<functioncall>{'name': 'tide', 'arguments': {'at': 'Looe'}}", "a", LOOE),
        ("a <multiplefunctions> <functioncall>{'name': 'tide', 'arguments': {'at': 'Looe'}}", "a", LOOE),
    ],
)
def test_calls_in_the_forms_that_rows_have(text: str, before: str, calls: list[object] | None) -> None:
    """A named call ends its answer and has an object of arguments."""
    notes = Notes()
    (answer,) = read(f"USER: q{GAP}ASSISTANT: {text}", notes=notes).messages[1:]
    assert (answer["content"], answer.get("tool_calls")) == (before, calls)
    assert notes.found == ({Finding.TEXT_CALLS: 1} if calls else {})


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("<functioncall> <|endoftext|>", "nothing after <functioncall>"),
        ("<functioncall> </functioncall> </multiplefunctions>", "nothing after <functioncall>"),
        (f"AI to={'x' * 50}: {{a}}", f"the call to {'x' * 40!r}: no key at 'a}}'"),
    ],
)
def test_a_broken_call_says_what_is_wrong(text: str, detail: str) -> None:
    """Up to 40 characters of its name."""
    with pytest.raises(PydanticCustomError) as error:
        answers(text)
    assert error.value.message() == detail


def test_marks_behind_a_call_do_not_belong_to_it() -> None:
    """In the orders that rows have."""
    call = '<functioncall> {"name": "now"}'
    for marks in (
        "<|endoftext|>",
        "</functioncall>",
        "</functioncall> </multiplefunctions>",
        "</functioncall> </multiplefunctions> <|endoftext|>",
        "<|endoftext|> </functioncall>",
    ):
        assert answers(f"{call} {marks}") == [
            said("assistant", "", tool_calls=[{"name": "now", "arguments": {}}])
        ]


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        ({"system": "s", "chat": "USER: q ASSISTANT: a"}, True),
        ({"system": "", "chat": "USER: q ASSISTANT: a <|endoftext|>"}, True),
        ({"chat": " \nUSER: q ASSISTANT: a <|endoftext|>"}, True),
        ({"chat": "USER: q ASSISTANT: a"}, False),
        ({"system": "s", "chat": "USER: q"}, False),
        ({"system": "s", "chat": "ASSISTANT: a USER: q"}, False),
    ],
)
def test_it_is_recognised_by_a_prompt_or_the_ends_of_turns(row: dict[str, str], fits: bool) -> None:
    """Beside a question and an answer."""
    assert (Glaive.recognise([row]) is not None) == fits


def test_a_row_may_have_a_prompt_under_other_names() -> None:
    """Both columns are settings."""
    form = Glaive(chat="talk", system="head")
    row = {"talk": CHAT, "head": "SYSTEM: Be kind. "}
    assert form.read(row, Notes()).messages[0] == said("system", "Be kind.")
    assert (form.turns(row), form.columns()) == (7, {"talk", "head"})
    assert form.read({**row, "head": " "}, Notes()).messages[0]["role"] == "user"


def test_keys_of_a_call_that_nobody_reads_are_noted() -> None:
    """By what it is called in the text."""
    notes = Notes()
    read(f"USER: q{GAP}ASSISTANT: <functioncall> {json.dumps({**LOOE[0], 'why': 'w'})}", notes=notes)
    assert [field.path for field in notes.tally().unread] == ["functioncall.why"]
