"""A chat while it is read: what becomes of what its turns say, whatever the format."""

import json

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.chat import Chat, ListedChat

TOOL = {"type": "function", "function": {"name": "tide", "description": "Tide"}}
CALL = {"name": "tide", "arguments": {"at": "Looe"}}
FORM = "Calls stand in <tool_call> tags."


def contents(chat: Chat, *tools: object) -> list[str]:
    return [turn["content"] for turn in chat.draft(tools).messages]


@pytest.mark.parametrize("kind", [Chat, ListedChat])
def test_nothing_is_taken_for_granted(kind: type[Chat]) -> None:
    """No trace was opened before, no line is trimmed, no call is Python, unless it is said."""
    chat = kind(Notes())
    with pytest.raises(PydanticCustomError) as caught:
        chat.assistant("hm</think>a")
    assert caught.value.type == "think_unopened"
    chat.tools = [TOOL]
    chat.assistant(" \n\n a")
    chat.assistant("[tide(at='Looe')]")
    chat.assistant("a")
    chat.calls([CALL], None)
    assert chat.draft().messages == [
        {"role": "assistant", "content": " \n\n a"},
        {"role": "assistant", "content": "[tide(at='Looe')]"},
        {"role": "assistant", "content": "a", "tool_calls": [CALL]},
    ]


def test_blank_lines_before_an_answer_go_where_they_are_not_its_authors() -> None:
    """All of them, and not the space that its first line begins with."""
    chat = Chat(Notes(), trimmed=True)
    for text in (" \n\n  a\n b", "a", "\na", " "):
        chat.assistant(text)
    assert contents(chat) == ["  a\n b", "a", "a", " "]


def test_calls_that_are_written_as_python_follow_the_trace() -> None:
    """And are counted; those that were stated elsewhere come first."""
    notes = Notes()
    chat = ListedChat(notes, pythonic=True)
    chat.tools = [TOOL]
    chat.assistant("<think>hm</think>I look.\n[tide(at='Looe')]", calls=[{**CALL, "name": "wind"}])
    (turn,) = chat.draft().messages
    assert (turn["reasoning"], turn["content"]) == ("hm", "I look.")
    assert turn["tool_calls"] == [{**CALL, "name": "wind"}, CALL]
    assert notes.found == {Finding.TEXT_CALLS: 1}


def test_a_later_definition_is_known_to_later_calls() -> None:
    """Names are those that were defined so far."""
    chat = ListedChat(Notes(), pythonic=True)
    chat.assistant("I look:\n[tide(at='Looe')]")
    chat.tools = [TOOL]
    chat.assistant("I look:\n[tide(at='Looe')]")
    assert ["tool_calls" in turn for turn in chat.draft().messages] == [False, True]


def test_a_listing_of_tools_is_taken_out_of_a_prompt_and_counted() -> None:
    """With the sentences on the form of a call; a prompt that lists none stays as it is."""
    notes = Notes()
    chat = ListedChat(notes)
    chat.system(f"Be kind. Do not use variables. Use them:\n{json.dumps([TOOL])}")
    chat.system("Be brief. Do not use variables.")
    assert contents(chat) == ["Be kind. Use them:", "Be brief. Do not use variables."]
    assert (chat.tools, notes.found) == ([TOOL], {Finding.TEXT_TOOLS: 1, Finding.CALL_FORM: 1})


@pytest.mark.parametrize("calls", [False, True])
def test_sentences_on_the_form_of_calls_go_where_there_are_tools_or_calls(calls: bool) -> None:
    """From system turns that speak of a tag; other turns, and other system turns, stay."""
    notes = Notes()
    chat = Chat(notes)
    chat.system(f"Be kind. {FORM}")
    chat.user(FORM)
    chat.system("Be brief. Do not use variables.")
    chat.system(FORM)
    chat.assistant("a", calls=[CALL] if calls else ())
    want = ["Be kind.", FORM, "Be brief. Do not use variables.", "a"]
    assert contents(chat, *([] if calls else [TOOL])) == want
    assert notes.found == {Finding.CALL_FORM: 2}


def test_sentences_on_the_form_of_calls_stay_where_nothing_is_called() -> None:
    """They are what the prompt says, then."""
    notes = Notes()
    chat = Chat(notes)
    chat.system(FORM)
    chat.assistant("a")
    assert (contents(chat), notes.found) == ([FORM, "a"], {})


def test_a_system_turn_that_repeats_the_one_before_is_none() -> None:
    """Later on it is one; blank ones are left out."""
    chat = Chat(Notes())
    for text in ("s", "s", " \n", "t"):
        chat.system(text)
    chat.user("q")
    chat.system("t")
    assert contents(chat) == ["s", "t", "q", "t"]


def test_definitions_of_one_name_are_those_that_come_first() -> None:
    """Others are counted, the very same are not."""
    notes = Notes()
    chat = Chat(notes)
    other = {**TOOL, "function": {"name": "tide", "description": "Ebb"}}
    named = {**TOOL, "function": {"name": "wind"}}
    chat.tools = [named, other, named, TOOL, {"type": "code"}, {"type": "search"}]
    assert chat.draft().tools == [named, other, {"type": "code"}, {"type": "search"}]
    assert notes.found == {Finding.TOOL_REPEATED: 1}
    assert chat.draft([TOOL]).tools == [TOOL, named, {"type": "code"}, {"type": "search"}]


def test_calls_continue_the_answer_before_unless_they_have_a_trace() -> None:
    """A mark of one of them is one of the whole."""
    chat = Chat(Notes())
    chat.calls([CALL], None, context=True)
    chat.calls([CALL], None)
    chat.calls([CALL], "hm")
    chat.calls([CALL], None, context=True)
    chat.user("q")
    chat.calls([CALL], None)
    assert chat.draft().messages == [
        {"role": "assistant", "content": "", "tool_calls": [CALL, CALL], "context": True},
        {"role": "assistant", "content": "", "reasoning": "hm", "tool_calls": [CALL, CALL], "context": True},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
    ]


def test_a_response_is_told_its_call_by_an_id_that_was_called() -> None:
    """In a turn of its own, or in one that it continues."""
    chat = Chat(Notes())
    chat.assistant("", calls=[{**CALL, "id": "a"}])
    chat.calls([{**CALL, "id": "7"}, CALL], None)
    assert [chat.call_of(one) for one in ("a", 7, "b", None)] == ["a", "7", None, None]
    chat.tool("r", answers="a", named="tide")
    chat.tool("r")
    assert chat.draft().messages[1:] == [
        {"role": "tool", "content": "r", "answers": "a", "named": "tide"},
        {"role": "tool", "content": "r"},
    ]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("<answer>2</answer>", "2"),
        (" <answer> 2 </answer>\n", " 2 "),
        ("<answer>2", "<answer>2"),
        ("2</answer>", "2</answer>"),
        ("It is <answer>2</answer>", "It is <answer>2</answer>"),
    ],
)
def test_a_tag_is_taken_off_an_answer_that_it_encloses_whole(text: str, want: str) -> None:
    """And counted."""
    notes = Notes()
    chat = Chat(notes, answer_tag="answer")
    chat.assistant(text)
    assert contents(chat) == [want]
    assert notes.found == ({} if text == want else {Finding.ANSWER_TAG: 1})


@pytest.mark.parametrize(
    ("text", "want", "left"),
    [
        ("Write <think> first. Be short.", "Write <think> first. Be short.", 0),
        ("Be kind. Then <answer> x </answer>. Be short.", "Be kind. Be short.", 1),
        ("Be kind. Then <answer> x </answer>.", "Be kind.", 1),
        ("Write <think> first. Then <answer>.\nBe short", "\nBe short", 2),
        ("Be kind\nThen <answer>", "Be kind\n", 1),
        ("Be kind. Be short. Then <answer>", "Be kind. Be short.", 1),
        ("Be kind... Then <answer> x. Be short", "Be kind... Be short", 1),
        ("Be kind... Then <answer> x", "Be kind..", 1),
    ],
)
def test_what_a_prompt_says_of_the_tag_goes(text: str, want: str, left: int) -> None:
    """Sentence by sentence, with what it says of traces; a prompt that does not speak of it stays."""
    notes = Notes()
    chat = Chat(notes, answer_tag="answer")
    chat.system(text)
    assert (contents(chat), notes.found) == ([want], {Finding.ANSWER_FORM: left} if left else {})


def test_traces_in_several_places_are_one_if_their_words_are_the_same() -> None:
    """White space around them does not matter; two others are refused with their number and place."""
    chat = Chat(Notes())
    chat.user("q")
    chat.assistant("<think>\nhm\n</think>a", traces=["hm", None, " "])
    assert chat.draft().messages[1]["reasoning"].strip() == "hm"
    with pytest.raises(PydanticCustomError, match="message 2 holds 2 different traces"):
        chat.assistant("<think>hm</think>a", traces=["oh", "oh"])
