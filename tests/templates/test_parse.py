"""Reading back: what a text says, and which losses are noticed."""

from dataclasses import replace

import pytest

from thinkmix.schemas.conversation import Message, ToolCall
from thinkmix.schemas.errors import TemplateError
from thinkmix.templates.chat.control_tokens import ASSISTANT, EMPTY_TRACE
from thinkmix.templates.chat.families.qwen3 import QWEN3
from thinkmix.templates.chat.families.qwen3_instruct_2507 import QWEN3_INSTRUCT_2507
from thinkmix.templates.chat.families.qwen3_thinking_2507 import QWEN3_THINKING_2507
from thinkmix.templates.chat.parse import parse_chat, round_trip_problem
from thinkmix.templates.chat.render import render_chat
from thinkmix.templates.chat.turns import training_turns

QUESTION = Message(role="user", content="q")


def answer(content="a", reasoning=None, calls=()):
    return Message(role="assistant", content=content, reasoning=reasoning, tool_calls=calls)


def learned(messages, tools=(), **kinds):
    (turn,) = training_turns(messages, tools, family=QWEN3, turns=[1], **kinds)
    return turn


def test_a_whole_conversation_reads_back():
    """System prompt, tools, trace, calls, responses and answer come back as they were, from any template."""
    tools = ({"type": "function", "function": {"name": "查", "description": "a\n\nb"}},)
    call = ToolCall(name="查", arguments={"x": [1.5, None, 2**70, "\n</tools>\n"]})
    messages = (
        Message(role="system", content="s\n\n"),
        Message(role="user", content="\n q \n"),
        answer("text\n", "why\r\n\nso", (call, call)),
        Message(role="tool", content=""),
        Message(role="tool", content="\nr\n"),
        answer(" b\n", "because"),
    )
    assert parse_chat(render_chat(messages, tools=tools, family=QWEN3)) == (messages, tools)
    assert parse_chat(render_chat(messages, tools=tools, family=QWEN3_THINKING_2507)) == (messages, tools)
    bare = tuple(message.model_copy(update={"reasoning": None}) for message in messages)
    assert parse_chat(render_chat(messages, tools=tools, family=QWEN3_INSTRUCT_2507)) == (bare, tools)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", "does not end with"),
        ("<|im_start|>user\nq", "does not end with"),
        ("<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n", "does not end with"),
        ("user\nq<|im_end|>\n", "turn 0 of the text does not start with"),
        ("<|im_start|>user\nq<|im_start|>user\nq<|im_end|>\n", "turn 0 of the text does not start with"),
        ("<|im_start|>user<|im_end|>\n", "turn 0 of the text does not start with"),
        ("<|im_start|>assistant\n<think>\nr<|im_end|>\n", "never closes it"),
        ("<|im_start|>assistant\n<tool_call>\n{}\n</tool_call><|im_end|>\n", "not a name and arguments"),
        ("<|im_start|>assistant\n<tool_call>\n{\n</tool_call><|im_end|>\n", "is not JSON"),
        ("<|im_start|>assistant\n<tool_call>\n{}<|im_end|>\n", "expected '<tool_call>"),
        ("<|im_start|>user\n<tool_response>\nr<|im_end|>\n", "expected '<tool_response>"),
        ("<|im_start|>poet\nx<|im_end|>\n", "not a message"),
        ("<|im_start|>user\na<think>b<|im_end|>\n", "not a message"),
    ],
)
def test_a_text_that_is_no_chat_is_refused(text, want):
    """The error says where the text stops being a rendered chat."""
    with pytest.raises(TemplateError, match=want):
        parse_chat(text)


@pytest.mark.parametrize(
    ("calls", "want"),
    [
        ([ToolCall(name='a"b', arguments={})], "a tool call is not JSON"),
        ([ToolCall(name="a\nb", arguments={})], "a tool call is not JSON"),
        (
            [ToolCall(name="a\\u0062", arguments={})],
            "messages[1] (assistant): calls (('a\\\\u0062', '{}'),) reads back as (('ab', '{}'),)",
        ),
        ([ToolCall(name='a", "x": "', arguments={})], "a tool call is not a name and arguments"),
        (
            [ToolCall(name='a", "name": "b', arguments={})],
            'messages[1] (assistant): calls ((\'a", "name": "b',
        ),
    ],
)
def test_a_tool_name_that_breaks_its_call_is_noticed(calls, want):
    """The template pastes names unescaped, so that some come out as another call."""
    messages = [QUESTION, answer("", None, calls)]
    turn = learned(messages)
    assert round_trip_problem(messages, (), turn, QWEN3).startswith(want)


@pytest.mark.parametrize(
    ("change", "want"),
    [
        (
            {"completion": "<think>\nr\n</think>\n\nb<|im_end|>\n"},
            "messages[1] (assistant): content 'a' reads back as 'b'",
        ),
        ({"completion": "a<|im_end|>\n"}, "messages[1] (assistant): reasoning 'r' reads back as None"),
        ({"completion": "<think>\nr\n</think>\n\na"}, "the text does not end with '<|im_end|>\\n'"),
        (
            {"prompt": "<|im_start|>user\nq<|im_end|>\n"},
            "the prompt does not end with '<|im_start|>assistant\\n'",
        ),
        ({"prompt": "<|im_start|>assistant\n"}, "2 messages read back as 1"),
        (
            {"prompt": "<|im_start|>system\nq<|im_end|>\n<|im_start|>assistant\n"},
            "messages[0] (user): role 'user' reads back as 'system'",
        ),
        (
            {"thinking": False, "prompt": "<|im_start|>assistant\n<think>\n\n</think>\n\n"},
            "messages[1] (assistant): marked as not thinking",
        ),
    ],
)
def test_each_loss_is_named(change, want):
    """The sentence says which message lost what."""
    messages = [QUESTION, answer("a", "r")]
    turn = replace(learned(messages), **change)
    assert round_trip_problem(messages, (), turn, QWEN3) == want


def test_lost_tools_are_noticed():
    """Tools are part of what is read back."""
    messages = [QUESTION, answer()]
    turn = learned(messages, [{"a": 1}])
    assert round_trip_problem(messages, [{"a": 1}], turn, QWEN3) is None
    assert (
        round_trip_problem(messages, [{"a": 2}], turn, QWEN3)
        == """tools[0]: '{"a": 2}' reads back as '{"a": 1}'"""
    )
    assert round_trip_problem(messages, [], turn, QWEN3) == "0 tools read back as 1"


@pytest.mark.parametrize(
    ("question", "family", "fault"),
    [
        ("q /no_think", QWEN3, None),
        ("q", QWEN3, "learns an empty trace, but /no_think was not said"),
        ("q /no_think /think", QWEN3, "learns an empty trace, but /no_think was not said"),
        ("q /no_think", QWEN3_INSTRUCT_2507, "learns an empty trace, but /no_think was not said"),
    ],
)
def test_an_empty_trace_is_learned_where_it_was_asked_for(question, family, fault):
    """By the hybrid template, after `/no_think`; anywhere else it would teach that the trace may be empty."""
    messages = [Message(role="user", content=question), answer()]
    turn = learned([Message(role="user", content="q /no_think"), answer()], soft_switch=True)
    turn = replace(turn, prompt=turn.prompt.replace("q /no_think", question))
    want = f"messages[1] (assistant): {fault}" if fault else None
    assert round_trip_problem(messages, (), turn, family) == want


def test_a_learned_empty_trace_does_not_lie_in_the_prompt_too():
    """The model would read one, and print another."""
    messages = [Message(role="user", content="q /no_think"), answer()]
    turn = learned(messages, soft_switch=True)
    twice = replace(turn, prompt=turn.prompt + EMPTY_TRACE)
    assert round_trip_problem(messages, (), twice, QWEN3) == f"the prompt does not end with {ASSISTANT!r}"
