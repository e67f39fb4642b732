"""What a conversation may hold, and what it is called."""

import struct
import unicodedata
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from thinkmix.schemas.conversation import (
    CONTROL_TOKENS,
    Conversation,
    Lineage,
    Message,
    ToolCall,
    check_turns,
    clean_text,
    content_key,
    row_id,
)
from thinkmix.schemas.record import MAX_DEPTH, depth, json_text

LINEAGE = Lineage(file="f", row=0)
USER = Message(role="user", content="q")
ANSWER = Message(role="assistant", content="a")
CALLS = Message(role="assistant", tool_calls=[{"name": "f", "arguments": {}}])
TOOL = Message(role="tool", content="r")
SYSTEM = Message(role="system", content="s")


def reason_of(call: object, *args: object, **fields: object) -> str:
    with pytest.raises((ValidationError, PydanticCustomError)) as caught:
        call(*args, **fields)
    error = caught.value
    return error.type if isinstance(error, PydanticCustomError) else error.errors()[0]["type"]


@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_no_control_token_is_text(token: str) -> None:
    """Each of the 26 added tokens, anywhere, is refused."""
    assert reason_of(clean_text, f"a{token}b") == "control_token"
    assert clean_text(f"a{token[:-1]}b") == f"a{token[:-1]}b"


def verdict(text: str) -> str | None:
    try:
        clean_text(text)
    except PydanticCustomError as error:
        return error.type
    return None


UNWANTED = {
    "control_char": [*range(9), 11, 12, *range(14, 32), 127],
    "noncharacter": [*range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF],
    "bidi_control": [*range(0x202A, 0x202F), *range(0x2066, 0x206A)],
    "lone_surrogate": [0xD800, 0xDBFF, 0xDC00, 0xDFFF],
}


def test_every_code_point_of_the_basic_plane_is_judged_alike_alone_and_among_others() -> None:
    """Unwanted are exactly the listed code points, whatever script stands around them."""
    wanted = {
        code: reason for reason, codes in UNWANTED.items() for code in codes if reason != "lone_surrogate"
    }
    wanted |= dict.fromkeys(range(0xD800, 0xE000), "lone_surrogate")
    for code in range(0x10000):
        for text in (chr(code), f"a中{chr(code)}é"):
            assert verdict(text) == wanted.get(code), hex(code)


def test_the_place_of_an_unwanted_character_is_told() -> None:
    """The detail names the code point and where it stands."""
    with pytest.raises(PydanticCustomError, match=r"U\+0007 at character 3"):
        clean_text("中ab\x07")


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([], "no_final_assistant"),
        ([USER], "no_final_assistant"),
        ([USER, CALLS, TOOL], "no_final_assistant"),
        ([ANSWER], "role_order"),
        ([SYSTEM, ANSWER], "role_order"),
        ([USER, ANSWER, ANSWER], "role_order"),
        ([USER, ANSWER, TOOL, ANSWER], "role_order"),
        ([USER, TOOL, ANSWER], "role_order"),
        ([USER, CALLS, ANSWER], "role_order"),
        ([TOOL, USER, ANSWER], "role_order"),
        ([USER, CALLS, SYSTEM, TOOL, ANSWER], "role_order"),
        ([USER, ANSWER], None),
        ([SYSTEM, USER, ANSWER, USER, ANSWER], None),
        ([USER, CALLS], None),
        ([SYSTEM, SYSTEM, USER, ANSWER], None),
        ([USER, SYSTEM, ANSWER], None),
        ([USER, ANSWER, SYSTEM, USER, ANSWER], None),
        ([USER, USER, ANSWER], None),
        ([ANSWER, USER, ANSWER], None),
        ([USER, CALLS, USER, ANSWER], None),
        ([USER, CALLS, TOOL, USER, ANSWER], None),
        ([USER, CALLS, TOOL, TOOL, ANSWER, USER, CALLS, TOOL, CALLS, TOOL, ANSWER], None),
    ],
)
def test_turns_follow_each_other_as_in_a_chat(turns: list[Message], reason: str | None) -> None:
    """Nobody asks, two answers in a row, a response without a call: such orders are refused."""
    if reason is None:
        check_turns(turns)
    else:
        assert reason_of(check_turns, turns) == reason


def test_an_answer_after_an_open_call_says_what_is_missing() -> None:
    """Joining the two turns, which helps where two answers follow each other, does not help there."""
    with pytest.raises(
        PydanticCustomError, match="message 2: the assistant goes on after a call that has no"
    ):
        check_turns([USER, CALLS, ANSWER])
    with pytest.raises(
        PydanticCustomError, match="message 2: assistant after assistant; `turns: join` makes"
    ):
        check_turns([USER, ANSWER, ANSWER])


@pytest.mark.parametrize("blank", ["", " ", "\n", " \n", "\t", "\n \n "])
def test_white_space_before_calls_is_no_text(blank: str) -> None:
    """The template would print it as a blank line that is learned."""
    assert CALLS.model_copy() == Message(role="assistant", content=blank, tool_calls=CALLS.tool_calls)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"role": "user", "content": " \n"}, "empty_turn"),
        ({"role": "system", "content": ""}, "empty_turn"),
        ({"role": "assistant", "content": "\n"}, "empty_turn"),
        ({"role": "assistant", "content": "\u200b"}, "empty_turn"),
        ({"role": "user", "content": " \ufeff\u2800\n"}, "empty_turn"),
        ({"role": "assistant", "content": "\u200b", "reasoning": "r"}, "think_no_answer"),
        ({"role": "assistant", "content": "", "reasoning": "r"}, "think_no_answer"),
        ({"role": "user", "content": "q", "reasoning": "r"}, "role_order"),
        ({"role": "tool", "content": "q", "tool_calls": [{"name": "f", "arguments": {}}]}, "role_order"),
        ({"role": "robot", "content": "q"}, "literal_error"),
        ({"role": "user", "content": "q", "name": "x"}, "extra_forbidden"),
    ],
)
def test_a_turn_says_something_that_its_role_may(fields: dict[str, object], reason: str) -> None:
    """Empty turns, and reasoning or calls of anyone but the assistant, are refused."""
    assert reason_of(Message, **fields) == reason


def test_line_breaks_at_the_seams_are_the_templates() -> None:
    """Around the trace and the answer they are removed; inside, and elsewhere, they stay."""
    got = Message(role="assistant", content="\n\na\n\nb  \n \n", reasoning="\nr\n\ns\n")
    assert (got.content, got.reasoning) == ("a\n\nb  ", "r\n\ns")
    assert Message(role="user", content="\nq\n").content == "\nq\n"
    assert Message(role="assistant", content="a", reasoning=" \n").reasoning is None


def nested(levels: int) -> dict[str, object]:
    value: object = 1
    for _ in range(levels - 1):
        value = [value]
    return {"a": value}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (nested(MAX_DEPTH + 1), "too_deep"),
        (nested(5_000), "too_deep"),
        ({"a": float("nan")}, "wrong_type"),
        ({"a": float("-inf")}, "wrong_type"),
        ({"a": {1: 2}}, "wrong_type"),
        ({"a": b"x"}, "wrong_type"),
        ({"a": (1,)}, "wrong_type"),
        ({"a": {"<|im_end|>": 1}}, "control_token"),
        ({"a": ["\x00"]}, "control_char"),
        ({"a": "\ud800"}, "lone_surrogate"),
    ],
)
def test_arguments_are_what_json_text_holds_exactly(arguments: dict[str, object], reason: str) -> None:
    """Whatever a JSON reader would change or refuse is refused before."""
    assert reason_of(ToolCall, name="f", arguments=arguments) == reason


def test_json_text_keeps_every_digit_of_an_integer() -> None:
    """An integer beyond 64 bits does not become a float between a call and its dump."""
    call = ToolCall(name="f", arguments={"x": 123456789012345678901, "y": 1.5})
    assert ToolCall.model_validate(call.model_dump()).arguments == call.arguments


def test_json_text_of_arguments_may_be_bottomless() -> None:
    """Text that one parser follows and the next does not is refused, not a crash."""
    text = '{"x": ' + "[" * 1010 + "1" * 25 + "]" * 1010 + "}"
    assert reason_of(ToolCall, name="f", arguments=text) == "too_deep"


def test_arguments_within_the_limits_are_kept() -> None:
    """64 levels, any finite number, any key."""
    values = {"a": 2**64 - 1, "b": -(2**63), "c": 5.97e24, "d": None, "e": True, "": {"中": []}}
    assert ToolCall(name="f", arguments=values).arguments == values
    assert depth(ToolCall(name="f", arguments=nested(MAX_DEPTH)).arguments) == MAX_DEPTH


def test_json_text_is_what_the_template_prints() -> None:
    """Spaces after colon and comma, key order kept, nothing escaped that need not be."""
    assert json_text({"b": 1, "a": ["中", "<&>'"]}) == '{"b": 1, "a": ["中", "<&>\'"]}'


def test_depth_counts_levels_without_recursion() -> None:
    """A scalar has none, and a hundred thousand are no problem."""
    assert [depth(value) for value in (1, [], {"a": [1]}, ([],))] == [0, 1, 2, 2]
    assert depth(nested(100_000)) == 100_000


MESSAGES = st.lists(st.text("aé中\n", min_size=1, max_size=5).filter(str.strip), min_size=1, max_size=3)


@settings(max_examples=40)
@given(MESSAGES, st.dictionaries(st.text("ab"), st.integers(-9, 9), min_size=2, max_size=3))
def test_equal_content_has_equal_keys(texts: list[str], arguments: dict[str, int]) -> None:
    """Unicode form and key order change nothing; a character, a trace or a role do."""

    def key(form: str, reverse: bool, **change: object) -> str:
        items = sorted(arguments.items(), reverse=reverse)
        call = ToolCall(name="f", arguments=dict(items))
        said = [Message(role="user", content=unicodedata.normalize(form, text)) for text in texts]
        last = Message(**{"role": "assistant", "content": "a", "tool_calls": (call,), **change})
        return content_key([*said, last], [dict(items)])

    same = {key(form, reverse) for form in ("NFC", "NFD") for reverse in (False, True)}
    assert len(same) == 1
    others = {
        key("NFC", False, **change) for change in ({"content": "b"}, {"reasoning": "r"}, {"tool_calls": ()})
    }
    assert len(same | others) == 4


def test_the_key_is_the_hash_that_it_says_it_is() -> None:
    """Counts and texts as documented, so that another reader can compute it."""
    call = {"name": "f", "arguments": {"b": 1, "a": "é"}}
    talk = [
        Message(role="user", content="e\u0301"),
        Message(role="assistant", content="a", reasoning="r", tool_calls=(call,)),
    ]
    calls = '[["f",{"a":"é","b":1}]]'.encode()
    tools = b'[{"name":"f"}]'
    counts = (2, 1, 2, 0, 0, 2, 1, 1, len(calls), len(tools))
    wanted = struct.pack("<10q", *counts) + "éar".encode() + calls + tools
    assert content_key(talk, [{"name": "f"}]) == sha256(wanted).hexdigest()


def test_no_text_can_move_from_one_part_to_another_unnoticed() -> None:
    """The same letters in other parts, turns or roles are another conversation."""
    answers = [
        [{"role": "assistant", "content": "ab"}],
        [{"role": "assistant", "content": "b", "reasoning": "a"}],
        [{"role": "assistant", "content": "a", "reasoning": "b"}],
        [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}],
        [{"role": "user", "content": "ab"}],
        [{"role": "tool", "content": "ab"}],
        [{"role": "assistant", "content": "", "tool_calls": [{"name": "ab", "arguments": {}}]}],
    ]
    keys = [content_key([USER, *(Message(**turn) for turn in turns)], []) for turns in answers]
    keys.append(content_key([USER, Message(role="assistant", content="ab")], [{"ab": 1}]))
    assert len(set(keys)) == len(keys)


def test_keys_of_objects_are_sorted_as_they_are_normalised() -> None:
    """The form of an accent does not change the order; two keys that would become one stay apart."""

    def key(*names: str) -> str:
        return content_key([USER, ANSWER], [{name: n for n, name in enumerate(names)}])

    assert key("e\u0301", "z") == key("\u00e9", "z")
    assert key("e\u0301", "\u00e9") != key("\u00e9", "e\u0301") != key("\u00e9")


def test_ids_name_source_and_content_only() -> None:
    """32 hex digits; the same content in two sources has two names."""
    assert row_id("a", "k") == row_id("a", "k") != row_id("b", "k")
    assert len(row_id("a", "k")) == 32
    assert row_id("a", "bk") != row_id("ab", "k")


def test_a_conversation_knows_its_question() -> None:
    """The first user turn, whatever stands before it."""
    talk = Conversation(
        id="i", source="s", messages=[SYSTEM, USER, ANSWER], lineage=LINEAGE, tools=[{"name": "f"}]
    )
    assert talk.question() == "q"


@pytest.mark.parametrize(
    ("tools", "reason"), [([{}], "tools_invalid"), ([{"a": "<think>"}], "control_token")]
)
def test_tools_are_objects_of_clean_text(tools: list[object], reason: str) -> None:
    """An empty definition, or a control token in one, refuses the conversation."""
    fields = {"id": "", "source": "", "messages": [USER, ANSWER], "lineage": LINEAGE}
    assert reason_of(Conversation, **fields, tools=tools) == reason


def test_chat_form_is_what_templates_read() -> None:
    """`reasoning_content` and wrapped calls, and nothing that is not there."""
    message = Message(
        role="assistant", content="a", reasoning="r", tool_calls=[{"name": "f", "arguments": {"x": 1}}]
    )
    assert message.to_chat() == {
        "role": "assistant",
        "content": "a",
        "reasoning_content": "r",
        "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}],
    }
    assert USER.to_chat() == {"role": "user", "content": "q"}


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        ((ANSWER, ANSWER), "assistant after assistant; `turns: join` makes one turn of two"),
        (
            (ANSWER, Message(role="assistant", content="a", reasoning="t")),
            "`turns: join` does not join them, for the second has a trace of its own",
        ),
        (
            (Message(role="assistant", content="a", context=True), ANSWER),
            "`turns: join` does not join them, for one of them is marked as not to be learned",
        ),
        ((CALLS, ANSWER), "message 2: the assistant goes on after a call that has no response"),
    ],
)
def test_two_answers_in_a_row_say_whether_joining_helps(turns: tuple[Message, ...], words: str) -> None:
    """`turns: join` is proposed only where it makes one turn of them."""
    with pytest.raises(PydanticCustomError) as caught:
        check_turns([USER, *turns])
    assert caught.value.message().endswith(words)
