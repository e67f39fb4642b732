"""Gemma: a rendered chat, functions in its system turn, calls written as Python."""

import json
from time import process_time
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.contract import Draft
from thinkmix.schemas.formats.gemma import Gemma

TIDE = {"name": "tide", "description": "Tide", "parameters": {"type": "object", "properties": {}}}
SERVED = [{"type": "function", "function": TIDE}]
SYSTEM = (
    "You are Pilot. Be brief.\n\nTools (functions) are available. If you decide to invoke one or more of the "
    "tools, you must respond with a python list of the function calls.\nExample Format: "
    "[func_name1(params_name1=params_value1...), func_name2(params)] \nDo not use variables.\n"
    f"[\n    {json.dumps(TIDE)}\n]\n"
)
LOOE = [{"name": "tide", "arguments": {"at": "Looe"}}]


def rendered(*turns: tuple[str, str]) -> str:
    return "<bos>" + "\n".join(f"<start_of_turn>{who}\n{text}<end_of_turn>" for who, text in turns)


def read(*turns: tuple[str, str], notes: Notes | None = None) -> Draft:
    return Gemma().read({"conversation": rendered(*turns), "source": "a:b"}, notes or Notes())


def said(role: str, content: str, **more: object) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def test_a_chat_with_a_call() -> None:
    """Trace, call and response become structure; the prompt keeps everything but forms of calls."""
    notes = Notes()
    draft = read(
        ("system", SYSTEM),
        ("user", "Tide at Looe?"),
        ("model", '<think>\nOne call.\n</think>\n[tide(at="Looe")]'),
        ("user", '<tool_response>\n{"high": "06:12"}</tool_response>'),
        ("model", "At 06:12."),
        notes=notes,
    )
    assert draft.messages == [
        said("system", "You are Pilot. Be brief.\n\nTools (functions) are available."),
        said("user", "Tide at Looe?"),
        said("assistant", "", reasoning="\nOne call.\n", tool_calls=LOOE),
        said("tool", '{"high": "06:12"}'),
        said("assistant", "At 06:12."),
    ]
    assert draft.tools == SERVED
    assert notes.found == {Finding.TEXT_TOOLS: 1, Finding.CALL_FORM: 3, Finding.TEXT_CALLS: 1}


def test_functions_in_the_first_turn_of_the_user() -> None:
    """Gemma's template puts the system prompt there; what a later turn lists is asked about."""
    notes = Notes()
    turns = ("user", f"{SYSTEM}\nTide at Looe?"), ("model", "[tide(at='Looe')]"), ("user", json.dumps([TIDE]))
    draft = read(*turns, ("model", "A definition."), notes=notes)

    asked = "You are Pilot. Be brief.\n\nTools (functions) are available.\nTide at Looe?"
    assert [(turn["role"], turn["content"]) for turn in draft.messages] == [
        ("user", asked),
        ("assistant", ""),
        ("user", json.dumps([TIDE])),
        ("assistant", "A definition."),
    ]
    assert (draft.tools, draft.messages[1]["tool_calls"]) == (SERVED, LOOE)
    assert notes.found[Finding.TEXT_TOOLS] == 1


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("[tide(at='Looe')]", ""),
        ("```python\n[tide(at='Looe')]\n```", ""),
        ("```python\ntide(at='Looe')\n```", ""),
        ("```tool_code\ntide(at='Looe')\n```", ""),
        ("I look.\n```tool_code\ntide(at='Looe')\n```", "I look."),
        ("I look.\n[tide(at='Looe')]", "I look."),
    ],
)
def test_calls(text: str, before: str) -> None:
    """In a list or a block of code, alone or after text."""
    draft = read(("system", SYSTEM), ("user", "q"), ("model", text))
    assert draft.messages[-1] == said("assistant", before, tool_calls=LOOE)


def test_an_answer_in_code_is_no_call() -> None:
    """Code that calls no defined tool is an answer."""
    text = "Like so:\n```python\nprint(1)\n```"
    assert read(("system", SYSTEM), ("user", "q"), ("model", text)).messages[-1] == said("assistant", text)


@pytest.mark.parametrize(
    "end", ["<end_of_turn>\n", "<end_of_turn><eos>", "<end_of_turn>\n<start_of_turn>model\n"]
)
def test_the_end_of_a_text(end: str) -> None:
    """A line break, an end mark, or an answer that was still to be written."""
    text = f"<start_of_turn>user\nq<end_of_turn>\n<start_of_turn>model\na{end}"
    assert Gemma().read({"conversation": text}, Notes()).messages == [
        said("user", "q"),
        said("assistant", "a"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "wrong_type"),
        ("Hello", "wrong_type"),
        ("Hello <start_of_turn>user\nq<end_of_turn>", "wrong_type"),
        ("<start_of_turn>user\nq<end_of_turn><start_of_turn>model\ncut off", "wrong_type"),
        ("<start_of_turn>user\nq<start_of_turn>model\na<end_of_turn>", "wrong_type"),
        ("<start_of_turn>user\nq<end_of_turn> more", "wrong_type"),
        ("<start_of_turn>narrator\nq<end_of_turn>", "role_unknown"),
    ],
)
def test_other_texts_are_refused(text: str, reason: str) -> None:
    """Text outside of turns, a turn that is cut off, and speakers that nobody knows."""
    with pytest.raises(PydanticCustomError) as error:
        Gemma().read({"conversation": text}, Notes())
    assert error.value.type == reason


def test_it_is_recognised() -> None:
    """By its marks, in whichever column they are."""
    text = rendered(("user", "q"), ("model", "a"))
    assert Gemma.recognise([{"conversation": text, "source": "s"}]) == Gemma()
    assert Gemma.recognise([{"id": 1, "text": text}] * 2) == Gemma(text="text")
    assert Gemma.recognise([{"text": "### Human: q"}]) is None
    assert Gemma.recognise([{"text": None}]) is None
    assert Gemma.recognise([]) is None


def test_turns_and_columns() -> None:
    """The ledger counts the marks."""
    assert Gemma().turns({"conversation": rendered(("user", "q"), ("model", "a"))}) == 2
    assert Gemma().turns({"conversation": None}) == 0
    assert Gemma(text="text").columns() == {"text"}


def test_time_grows_with_the_length_alone() -> None:
    """Marks without end take no longer for each of them."""
    begun = process_time()
    with pytest.raises(PydanticCustomError):
        Gemma().read({"conversation": "<start_of_turn>user\n" * 50_000}, Notes())
    Gemma().read({"conversation": "<start_of_turn>user\nq<end_of_turn>" * 50_000}, Notes())
    assert process_time() - begun < 5


def test_a_turn_of_a_tool_and_a_bare_answer_are_read() -> None:
    """White space around a turn is the rendering's."""
    draft = read(("user", " q "), ("model", "a\n"), ("tool", " r\n"), ("assistant", "b"))
    assert [(turn["role"], turn["content"]) for turn in draft.messages] == [
        ("user", "q"),
        ("assistant", "a"),
        ("tool", "r"),
        ("assistant", "b"),
    ]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("Hi <start_of_turn>user\nq<end_of_turn>", "the text does not begin with <start_of_turn>"),
        ("<bos>", "the text does not begin with <start_of_turn>"),
        ("<start_of_turn>user\nq<end_of_turn><start_of_turn>model\na", "turn 1 is cut off: no <end_of_turn>"),
        ("<start_of_turn>user\n<start_of_turn>model\na<end_of_turn>", "turn 0 is cut off: no <end_of_turn>"),
        ("<start_of_turn>user\nq<end_of_turn>x<start_of_turn>model\n", "text stands after turn 0"),
        (
            f"<start_of_turn>user\nq<end_of_turn><start_of_turn>{'x' * 50}\n",
            f"turn 1 is spoken by {'x' * 40!r}",
        ),
        ("<start_of_turn>function_call\nq<end_of_turn>", "turn 0 is spoken by 'function_call'"),
    ],
)
def test_what_a_text_lacks_is_said_with_its_turn(text: str, detail: str) -> None:
    """The first one that is wrong."""
    with pytest.raises(PydanticCustomError) as error:
        Gemma().read({"conversation": text}, Notes())
    assert error.value.message() == detail


def test_marks_of_the_whole_text_are_taken_off() -> None:
    """Before its first turn and after its last; an empty turn is one, if it is closed."""
    text = " <bos> \n<start_of_turn>user\nq<end_of_turn>\n<start_of_turn>model\n<end_of_turn> <eos> "
    assert Gemma().read({"conversation": text}, Notes()).messages == [
        said("user", "q"),
        said("assistant", ""),
    ]


def test_it_is_recognised_in_most_of_the_texts_of_a_column() -> None:
    """Values that are no text do not count."""
    text = rendered(("user", "q"), ("model", "a"))
    assert Gemma.recognise([{"a": "x", "b": text}, {"a": "y", "b": 7}, {"a": "z", "b": None}]) == Gemma(
        text="b"
    )
    assert Gemma.recognise([{"b": text}, {"b": "x"}]) is None


def test_a_trace_that_is_not_opened_is_refused_unless_the_recipe_expects_it() -> None:
    """As in every format."""
    row = {"conversation": rendered(("user", "q"), ("model", "hm</think>a"))}
    with pytest.raises(PydanticCustomError) as error:
        Gemma().read(row, Notes())
    assert error.value.type == "think_unopened"
    assert Gemma().read(row, Notes(), unopened=True).messages[1]["reasoning"] == "hm"
