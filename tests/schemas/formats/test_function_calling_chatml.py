"""function-calling-chatml: Glaive's chats as turns of `function-call` and `function-response`."""

import json
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.function_calling_chatml import FunctionCallingChatML

TIDE = {"name": "tide", "description": "Tide", "parameters": {"type": "object", "properties": {}}}
SERVED = [{"type": "function", "function": TIDE}]
PROMPT = "You are a helpful assistant with access to the following functions. Use them if required -"
SYSTEM = {"role": "system", "content": PROMPT.removesuffix(" -")}
LISTED = json.dumps(TIDE, indent=4)
TURNS = [
    ("human", "Tide at Looe?"),
    ("function-call", """{"name": "tide", "arguments": '{"at": "Looe"}'}"""),
    ("function-response", '{"high": "06:12"}'),
    ("gpt", "At 06:12."),
]
SAID = [
    {"role": "user", "content": "Tide at Looe?"},
    {"role": "assistant", "content": "", "tool_calls": [{"name": "tide", "arguments": {"at": "Looe"}}]},
    {"role": "tool", "content": '{"high": "06:12"}'},
    {"role": "assistant", "content": "At 06:12."},
]


def row(*turns: tuple[str, str], prompt: object = PROMPT, functions: object = LISTED) -> dict[str, Any]:
    return {
        "system_message": prompt,
        "function_description": functions,
        "conversations": [{"from": who, "value": text} for who, text in turns],
    }


@pytest.mark.parametrize("glue", ["", "\n"])
@pytest.mark.parametrize("functions", [LISTED, "", None])
def test_functions_of_the_system_turn(glue: str, functions: object) -> None:
    """The system turn lists what the column lists; both are one list."""
    draft = FunctionCallingChatML().read(
        row(("system", f"{PROMPT}{glue}{LISTED}"), *TURNS, functions=functions), Notes()
    )
    assert (draft.messages, draft.tools) == ([SYSTEM, *SAID], SERVED)


def test_functions_of_the_columns() -> None:
    """Where no turn says them, the columns are read."""
    draft = FunctionCallingChatML().read(row(*TURNS), Notes())
    assert (draft.messages, draft.tools) == ([SYSTEM, *SAID], SERVED)
    two = FunctionCallingChatML().read(row(*TURNS, functions=f"{LISTED}\n\n{LISTED}"), Notes())
    assert two.tools == SERVED * 2


def test_a_row_without_functions() -> None:
    """A prompt without functions is what it says."""
    plain = row(("human", "q"), ("gpt", "a"), prompt="You have no functions.", functions="")
    draft = FunctionCallingChatML().read(plain, Notes())
    assert draft.messages[0] == {"role": "system", "content": "You have no functions."}
    assert draft.tools == []


@pytest.mark.parametrize(
    ("turns", "functions", "reason"),
    [
        ([("human", "q"), ("function-call", "tide(Looe)"), ("gpt", "a")], LISTED, "tool_call_invalid"),
        ([("human", "q"), ("gpt", "a")], "no functions", "tools_invalid"),
    ],
)
def test_what_cannot_be_read_is_refused(turns: list[tuple[str, str]], functions: str, reason: str) -> None:
    """A call that cannot be parsed, and a column of functions that lists none."""
    with pytest.raises(PydanticCustomError) as error:
        FunctionCallingChatML().read(row(*turns, functions=functions), Notes())
    assert error.value.type == reason


def test_it_is_recognised() -> None:
    """By its columns, or by its speakers; LLaMA-Factory spells these with an underscore."""
    kind = FunctionCallingChatML
    assert kind.recognise([row(("human", "q"), ("gpt", "a"))]) == kind()
    assert kind.recognise([{"conversations": row(*TURNS)["conversations"]}]) == kind()
    other = [("human", "q"), ("function_call", "{}"), ("gpt", "a")]
    assert kind.recognise([{"conversations": row(*other)["conversations"]}]) is None
    assert kind.recognise([]) is None
    assert {"system_message", "function_description", "conversations"} <= kind().columns()
    assert kind().layout() is None


def test_all_columns_tell_it_in_most_rows() -> None:
    """Whatever they hold; or one turn of its speakers."""
    kind, columns = FunctionCallingChatML, ("system_message", "function_description", "conversations")
    assert kind.recognise([dict.fromkeys(columns)]) == kind()
    for column in columns:
        assert kind.recognise([dict.fromkeys(one for one in columns if one != column)]) is None
    for speaker in ("function-call", "function-response"):
        assert kind.recognise([{"conversations": [{"from": speaker, "value": "x"}]}]) == kind()


def test_a_prompt_of_the_column_ends_with_its_dash_only_before_functions() -> None:
    """And stands before the turns, unless one of them is a prompt."""
    draft = FunctionCallingChatML().read(row(*TURNS[:1], functions=None), Notes())
    assert draft.messages == [{"role": "system", "content": PROMPT}, SAID[0]]
    draft = FunctionCallingChatML().read(row(*TURNS[:1], prompt=f"{PROMPT} \n"), Notes())
    assert draft.messages == [SYSTEM, SAID[0]]
    draft = FunctionCallingChatML().read(row(("system", "s"), *TURNS[:1]), Notes())
    assert draft.messages == [{"role": "system", "content": "s"}, SAID[0]]
    assert draft.tools == SERVED


def test_functions_that_are_none_are_shown() -> None:
    """Up to 80 characters from the first that is not a function."""
    with pytest.raises(PydanticCustomError) as error:
        FunctionCallingChatML().read(row(*TURNS, functions=f" {LISTED} {'x' * 100}"), Notes())
    assert error.value.message() == f"not a function: {' ' + 'x' * 79!r}"
    named = FunctionCallingChatML().read(row(*TURNS, functions=' {"name": "f"} '), Notes())
    assert named.tools == [{"type": "function", "function": {"name": "f"}}]
