"""How the rows of each format become drafts of conversations."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.contract import Draft
from thinkmix.schemas.formats.known import RowFormat
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning

FORMATS: TypeAdapter[RowFormat] = TypeAdapter(RowFormat)

CALL = {"name": "add", "arguments": {"x": 1}}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {}}}


def draft(row: dict[str, Any], type: str, **settings: str) -> Draft:
    return FORMATS.validate_python({"type": type, **settings}).read(row, Notes())


def turn(role: str, content: str, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


def says(*turns: tuple[str, str]) -> dict[str, Any]:
    return {"conversations": [{"from": speaker, "value": value} for speaker, value in turns]}


def chat(*messages: dict[str, Any], **columns: object) -> dict[str, Any]:
    return {"messages": list(messages), **columns}


def test_math_rows_think_and_answer() -> None:
    """OpenMathReasoning: problem, trace, answer, the rank of its answer, and its solver."""
    row = {
        "problem": "1+1?",
        "generated_solution": "<think>\nok\n</think>\n\n2",
        "problem_type": "has_answer_extracted",
        "generation_model": "QwQ-32B",
        "pass_rate_72b_tir": "n/a",
        "expected_answer": None,
    }
    assert draft(row, "openmathreasoning") == Draft(
        messages=[turn("user", "1+1?"), turn("assistant", "\n\n2", reasoning="\nok\n")],
        tools=[],
        quality=1.0,
        solver="QwQ-32B",
    )


def test_sharegpt_speakers_get_qwen_roles() -> None:
    """ShareGPT: every known speaker, a system column before the turns, a score as quality."""
    row = says(("human", "a"), ("gpt", "b"), ("user", "c"), ("assistant", "d"))
    got = draft({**row, "system": "s", "score": 3, "source": "x"}, "sharegpt")
    assert got.messages == [
        turn("system", "s"),
        turn("user", "a"),
        turn("assistant", "b"),
        turn("user", "c"),
        turn("assistant", "d"),
    ]
    assert got.quality == 3.0


@pytest.mark.parametrize("score", [float("nan"), float("inf"), None, 10**400])
def test_a_score_that_is_no_finite_number_is_no_score(score: object) -> None:
    """Tables without nulls write NaN for a missing score."""
    assert draft({**says(("human", "a"), ("gpt", "b")), "score": score}, "sharegpt").quality is None


CALLS = [{"name": "add", "arguments": {"x": 1}}]


@pytest.mark.parametrize(
    ("value", "calls"),
    [
        (json.dumps(CALL), CALLS),
        (json.dumps({"name": "add", "arguments": '{"x": 1}'}), CALLS),
        (json.dumps({"type": "function", "function": CALL}), CALLS),
        (json.dumps([CALL, {"name": "now"}]), [*CALLS, {"name": "now", "arguments": {}}]),
    ],
)
def test_sharegpt_function_calls_are_structured(value: str, calls: list[object]) -> None:
    """A call as text, with arguments as text, wrapped in `function`, or one of several in a list."""
    got = draft(
        says(("human", "q"), ("function_call", value), ("observation", "2"), ("gpt", "two")), "sharegpt"
    )
    assert got.messages[1:3] == [turn("assistant", "", tool_calls=calls), turn("tool", "2")]


def test_calls_in_a_row_are_one_turn_of_several_calls() -> None:
    """Calls that follow each other, or the assistant's text, are that turn's calls."""
    call = json.dumps(CALL)
    got = draft(
        says(("human", "q"), ("gpt", "let me see"), ("function_call", call), ("tool_call", call)), "sharegpt"
    )
    assert got.messages[1:] == [turn("assistant", "let me see", tool_calls=CALLS * 2)]


def test_a_trace_before_a_call_is_reasoning() -> None:
    """`<think>…</think>` before the JSON of a call is the turn's trace."""
    value = f"<think>\nhm\n</think>\n\n{json.dumps(CALL)}"
    got = draft(says(("human", "q"), ("function_call", value)), "sharegpt")
    assert got.messages[1:] == [turn("assistant", "", reasoning="\nhm\n", tool_calls=CALLS)]


@pytest.mark.parametrize("tools", [[TOOL], json.dumps([TOOL]), (TOOL,)])
@pytest.mark.parametrize(
    ("type", "row"),
    [
        ("sharegpt", says(("human", "a"), ("gpt", "b"))),
        ("messages", chat(turn("user", "a"), turn("assistant", "b"))),
    ],
)
def test_tools_are_a_list_or_its_json(type: str, row: dict[str, Any], tools: object) -> None:
    """Tools come as JSON text or as a list; absent, null, and empty mean none."""
    assert draft({**row, "tools": tools}, type).tools == [TOOL]
    assert [draft({**row, **none}, type).tools for none in ({}, {"tools": None}, {"tools": ""})] == [[]] * 3
    assert draft({**row, "tools": "[]"}, type).tools == []


def test_alpaca_history_system_and_input() -> None:
    """Alpaca: system first, history as answered turns, input on the line after the instruction."""
    row = {
        "instruction": "add",
        "input": "1, 2",
        "output": "3",
        "system": "s",
        "history": [["hi", "<think>\nx\n</think>\nhello"]],
        "tag": "t",
    }
    got = draft(row, "alpaca")
    assert got.messages == [
        turn("system", "s"),
        turn("user", "hi"),
        turn("assistant", "hello", reasoning="\nx\n"),
        turn("user", "add\n1, 2"),
        turn("assistant", "3"),
    ]


@pytest.mark.parametrize("empty", [{}, {"input": None, "system": None, "history": None}, {"input": ""}])
def test_alpaca_columns_may_be_absent_or_empty(empty: dict[str, Any]) -> None:
    """Only instruction and output are needed."""
    got = draft({"instruction": "q", "output": "a", **empty}, "alpaca")
    assert got.messages == [turn("user", "q"), turn("assistant", "a")]


def test_columns_are_renamed_by_the_recipe() -> None:
    """A dataset with other column names needs settings, no code."""
    row = {"ask": "q", "say": "a"}
    assert draft(row, "alpaca", instruction="ask", output="say").messages == [
        turn("user", "q"),
        turn("assistant", "a"),
    ]
    assert draft({"turns": [turn("user", "q")]}, "messages", messages="turns").messages == [turn("user", "q")]


@pytest.mark.parametrize(
    "answer",
    [
        {"content": "<think>hm</think>42"},
        {"content": "42", "reasoning_content": "hm"},
        {"content": "42", "reasoning": "hm"},
        {"content": "42", "thinking": "hm", "reasoning_content": "", "reasoning": None},
        {"content": "42", "reasoning": "hm", "reasoning_content": "hm\n"},
        {"content": "<think>\nhm\n</think>42", "reasoning_content": "hm"},
        {"content": [{"type": "reasoning", "value": "hm"}, {"type": "text", "value": "42"}]},
        {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "42"}]},
        {"content": [{"type": "text", "text": "<think>hm</think>"}, {"type": "output_text", "text": "42"}]},
        {"content": [{"type": "text", "text": "42", "value": None}], "reasoning": "hm"},
    ],
)
def test_reasoning_is_found_wherever_a_message_keeps_it(answer: dict[str, Any]) -> None:
    """A trace in the text, beside it under three names, or as a part; the same words twice are one."""
    got = draft(chat(turn("user", "q"), {"role": "assistant", **answer}), "messages").messages[1]
    assert (got["reasoning"].strip(), got["content"]) == ("hm", "42")


@pytest.mark.parametrize(
    "answer",
    [
        {"content": None, "tool_calls": [CALL]},
        {"content": "", "tool_calls": [{"id": "1", "type": "function", "function": CALL}]},
        {"content": "", "tool_calls": [{"function": {"name": "add", "arguments": '{"x": 1}'}}]},
        {"tool_calls": [{"function": None, **CALL}]},
        {"content": [{"type": "tool_call", "value": json.dumps(CALL)}]},
        {"content": [{"type": "tool_call", "value": None, "tool_call": CALL}]},
        {"content": None, "function_call": CALL},
    ],
)
def test_calls_are_found_in_every_form(answer: dict[str, Any]) -> None:
    """Calls as objects, wrapped, with JSON arguments, as parts, or in the older single form."""
    got = draft(chat(turn("user", "q"), {"role": "assistant", **answer}), "messages").messages[1]
    assert [call.pop("id", None) for call in got["tool_calls"]] in ([None], ["1"])
    assert got == turn("assistant", "", tool_calls=CALLS)


def test_a_trace_followed_by_calls_needs_no_text() -> None:
    """To call a tool is an answer."""
    message = turn("assistant", "<think>\nhm\n</think>\n\n", tool_calls=[CALL])
    got = draft(chat(turn("user", "q"), message), "messages").messages[1]
    assert got == turn("assistant", "\n\n", reasoning="\nhm\n", tool_calls=CALLS)


def test_openai_roles_get_qwen_roles() -> None:
    """`developer` is the system, `function` is a tool."""
    got = draft(chat(*(turn(role, "x") for role in ("developer", "user", "function", "tool"))), "messages")
    assert [message["role"] for message in got.messages] == ["system", "user", "tool", "tool"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([{"type": "image_url", "image_url": "x"}], "wrong_type"),
        ([{"type": "text"}], "wrong_type"),
        (["text"], "wrong_type"),
        ([{"text": "no type"}], "wrong_type"),
        ({"text": "x"}, "wrong_type"),
        (5, "wrong_type"),
        ([{"type": "text", "text": "a"}, {"type": "reasoning", "text": "b"}], "think_not_first"),
        ([{"type": "tool_call", "value": CALL}, {"type": "text", "text": "b"}], "tool_call_invalid"),
    ],
)
def test_parts_that_cannot_be_kept_in_order_are_refused(content: object, reason: str) -> None:
    """A part of unknown type, or one that Qwen3's template would print elsewhere, refuses the row."""
    with pytest.raises(PydanticCustomError) as caught:
        draft(chat(turn("user", "q"), {"role": "assistant", "content": content}), "messages")
    assert caught.value.type == reason


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1])
@pytest.mark.parametrize("place", ["call", "text", "tools"])
def test_an_integer_beyond_64_bits_is_refused(number: int, place: str) -> None:
    """Other readers of the published rows would round it without a word."""
    arguments = {"x": [{"y": number}]}
    call = {"name": "f", "arguments": json.dumps(arguments) if place == "text" else arguments}
    tools = [{"name": "f", "default": number}] if place == "tools" else []
    row = chat({"role": "assistant", "tool_calls": [] if tools else [call]}, tools=tools)
    with pytest.raises(PydanticCustomError) as caught:
        draft(row, "messages")
    assert caught.value.type == "wrong_type"


def test_two_different_traces_are_refused() -> None:
    """A turn has one trace; which of two is meant nobody can say."""
    with pytest.raises(PydanticCustomError) as caught:
        draft(chat(turn("assistant", "<think>a</think>x", reasoning="b")), "messages")
    assert caught.value.type == "think_repeated"


@pytest.mark.parametrize(
    ("type", "row", "turns"),
    [
        ("openmathreasoning", {"problem": "q", "generated_solution": None}, 1),
        ("sharegpt", {**says(("human", "a"), ("gpt", "b")), "system": "s"}, 3),
        ("sharegpt", {"conversations": "text"}, 0),
        ("alpaca", {"instruction": "q", "output": "a", "history": [["a", "b"]]}, 4),
        ("messages", chat(turn("user", "a")), 1),
        ("messages", {"messages": b"bytes"}, 0),
        ("messages", {}, 0),
    ],
)
def test_turns_are_counted_before_a_row_is_judged(type: str, row: dict[str, Any], turns: int) -> None:
    """The ledger knows how many turns a refused row stated."""
    assert FORMATS.validate_python({"type": type}).turns(row) == turns


@pytest.mark.parametrize(
    ("stated", "want"),
    [
        ("0.65625", 0.65625),
        ("0", 0.0),
        (1, 1.0),
        ("n/a", None),
        (None, None),
        ("often", None),
        ("1.5", None),
        ("nan", None),
        (True, None),
        ([0.5], None),
        (10**400, None),
    ],
)
def test_a_pass_rate_is_a_fraction_or_unknown(stated: object, want: float | None) -> None:
    """Whatever the column holds, it is a number from 0 to 1, or nobody knows."""
    assert OpenMathReasoning().pass_rate({"pass_rate_72b_tir": stated}) == want
