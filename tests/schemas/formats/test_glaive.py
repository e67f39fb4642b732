"""Glaive: a chat in one text, and functions in the system text."""

import json
from contextlib import suppress
from time import process_time
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats import Draft, Glaive

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
    """A call that is none is not trained as text."""
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
