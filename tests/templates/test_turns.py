"""The training form: equal to the reference rendering, cut where the loss starts, and readable back."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.templates.toy.toy import TOY
from thinkmix.schemas.conversation import CONTROL_TOKENS, Message, ToolCall
from thinkmix.templates.chat.control_tokens import ASSISTANT, EMPTY_TRACE, TOOLS_OPEN
from thinkmix.templates.chat.families.known import FAMILIES
from thinkmix.templates.chat.families.qwen3 import QWEN3
from thinkmix.templates.chat.families.qwen3_instruct_2507 import QWEN3_INSTRUCT_2507
from thinkmix.templates.chat.families.qwen3_thinking_2507 import QWEN3_THINKING_2507
from thinkmix.templates.chat.parse import parse_chat, round_trip_problem
from thinkmix.templates.chat.render import render_chat
from thinkmix.templates.chat.switch import NO_THINK, governing_switches
from thinkmix.templates.chat.tokenizer import count_tokens
from thinkmix.templates.chat.turns import (
    ModeUnsupported,
    TrainingTurn,
    cut_trace,
    each_training_turn,
    training_turns,
)

GOLDEN = (Path(__file__).parents[2] / "../shared/golden").resolve()
USER = "<|im_start|>user\nq<|im_end|>\n"
CALL = ToolCall(name="f", arguments={"x": 1})
CALL_TEXT = '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>'


EVERY = [*FAMILIES.values(), TOY]
"""TOY is a hybrid that opens traces, as none of ours does."""


def system(content="s"):
    return Message(role="system", content=content)


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
told = st.tuples(spoken, st.sampled_from(["", "", " /think", " /no_think"])).map("".join)


@st.composite
def queries(draw):
    """Sample a question, some tool steps, and the answer."""
    turns = [user(draw(spoken))]
    for _ in range(draw(st.integers(0, 2))):
        turns.append(assistant(draw(texts), draw(traces), draw(calls)))
        turns += [tool(text) for text in draw(st.lists(texts, min_size=1, max_size=2))]
    return [*turns, assistant(draw(spoken), draw(traces))]


@st.composite
def parts(draw):
    """Sample a few turns of one kind: speakers may follow each other in any order, and tools follow calls."""
    kind = draw(st.sampled_from(["system", "user", "assistant", "call"]))
    if kind == "call":
        answers = [tool(text) for text in draw(st.lists(texts, max_size=2))]
        return [assistant(draw(texts), draw(traces), draw(calls)), *answers]
    return [
        assistant(draw(spoken), draw(traces))
        if kind == "assistant"
        else Message(role=kind, content=draw(told))
    ]


@st.composite
def conversations(draw):
    """Sample messages and tools of a chat: any order of turns with a question, and the assistant last."""
    some = st.lists(parts(), max_size=4)
    chosen = [*draw(some), [user(draw(told))], *draw(some), [assistant(draw(spoken), draw(traces))]]
    tools = draw(st.lists(objects.filter(bool), max_size=2))
    return tuple(message for turns in chosen for message in turns), tuple(tools)


fuzzed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def answers_of(messages):
    """Return the positions of the assistant turns that answer a question."""
    asked = next(index for index, message in enumerate(messages) if message.role == "user")
    return [i for i, message in enumerate(messages) if message.role == "assistant" and i > asked]


def learned(messages, tools=(), **kinds):
    """Return the training turns of all assistant turns."""
    return training_turns(messages, tools, turns=range(len(messages)), **kinds)


def written(messages, tools=(), **kinds):
    """Return those that the template can write."""
    return [turn for turn in learned(messages, tools, **kinds) if isinstance(turn, TrainingTurn)]


def official(messages, tools, turn, family):
    """Return prompt and completion of a turn as the Jinja template prints them."""
    shown = {"tools": tools, "family": family}
    thinking = turn.thinking or turn.soft
    prompt = render_chat(messages[: turn.turn], **shown, add_generation_prompt=True, enable_thinking=thinking)
    opening = prompt.rpartition(ASSISTANT)[2]
    answer = render_chat(messages[: turn.turn + 1], **shown).rpartition(ASSISTANT)[2]
    assert answer.startswith(opening)
    return prompt, answer.removeprefix(opening)


def agrees(messages, tools, family, *, soft_switch=False):
    """Check every training turn against the reference; return how many there were."""
    turns = learned(messages, tools, family=family, soft_switch=soft_switch)
    assert [turn.turn for turn in turns] == answers_of(messages)
    for turn in turns:
        wanted = {"family": family, "turns": {turn.turn}, "soft_switch": soft_switch}
        assert training_turns(messages, tools, **wanted) == [turn]
        if isinstance(turn, ModeUnsupported):
            continue
        assert (turn.prompt, turn.completion) == official(messages, tools, turn, family)
        if messages[turn.turn - 1].role != "assistant":
            whole = render_chat(messages[: turn.turn + 1], tools=tools, family=family)
            assert turn.prompt + turn.completion == whole
        assert turn.thinking == (messages[turn.turn].reasoning is not None)
        assert round_trip_problem(messages, tools, turn, family) is None
    return sum(isinstance(turn, TrainingTurn) for turn in turns)


@fuzzed
@given(conversations(), st.booleans())
def test_the_fast_form_equals_the_reference(conversation, soft_switch):
    """Prompt and completion of every turn are what the Jinja template prints, whatever follows whatever.

    Both read back as the conversation they came from, and no turn depends on which others are wanted.
    """
    for family in EVERY:
        agrees(*conversation, family, soft_switch=soft_switch)


@fuzzed
@given(conversations(), st.sampled_from(EVERY))
def test_a_turn_is_unsupported_where_the_template_would_lose_or_want_a_trace(conversation, family):
    """Only then: by the traces of the turn and of what was said since the question before it."""
    messages, tools = conversation
    for turn in learned(messages, tools, family=family):
        index = turn.turn
        question = max(i for i in range(index) if messages[i].role == "user")
        traces = [bool(message.reasoning) for message in messages[question : index + 1]]
        lost = family.thinks == "never" and any(traces)
        lacking = family.thinks == "always" and not traces[-1]
        assert isinstance(turn, ModeUnsupported) == (lost or lacking)


@fuzzed
@given(conversations())
def test_an_empty_trace_is_learned_in_answer_to_no_think_alone(conversation):
    """By the hybrid model, on demand, where the answer has no trace; every other turn stays as it is."""
    messages, tools = conversation
    plain, soft = (learned(messages, tools, family=QWEN3, soft_switch=soft) for soft in (False, True))
    for before, after in zip(plain, soft, strict=True):
        says_no = governing_switches(messages)[after.turn] == NO_THINK
        if says_no and not after.thinking:
            assert (after.prompt + EMPTY_TRACE, after.completion) == (
                before.prompt,
                EMPTY_TRACE + before.completion,
            )
        else:
            assert after == before
    for family in (QWEN3_INSTRUCT_2507, QWEN3_THINKING_2507):
        kinds = {"family": family, "tools": tools}
        assert learned(messages, **kinds, soft_switch=True) == learned(messages, **kinds)


@fuzzed
@given(queries(), st.lists(objects.filter(bool), max_size=2))
def test_parsing_is_the_inverse_of_rendering(messages, tools):
    """A conversation of one query, in which no trace is dropped, parses back to equal messages and tools."""
    assert parse_chat(render_chat(messages, tools=tools, family=QWEN3)) == (tuple(messages), tuple(tools))


@fuzzed
@given(queries(), st.data())
def test_a_changed_text_never_passes_for_the_original(messages, data):
    """Dropping any one character of the rendered text is noticed."""
    turn = written(messages, family=QWEN3)[-1]
    at = data.draw(st.integers(0, len(turn.completion) - 1))
    changed = TrainingTurn(
        turn.turn, turn.thinking, turn.prompt, turn.completion[:at] + turn.completion[at + 1 :]
    )
    assert round_trip_problem(messages, (), changed, QWEN3) is not None


def canonical(row):
    """Return a golden row as messages, or None where it is no chat of ours as it stands."""
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
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError):
        return None
    same = all(
        message.content == fields["content"] and message.reasoning == fields.get("reasoning_content")
        for message, fields in zip(messages, row["messages"], strict=True)
    )
    return messages if same and is_chat(messages) else None


def is_chat(messages):
    """Return whether tools follow calls, somebody asks, and the assistant speaks last."""
    roles = ["call" if message.tool_calls else message.role for message in messages]
    follows = all(before in ("call", "tool") for before, role in pairwise(["", *roles]) if role == "tool")
    return "user" in roles and roles[-1] == "assistant" and follows


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no golden renderings beside the checkout")
def test_golden_conversations_have_the_official_text():
    """Of every golden row that is a conversation as it stands, the training form is the official text."""
    rows = [
        json.loads(line) for line in (GOLDEN / "qwen3_hybrid.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    compared = turns = in_a_row = 0
    for row in rows:
        if (messages := canonical(row)) is None or not answers_of(messages):
            continue
        for family in EVERY:
            turns += agrees(messages, row["tools"] or (), family)
        if row["kwargs"].get("add_generation_prompt") or any(
            isinstance(call.get("function", call)["arguments"], str)
            for fields in row["messages"]
            for call in fields.get("tool_calls") or ()
        ):
            continue
        text = row.get("plain_jinja", row["expected"])
        last = written(messages, row["tools"] or (), family=QWEN3)[-1]
        if messages[-2].role == "assistant":
            assert text.endswith(last.completion), row["id"]
            in_a_row += 1
        else:
            assert last.prompt + last.completion == text, row["id"]
        compared += 1
    assert compared > 60
    assert turns > 400
    assert in_a_row > 0


@pytest.mark.parametrize(
    ("messages", "family", "want"),
    [
        (
            [user(), assistant("It is 5.", "2+3=5.")],
            QWEN3,
            [(1, True, USER + ASSISTANT, "<think>\n2+3=5.\n</think>\n\nIt is 5.<|im_end|>\n")],
        ),
        (
            [user(), assistant("Hi!")],
            QWEN3,
            [(1, False, USER + ASSISTANT + "<think>\n\n</think>\n\n", "Hi!<|im_end|>\n")],
        ),
        (
            [user(), assistant("Hi!")],
            QWEN3_INSTRUCT_2507,
            [(1, False, USER + ASSISTANT, "Hi!<|im_end|>\n")],
        ),
        (
            [user(), assistant("a", "r")],
            QWEN3_THINKING_2507,
            [(1, True, USER + ASSISTANT + "<think>\n", "r\n</think>\n\na<|im_end|>\n")],
        ),
        (
            [user(), assistant("a", "r"), user(), assistant("b")],
            QWEN3,
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
            QWEN3,
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
            QWEN3,
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
def test_where_the_loss_starts(messages, family, want):
    """The prompt ends where the model would start to speak; the completion is all it has to say."""
    assert learned(messages, family=family) == [TrainingTurn(*turn) for turn in want]


SYSTEM = "<|im_start|>system\ns<|im_end|>\n"


@pytest.mark.parametrize(
    ("messages", "turn", "prompt", "completion"),
    [
        ([user(), user(), assistant()], 2, USER + USER, "a"),
        ([assistant("Hello!"), user(), assistant()], 2, f"{ASSISTANT}Hello!<|im_end|>\n{USER}", "a"),
        ([assistant("Hello!", "greet"), user(), assistant()], 2, f"{ASSISTANT}Hello!<|im_end|>\n{USER}", "a"),
        ([user(), system(), assistant()], 2, USER + SYSTEM, "a"),
        ([system(), system(), user(), assistant()], 3, SYSTEM + SYSTEM + USER, "a"),
        (
            [user(), assistant("a", "r"), system(), assistant("b")],
            3,
            f"{USER}{ASSISTANT}<think>\nr\n</think>\n\na<|im_end|>\n{SYSTEM}",
            "b",
        ),
        (
            [user(), assistant("a"), system(), assistant("b")],
            3,
            f"{USER}{ASSISTANT}a<|im_end|>\n{SYSTEM}",
            "b",
        ),
        (
            [user(), assistant("a"), assistant("b")],
            2,
            f"{USER}{ASSISTANT}<think>\n\n</think>\n\na<|im_end|>\n",
            "b",
        ),
        (
            [user(), assistant("", None, (CALL,)), tool(), system(), assistant("b")],
            4,
            f"{USER}{ASSISTANT}{CALL_TEXT}<|im_end|>\n"
            f"<|im_start|>user\n<tool_response>\nr\n</tool_response><|im_end|>\n{SYSTEM}",
            "b",
        ),
    ],
    ids=[
        "two-questions",
        "greeting",
        "greeting-with-trace",
        "later-system",
        "two-systems",
        "system-is-no-query",
        "system-after-answer",
        "two-answers",
        "system-after-tool",
    ],
)
def test_turns_in_any_order_read_as_the_template_prints_them(messages, turn, prompt, completion):
    """A trace is shown since the last user turn, and an empty one in an answer that is the very last turn."""
    (got,) = training_turns(messages, family=QWEN3, turns=[turn])
    assert (got.prompt, got.completion) == (f"{prompt}{ASSISTANT}{EMPTY_TRACE}", f"{completion}<|im_end|>\n")


def test_two_answers_in_a_row_read_alike_under_a_template_without_traces():
    """It shows no empty trace in the earlier one, or anywhere."""
    messages = [user(), assistant("a"), assistant("b")]
    (turn,) = training_turns(messages, family=QWEN3_INSTRUCT_2507, turns=[2])
    assert turn.prompt == f"{USER}{ASSISTANT}a<|im_end|>\n{ASSISTANT}"
    assert (turn.prompt, turn.completion) == official(messages, (), turn, QWEN3_INSTRUCT_2507)


def test_a_response_that_begins_the_chat_is_shown():
    """As the template prints it, though no call asked for it."""
    messages = [tool(), user(), assistant()]
    (turn,) = training_turns(messages, family=QWEN3, turns=[2])
    assert (turn.prompt, turn.completion) == official(messages, (), turn, QWEN3)


def test_only_wanted_answers_are_learned():
    """A greeting answers nothing, a question is not the assistant's, and what is not wanted is context."""
    messages = [assistant("Hello!"), user(), assistant("a"), user(), assistant("b")]
    wanted = [training_turns(messages, family=QWEN3, turns=turns) for turns in ((), {0, 1}, {4}, range(9))]
    assert [[turn.turn for turn in turns] for turns in wanted] == [[], [], [4], [2, 4]]


@pytest.mark.parametrize(
    ("messages", "want"),
    [
        (
            [user("q /no_think"), assistant("Hi!")],
            [("q /no_think", ASSISTANT, f"{EMPTY_TRACE}Hi!")],
        ),
        (
            [user("q /no_think"), assistant("Hi!", "r")],
            [("q /no_think", ASSISTANT, "<think>\nr\n</think>\n\nHi!")],
        ),
        (
            [user("q /think"), assistant("Hi!")],
            [("q /think", ASSISTANT + EMPTY_TRACE, "Hi!")],
        ),
        (
            [user("q /no_think"), assistant("", None, (CALL,))],
            [("q /no_think", ASSISTANT, EMPTY_TRACE + CALL_TEXT)],
        ),
    ],
    ids=["answered-at-once", "answered-with-a-trace", "other-switch", "call"],
)
def test_no_think_is_answered_with_an_empty_trace(messages, want):
    """On demand the model learns to print it, from the prompt that it is served with by default."""
    got = learned(messages, family=QWEN3, soft_switch=True)
    assert [(turn.prompt, turn.completion) for turn in got] == [
        (f"<|im_start|>user\n{question}<|im_end|>\n{opening}", f"{answer}<|im_end|>\n")
        for question, opening, answer in want
    ]


def test_no_empty_trace_is_learned_unless_it_is_asked_for():
    """Whether turns are listed or made one by one."""
    messages = [user("q /no_think"), assistant("Hi!")]
    (turn,) = each_training_turn(messages, family=QWEN3, turns={1})
    assert (turn.soft, turn.completion) == (False, "Hi!<|im_end|>\n")
    assert training_turns(messages, family=QWEN3, turns={1}) == [turn]


def test_the_tokens_of_a_learned_empty_trace_are_trained():
    """They belong to the completion, and none of them to the trace, which says nothing."""
    (turn,) = learned([user("/no_think"), assistant("Hi!")], family=QWEN3, soft_switch=True)
    trace, rest = cut_trace(turn)
    assert (trace, count_tokens([rest])[0]) == ("", count_tokens(["Hi!<|im_end|>\n"])[0] + 4)


@pytest.mark.parametrize(
    ("messages", "family", "want"),
    [
        (
            [user(), assistant("a", "r")],
            QWEN3_INSTRUCT_2507,
            "messages[1] (assistant) holds a trace of reasoning, which qwen3-instruct-2507 never shows",
        ),
        (
            [user(), assistant("", "r", (CALL,)), tool(), assistant("b")],
            QWEN3_INSTRUCT_2507,
            "messages[3] (assistant) follows a trace of reasoning, which qwen3-instruct-2507 never shows",
        ),
        (
            [user(), assistant("a")],
            QWEN3_THINKING_2507,
            "messages[1] (assistant) has no trace of reasoning, with which qwen3-thinking-2507 always starts",
        ),
    ],
)
def test_a_mode_that_the_template_cannot_write_is_named(messages, family, want):
    """The sentence says which message, and why."""
    last = len(messages) - 1
    assert training_turns(messages, family=family, turns=[last]) == [ModeUnsupported(last, want)]


def test_a_turn_that_cannot_be_written_costs_itself_alone():
    """The other turns of its conversation are learned."""
    messages = [user(), assistant("a"), user(), assistant("b", "r")]
    got = learned(messages, family=QWEN3_THINKING_2507)
    assert [(turn.turn, type(turn)) for turn in got] == [(1, ModeUnsupported), (3, TrainingTurn)]


def test_earlier_queries_may_think_where_later_ones_do_not():
    """An instruct template shows no traces of earlier queries, as all templates do: no reason to refuse."""
    messages = [user(), assistant("a", "r"), user(), assistant("b")]
    (turn,) = written(messages, family=QWEN3_INSTRUCT_2507)
    assert turn.prompt + turn.completion == render_chat(messages, family=QWEN3_INSTRUCT_2507)
    assert round_trip_problem(messages, (), turn, QWEN3_INSTRUCT_2507) is None


def test_a_trace_ends_at_the_first_closing_tag():
    """Tags that the answer holds are its own."""
    turn = TrainingTurn(1, True, "", "<think>\nr\n</think>\n\n</think> closes it.<|im_end|>\n")
    assert cut_trace(turn) == ("\nr\n", "<think></think>\n\n</think> closes it.<|im_end|>\n")


@settings(fuzzed, max_examples=30)
@given(conversations(), st.sampled_from([QWEN3, QWEN3_THINKING_2507]))
def test_a_trace_and_the_rest_have_the_tokens_of_the_whole(conversation, family):
    """Counting a completion in two parts gives its tokens exactly, and those of its trace besides."""
    messages, tools = conversation
    for turn in written(messages, tools, family=family, soft_switch=True):
        trace, rest = cut_trace(turn)
        assert trace.strip("\n") == (messages[turn.turn].reasoning or "").strip("\n")
        whole, parts = count_tokens([turn.completion]), count_tokens([trace, rest])
        assert whole.sum() == parts.sum()
