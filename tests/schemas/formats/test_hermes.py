"""Tools, calls and responses in the text of turns: the prompts of Hermes sets, and Qwen3's own wire form."""

import json
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.contract import Draft
from thinkmix.schemas.formats.sharegpt import ShareGPT

FUNCTIONS = [
    {"name": "tide", "description": "Tide", "parameters": {"type": "object", "properties": {}}},
    {"name": "wind", "description": "Wind. In knots."},
]
SERVED = [{"type": "function", "function": function} for function in FUNCTIONS]
PERSONA = (
    "You are a function calling AI model. You may call one or more functions to assist with the user query. "
    "Don't make assumptions about what values to plug into functions."
)
SIGNATURES = "You are provided with function signatures within <tools> </tools> XML tags."
FORM = (
    "For each function call return a json object with function name and arguments within <tool_call> "
    "</tool_call> tags with the following schema:"
)
SHAPE = "<tool_call>{gap}{{'arguments': <args-dict>, 'name': <function-name>}}{gap}</tool_call>"
PYDANTIC = (
    "Use the following pydantic model json schema for each tool call you will make: "
    '{"title": "FunctionCall", "type": "object", "properties": {"name": {"type": "string"}}}'
)


def read(*turns: tuple[str, str], notes: Notes | None = None, **columns: object) -> Draft:
    listed = [{"from": speaker, "value": value} for speaker, value in turns]
    return ShareGPT().read({"conversations": listed, **columns}, notes or Notes())


def systems(prompt: str, notes: Notes | None = None, **columns: object) -> tuple[list[str], list[Any]]:
    draft = read(("system", prompt), ("human", "q"), ("gpt", "a"), notes=notes, **columns)
    return [turn["content"] for turn in draft.messages if turn["role"] == "system"], draft.tools


@pytest.mark.parametrize(
    "tools",
    [json.dumps(SERVED), str(SERVED), "\n".join(map(json.dumps, SERVED)), " ".join(map(str, SERVED))],
)
@pytest.mark.parametrize("gap", ["\n", " "])
def test_prompts_of_hermes_function_calling(tools: str, gap: str) -> None:
    """On one line or on many, the persona stays, and the form of definitions and calls goes."""
    head, tail = PERSONA.split(" You", 1)
    prompt = (
        f"{head} {SIGNATURES} You{tail}{gap}<tools>{gap}{tools}{gap}</tools>{gap}"
        f"{FORM}{gap}{SHAPE.format(gap=gap)}{gap}"
    )
    assert systems(prompt) == ([PERSONA], SERVED)


def test_prompts_of_hermes_reasoning() -> None:
    """What the prompt says of the tags of traces goes, too: such a tag is a command to the model."""
    notes = Notes()
    thinking = (
        "You may think long. You should enclose your thoughts inside <think> </think> tags, then answer."
    )
    prompt = (
        f"{thinking}\n\n{PERSONA} {SIGNATURES}\nHere are the available tools:"
        f"<tools>{json.dumps(SERVED)}</tools> {PYDANTIC} {FORM}\n{SHAPE.format(gap=chr(10))}"
    )
    assert systems(prompt, notes, tools=json.dumps(SERVED)) == (
        [f"You may think long.\n\n{PERSONA}\nHere are the available tools:"],
        SERVED,
    )
    assert notes.found == {Finding.TEXT_TOOLS: 1, Finding.CALL_FORM: 6}


@pytest.mark.parametrize("after", ["", "\n\nNever guess."])
@pytest.mark.parametrize(("own", "kept"), [("", []), ("Be brief.\n\n", ["Be brief."])])
def test_qwen3_wire_form(own: str, kept: list[str], after: str) -> None:
    """What Qwen3's template printed is taken off, and nothing is counted as left out: it is printed again."""
    notes = Notes()
    prompt = (
        f"{own}# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
        "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
        + "\n".join(map(json.dumps, SERVED))
        + "\n</tools>\n\nFor each function call, return a json object with function name and arguments "
        'within <tool_call></tool_call> XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": '
        f"<args-json-object>}}\n</tool_call>{after}"
    )
    said = "\n".join([*kept, *([after.strip()] if after else [])])
    assert systems(prompt, notes) == ([said] if said else [], SERVED)
    assert notes.found == {Finding.TEXT_TOOLS: 1}


def test_tools_in_column_and_prompt_are_listed_once() -> None:
    """The same definitions in both places are one list; others of the same name are counted."""
    notes = Notes()
    other = [{"type": "function", "function": {"name": "tide", "description": "another"}}]
    prompt = f"<tools>{json.dumps(SERVED)}</tools>"
    assert systems(prompt, notes, tools=FUNCTIONS)[1] == SERVED
    assert Finding.TOOL_REPEATED not in notes.found
    assert systems(prompt, notes, tools=other)[1] == [*other, SERVED[1]]
    assert notes.found[Finding.TOOL_REPEATED] == 1


def test_a_prompt_on_the_form_of_calls_without_definitions() -> None:
    """Definitions in the column, and how to call in the prompt: the tags there are not a command."""
    assert systems(f"Be kind. {FORM} {SHAPE.format(gap=' ')}", tools=SERVED) == (["Be kind."], SERVED)
    assert systems(f"{FORM} {SHAPE.format(gap=' ')}", tools=SERVED) == ([], SERVED)


@pytest.mark.parametrize(
    "prompt",
    [
        "Speak of <tools> only.",
        "Definitions stand between <tools> and </tools>.",
        "<tools>\nnot JSON\n</tools>",
        '<tools>{"age": 3}</tools>',
        "<tools> " * 50,
    ],
)
def test_tags_that_are_only_spoken_of(prompt: str) -> None:
    """Without definitions between the tags, a prompt is words."""
    assert systems(prompt) == ([prompt], [])


def test_a_prompt_that_lists_no_tools() -> None:
    """An empty list is read as one: its tags and its form are nothing to learn."""
    assert systems(f"Be kind.\n<tools> [] </tools>\n{FORM}") == (["Be kind."], [])


def call(name: str, **arguments: object) -> dict[str, object]:
    return {"name": name, "arguments": arguments}


def answer(text: str) -> dict[str, Any]:
    return read(("human", "q"), ("gpt", text)).messages[-1]


@pytest.mark.parametrize(
    ("text", "said", "calls"),
    [
        (
            '<tool_call>\n{"name": "tide", "arguments": {"at": "Looe"}}\n</tool_call>',
            "",
            [call("tide", at="Looe")],
        ),
        (
            "<tool_call> {'arguments': {'at': \"Looe's\"}, 'name': 'tide'} </tool_call> "
            "<tool_call> {'arguments': {'on': True}, 'name': 'wind'} </tool_call> ",
            "",
            [call("tide", at="Looe's"), call("wind", on=True)],
        ),
        (
            '<tool_call>\n[{"name": "tide", "arguments": {}}, {"name": "wind"}]\n</tool_call>',
            "",
            [call("tide"), call("wind")],
        ),
        (
            'I look.\n<tool_call>\n{"name": "tide", "arguments": "{\\"at\\": 1}"}\n</tool_call>',
            "I look.",
            [call("tide", at=1)],
        ),
        ('I look. <tool_call>{"name": "tide"}</tool_call>', "I look.", [call("tide")]),
    ],
)
def test_calls_in_an_answer(text: str, said: str, calls: list[object]) -> None:
    """JSON or dicts of Python, one or several, on lines or on one line, behind text."""
    assert answer(text) == {"role": "assistant", "content": said, "tool_calls": calls}


def test_a_trace_before_calls() -> None:
    """The trace is reasoning, and the call is not part of it."""
    text = '<think>\nTwo.\n</think>\n<tool_call>\n{"name": "tide"}\n</tool_call>'
    assert answer(text) == {
        "role": "assistant",
        "content": "",
        "reasoning": "\nTwo.\n",
        "tool_calls": [call("tide")],
    }


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "tide", "argum',
        '<tool_call>\n{"name": "tide"}\n</tool_call>\nand more',
        '<tool_call>\n{"name": "tide"}\n</tool_call> then <tool_call>\n{"name": "tide"}\n</tool_call>',
        "<tool_call>\n{name: tide}\n</tool_call>",
        '<tool_call>\n{"arguments": {}}\n</tool_call>',
        '<tool_call>{"name": "tide"}</tool_call><tool_call></tool_call>',
    ],
)
def test_broken_calls_are_refused(text: str) -> None:
    """A call that is cut off, none at all, or followed by text."""
    with pytest.raises(PydanticCustomError) as error:
        answer(text)
    assert error.value.type == "tool_call_invalid"


@pytest.mark.parametrize(
    "text", ["Write <tool_call> before a call.", "<tool_call> and </tool_call> enclose it."]
)
def test_calls_that_are_only_spoken_of(text: str) -> None:
    """Without an object behind the tag, an answer is text; the tags in it cost the row later."""
    assert answer(text) == {"role": "assistant", "content": text}


@pytest.mark.parametrize("speaker", ["tool", "human"])
def test_several_responses_in_a_turn(speaker: str) -> None:
    """Each response is a turn of the tool, in a turn of the user as well, as Qwen3 shows them."""
    text = '<tool_response>\n{"at": 1}\n</tool_response>\n<tool_response>12</tool_response>\n'
    draft = read(("human", "q"), ("gpt", "a"), (speaker, text), ("gpt", "b"))
    assert draft.messages[2:4] == [
        {"role": "tool", "content": '{"at": 1}'},
        {"role": "tool", "content": "12"},
    ]


def test_a_response_is_kept_as_it_stands() -> None:
    """A tool's text without tags, or with its name beside its content, is shown as it is."""
    text = '<tool_response>\n{"name": "tide", "content": {"at": "06:12"}}\n</tool_response>'
    draft = read(("human", "q"), ("gpt", "a"), ("tool", text), ("tool", "06:12"), ("gpt", "b"))
    assert [turn["content"] for turn in draft.messages[2:4]] == [text[16:-17], "06:12"]


def test_definitions_in_several_pairs_of_tags_are_all_read() -> None:
    """And what is said between them stays."""
    notes = Notes()
    first, second = (f"<tools>{json.dumps(tool)}</tools>" for tool in SERVED)
    prompt = f"Be brief.\n{first}\nIn storms only:\n{second}\nNever guess."
    assert systems(prompt, notes) == (["Be brief.\nIn storms only:\nNever guess."], SERVED)
    assert notes.found == {Finding.TEXT_TOOLS: 2}


@pytest.mark.parametrize(("times", "read"), [(7, True), (8, False)])
def test_tags_may_be_spoken_of_seven_times_before_definitions(times: int, read: bool) -> None:
    """The eighth pair is not looked into."""
    spoken = "Use <tools> and </tools>. " * times
    assert bool(systems(f"{spoken}<tools>{json.dumps(SERVED)}</tools>")[1]) == read


@pytest.mark.parametrize("end", ["", ".", " . ", "\n"])
def test_a_full_stop_may_follow_definitions_inside_of_their_tags(end: str) -> None:
    """Words may not."""
    assert systems(f"A.\n<tools>{json.dumps(SERVED)}{end}</tools>\nB.") == (["A.\nB."], SERVED)
    text = f"<tools>{json.dumps(SERVED)} or so</tools>"
    assert systems(text)[1] == []


def test_a_name_is_enough_for_a_definition_between_tags() -> None:
    """There it can be nothing else; what is not closed is words."""
    assert systems('<tools>{"name": "f"}</tools>')[1] == [{"type": "function", "function": {"name": "f"}}]
    assert systems('<tools>{"name": "f"}')[1] == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('<tool_call>{"name": "f"}</tool_call><tool_call> </tool_call>', 1),
        ('<tool_call>{"name": "f"}', 0),
        ('<tool_call>{"name": "f"}</tool_call></tool_call>', 0),
        ('<tool_call>{"name": "f"}</tool_call> so', 0),
    ],
)
def test_a_broken_call_is_told_by_its_number(text: str, place: int) -> None:
    """From 0."""
    with pytest.raises(PydanticCustomError) as error:
        answer(text)
    assert error.value.message() == f"call {place} of the text is empty or not closed, or text follows it"


def test_calls_of_a_text_are_counted_and_their_unread_keys_noted() -> None:
    """Each of them."""
    notes = Notes()
    text = '<tool_call>[{"name": "f"}, {"name": "g", "why": "w"}]</tool_call>'
    read(("human", "q"), ("gpt", text), notes=notes)
    assert notes.found == {Finding.TEXT_CALLS: 2}
    assert [field.path for field in notes.tally().unread] == ["tool_call.why"]


@pytest.mark.parametrize(
    "text",
    [
        "<tool_response>a</tool_response> so",
        "so <tool_response>a</tool_response>",
        "<tool_response>a</tool_response> so <tool_response>b</tool_response>",
        "<tool_response>a <tool_response>b</tool_response>",
        "<tool_response>a</tool_response></tool_response>",
        "<tool_response>a",
        "a</tool_response>",
    ],
)
def test_a_text_that_holds_more_than_responses_is_what_the_user_says(text: str) -> None:
    """Or one whose tags are not closed."""
    draft = read(("human", text), ("gpt", "a"))
    assert draft.messages[0] == {"role": "user", "content": text}
