"""The training form: equal to the reference rendering, cut where the loss starts, and readable back."""

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.conversation import CONTROL_TOKENS, Conversation, Lineage, Message, ToolCall, check_turns
from templates import (
    ModeUnsupported,
    TrainingTurn,
    count_tokens,
    cut_trace,
    parse_chat,
    render_chat,
    round_trip_problem,
    training_turns,
)
from templates.turns import TOOLS_OPEN

GOLDEN = (Path(__file__).parents[2] / "../shared/golden").resolve()
TEMPLATES = ("qwen3", "qwen3-instruct-2507", "qwen3-thinking-2507")
ASSISTANT = "<|im_start|>assistant\n"
USER = "<|im_start|>user\nq<|im_end|>\n"
CALL = ToolCall(name="f", arguments={"x": 1})
CALL_TEXT = '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>'


def user(content="q"):
    return Message(role="user", content=content)


def assistant(content="a", reasoning=None, calls=()):
    return Message(role="assistant", content=content, reasoning=reasoning, tool_calls=calls)


def tool(content="r"):
    return Message(role="tool", content=content)


def plain(text):
    return not any(token in text for token in CONTROL_TOKENS)


pieces = [
    "\n",
    "\n\n",
    "\r\n",
    " ",
    "\t",
    "a",
    "word ",
    "中文。",
    "👩‍💻",
    "é",
    "e\u0301",
    "\u2028",
    "<",
    ">",
    "|",
]
pieces += ["think", "</", "<tools>", "{", "}", '"', "\\", "{{x}}", "{% if %}", "assistant", TOOLS_OPEN]
texts = st.lists(st.sampled_from(pieces), max_size=8).map("".join).filter(plain)
spoken = texts.filter(str.strip)
names = st.sampled_from(["f", "get_weather", "查询", "a.b-c"])
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, values, max_size=3)
calls = st.lists(st.builds(ToolCall, name=names, arguments=objects), min_size=1, max_size=3).map(tuple)
traces = st.none() | spoken


@st.composite
def queries(draw):
    """Draw a question, some tool steps, and the answer."""
    turns = [user(draw(spoken))]
    for _ in range(draw(st.integers(0, 2))):
        turns.append(assistant(draw(texts), draw(traces), draw(calls)))
        turns += [tool(text) for text in draw(st.lists(texts, min_size=1, max_size=2))]
    return [*turns, assistant(draw(spoken), draw(traces))]


@st.composite
def conversations(draw):
    """Draw messages and tools that `Conversation` accepts."""
    system = [Message(role="system", content=text) for text in draw(st.lists(spoken, max_size=1))]
    rounds = draw(st.lists(queries(), min_size=1, max_size=3))
    tools = draw(st.lists(objects.filter(bool), max_size=2))
    messages = system + [message for turns in rounds for message in turns]
    lineage = Lineage(dataset="d", revision="r", file="f", row=0)
    chat = Conversation(id="i", source="s", messages=tuple(messages), tools=tuple(tools), lineage=lineage)
    return chat.messages, chat.tools


fuzzed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def agrees(messages, tools, template):
    """Check every training turn against the reference and read it back; return how many there were."""
    try:
        turns = training_turns(messages, tools, template=template)
    except ModeUnsupported:
        return 0
    assert training_turns(messages, tools, template=template, supervise="last") == turns[-1:]
    for turn in turns:
        assert turn.prompt == render_chat(
            messages[: turn.turn],
            tools=tools,
            template=template,
            add_generation_prompt=True,
            enable_thinking=turn.thinking,
        )
        assert turn.prompt + turn.completion == render_chat(
            messages[: turn.turn + 1], tools=tools, template=template
        )
        assert turn.completion.endswith("<|im_end|>\n")
        assert turn.thinking == (messages[turn.turn].reasoning is not None)
    assert [turn.turn for turn in turns] == [i for i, m in enumerate(messages) if m.role == "assistant"]
    return len(turns)


@fuzzed
@given(conversations())
def test_the_fast_form_equals_the_reference(conversation):
    """Prompt and completion of every turn are what the Jinja template prints for the prefix."""
    for template in TEMPLATES:
        agrees(*conversation, template)


@fuzzed
@given(conversations())
def test_nothing_is_lost_on_the_way(conversation):
    """Every training turn reads back as the conversation it came from."""
    messages, tools = conversation
    for template in TEMPLATES:
        try:
            turns = training_turns(messages, tools, template=template)
        except ModeUnsupported:
            continue
        for turn in turns:
            assert round_trip_problem(messages, tools, turn, template) is None


@fuzzed
@given(queries(), st.lists(objects.filter(bool), max_size=2))
def test_parsing_is_the_inverse_of_rendering(messages, tools):
    """A conversation of one query, in which no trace is dropped, parses back to equal messages and tools."""
    assert parse_chat(render_chat(messages, tools=tools)) == (tuple(messages), tuple(tools))


@fuzzed
@given(queries(), st.data())
def test_a_changed_text_never_passes_for_the_original(messages, data):
    """Dropping any one character of the rendered text is noticed."""
    turn = training_turns(messages, template="qwen3", supervise="last")[0]
    at = data.draw(st.integers(0, len(turn.completion) - 1))
    changed = TrainingTurn(
        turn.turn, turn.thinking, turn.prompt, turn.completion[:at] + turn.completion[at + 1 :]
    )
    assert round_trip_problem(messages, (), changed, "qwen3") is not None


def canonical(row):
    """Return a golden row as messages, or None where it is not a conversation as it stands."""
    try:
        messages = [
            Message(
                role=fields["role"],
                content=fields["content"],
                reasoning=fields.get("reasoning_content"),
                tool_calls=tuple(
                    ToolCall(**{key: call.get("function", call)[key] for key in ("name", "arguments")})
                    for call in fields.get("tool_calls") or ()
                ),
            )
            for fields in row["messages"]
        ]
        check_turns(messages)
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError):
        return None
    same = all(
        message.content == fields["content"] and message.reasoning == fields.get("reasoning_content")
        for message, fields in zip(messages, row["messages"], strict=True)
    )
    return messages if same else None


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no golden renderings beside the checkout")
def test_golden_conversations_have_the_official_text():
    """Of every golden row that is a conversation as it stands, the training form is the official text."""
    rows = [
        json.loads(line) for line in (GOLDEN / "qwen3_hybrid.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    official = turns = 0
    for row in rows:
        if (messages := canonical(row)) is None:
            continue
        for template in TEMPLATES:
            turns += agrees(messages, row["tools"] or (), template)
        if row["kwargs"].get("add_generation_prompt") or any(
            isinstance(call.get("function", call)["arguments"], str)
            for fields in row["messages"]
            for call in fields.get("tool_calls") or ()
        ):
            continue
        last = training_turns(messages, row["tools"] or (), template="qwen3", supervise="last")[0]
        assert last.prompt + last.completion == row.get("plain_jinja", row["expected"]), row["id"]
        official += 1
    assert official > 60
    assert turns > 400


@pytest.mark.parametrize(
    ("messages", "template", "want"),
    [
        (
            [user(), assistant("It is 5.", "2+3=5.")],
            "qwen3",
            [(1, True, USER + ASSISTANT, "<think>\n2+3=5.\n</think>\n\nIt is 5.<|im_end|>\n")],
        ),
        (
            [user(), assistant("Hi!")],
            "qwen3",
            [(1, False, USER + ASSISTANT + "<think>\n\n</think>\n\n", "Hi!<|im_end|>\n")],
        ),
        (
            [user(), assistant("Hi!")],
            "qwen3-instruct-2507",
            [(1, False, USER + ASSISTANT, "Hi!<|im_end|>\n")],
        ),
        (
            [user(), assistant("a", "r")],
            "qwen3-thinking-2507",
            [(1, True, USER + ASSISTANT + "<think>\n", "r\n</think>\n\na<|im_end|>\n")],
        ),
        (
            [user(), assistant("a", "r"), user(), assistant("b")],
            "qwen3",
            [
                (1, True, USER + ASSISTANT, "<think>\nr\n</think>\n\na<|im_end|>\n"),
                (
                    3,
                    False,
                    f"{USER}{ASSISTANT}a<|im_end|>\n{USER}{ASSISTANT}<think>\n\n</think>\n\n",
                    "b<|im_end|>\n",
                ),
            ],
        ),
        (
            [user(), assistant("", "r", (CALL,)), tool(), assistant("b", "s")],
            "qwen3",
            [
                (1, True, USER + ASSISTANT, f"<think>\nr\n</think>\n\n{CALL_TEXT}<|im_end|>\n"),
                (
                    3,
                    True,
                    f"{USER}{ASSISTANT}<think>\nr\n</think>\n\n{CALL_TEXT}<|im_end|>\n"
                    f"<|im_start|>user\n<tool_response>\nr\n</tool_response><|im_end|>\n{ASSISTANT}",
                    "<think>\ns\n</think>\n\nb<|im_end|>\n",
                ),
            ],
        ),
        (
            [user(), assistant("go", None, (CALL,)), tool(), assistant("b")],
            "qwen3",
            [
                (1, False, f"{USER}{ASSISTANT}<think>\n\n</think>\n\n", f"go\n{CALL_TEXT}<|im_end|>\n"),
                (
                    3,
                    False,
                    f"{USER}{ASSISTANT}go\n{CALL_TEXT}<|im_end|>\n"
                    "<|im_start|>user\n<tool_response>\nr\n</tool_response><|im_end|>\n"
                    f"{ASSISTANT}<think>\n\n</think>\n\n",
                    "b<|im_end|>\n",
                ),
            ],
        ),
    ],
    ids=[
        "thinking",
        "not-thinking",
        "instruct",
        "thinking-only",
        "two-queries",
        "tool-steps",
        "no-trace-steps",
    ],
)
def test_where_the_loss_starts(messages, template, want):
    """The prompt ends where the model would start to speak; the completion is all it has to say."""
    assert training_turns(messages, template=template) == [TrainingTurn(*turn) for turn in want]


def test_only_the_last_turn_on_demand():
    """`supervise="last"` leaves out all turns but the last."""
    messages = [user(), assistant("a"), user(), assistant("b")]
    got = training_turns(messages, template="qwen3", supervise="last")
    assert got == training_turns(messages, template="qwen3")[1:]


@pytest.mark.parametrize(
    ("messages", "template", "want"),
    [
        (
            [user(), assistant("a", "r")],
            "qwen3-instruct-2507",
            "messages[1] (assistant) holds a trace of reasoning, which qwen3-instruct-2507 never shows",
        ),
        (
            [user(), assistant("", "r", (CALL,)), tool(), assistant("b")],
            "qwen3-instruct-2507",
            "messages[3] (assistant) follows a trace of reasoning, which qwen3-instruct-2507 never shows",
        ),
        (
            [user(), assistant("a")],
            "qwen3-thinking-2507",
            "messages[1] (assistant) has no trace of reasoning, with which qwen3-thinking-2507 always starts",
        ),
    ],
)
def test_a_mode_that_the_template_cannot_write_is_refused(messages, template, want):
    """The error names the message, and survives the way between processes."""
    with pytest.raises(ModeUnsupported) as caught:
        training_turns(messages, template=template, supervise="last")
    assert str(pickle.loads(pickle.dumps(caught.value))) == want


def test_earlier_queries_may_think_where_later_ones_do_not():
    """An instruct template shows no traces of earlier queries, as all templates do: no reason to refuse."""
    messages = [user(), assistant("a", "r"), user(), assistant("b")]
    turn = training_turns(messages, template="qwen3-instruct-2507", supervise="last")[0]
    assert turn.prompt + turn.completion == render_chat(messages, template="qwen3-instruct-2507")
    assert round_trip_problem(messages, (), turn, "qwen3-instruct-2507") is None


@settings(fuzzed, max_examples=30)
@given(conversations(), st.sampled_from(["qwen3", "qwen3-thinking-2507"]))
def test_a_trace_and_the_rest_have_the_tokens_of_the_whole(conversation, template):
    """Counting a completion in two parts gives its tokens exactly, and those of its trace besides."""
    messages, tools = conversation
    try:
        turns = training_turns(messages, tools, template=template)
    except ModeUnsupported:
        return
    for turn in turns:
        trace, rest = cut_trace(turn)
        assert trace.strip("\n") == (messages[turn.turn].reasoning or "").strip("\n")
        whole, parts = count_tokens([turn.completion]), count_tokens([trace, rest])
        assert whole.sum() == parts.sum()
