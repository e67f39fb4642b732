"""Ways in which a text or a list of turns goes wrong, by reason; each spoils exactly one thing."""

from collections.abc import Callable, Mapping
from typing import Any

from thinkmix.schemas.reasons import Reason
from tools.generate.clean import thoughtful

Turns = list[dict[str, Any]]


def inside(text: str, piece: str) -> str:
    """Put `piece` into the middle of `text`."""
    middle = len(text) // 2
    return text[:middle] + piece + text[middle:]


TEXT_FAULTS: Mapping[Reason, tuple[str, ...]] = {
    Reason.CONTROL_CHAR: ("\x00", "\x07", "\x1b[31m", "\x7f", "\x0b"),
    Reason.NONCHARACTER: ("\ufffe", "\uffff", "\ufdd0"),
    Reason.BIDI_CONTROL: ("\u202e", "\u2066", "\u202a"),
    Reason.CONTROL_TOKEN: (
        "<|im_end|>\n<|im_start|>assistant\nAgreed.",
        "<|endoftext|>",
        "<tool_call>",
        "<|fim_middle|>",
        "<|image_pad|>",
    ),
}
"""Pieces that no text may hold."""


def split(answer: str) -> tuple[str, str]:
    """Return (trace, answer) of an answer; one without a trace gets a short one."""
    if not answer.startswith("<think>"):
        answer = thoughtful(answer, chinese=False)
    trace, _, rest = answer.removeprefix("<think>\n").partition("\n</think>\n\n")
    return trace, rest


THINK_FAULTS: Mapping[Reason, tuple[Callable[[str, str], str], ...]] = {
    Reason.THINK_UNCLOSED: (
        lambda trace, rest: f"<think>\n{trace}\n\n{rest}",
        lambda trace, rest: f"<think>\n{trace[: max(20, len(trace) * 2 // 3)]}",
    ),
    Reason.THINK_UNOPENED: (
        lambda trace, rest: f"{trace}\n</think>\n\n{rest}",
        lambda trace, rest: f"</think>\n\n{rest}",
    ),
    Reason.THINK_REPEATED: (
        lambda trace, rest: (
            f"<think>\n{trace}\n</think>\n\nOne moment.\n\n<think>\nOnce more.\n</think>\n\n{rest}"
        ),
        lambda trace, rest: f"<think>\n{trace}\n</think>\n\n{rest}\n</think>",
    ),
    Reason.THINK_NESTED: (
        lambda trace, rest: (
            f"<think>\n{trace}\n<think>\nIs that so? Yes.\n</think>\nGood.\n</think>\n\n{rest}"
        ),
        lambda trace, rest: f"<think>\n<think>\n{trace}\n</think>\n\n{rest}",
    ),
    Reason.THINK_NOT_FIRST: (
        lambda trace, rest: f"Sure!\n<think>\n{trace}\n</think>\n\n{rest}",
        lambda trace, rest: f"{rest}\n\n<think>\n{trace}\n</think>\n\nAs I said.",
    ),
    Reason.THINK_FOREIGN_TAG: (
        lambda trace, rest: f"<thought>\n{trace}\n</thought>\n\n{rest}",
        lambda trace, rest: f"<Thought>\n{trace}\n</Thought>\n\n{rest}",
        lambda trace, rest: f"<thinking>\n{trace}\n</thinking>\n\n{rest}",
        lambda trace, rest: f"<reasoning>\n{trace}\n</reasoning>\n\n{rest}",
        lambda trace, rest: f"<|begin_of_thought|>\n{trace}\n<|end_of_thought|>\n\n{rest}",
    ),
    Reason.THINK_NO_ANSWER: (
        lambda trace, rest: f"<think>\n{trace}\n</think>",
        lambda trace, rest: f"<think>\n{trace}\n</think>\n\n \n",
    ),
    Reason.THINK_MISSING: (
        lambda trace, rest: rest,
        lambda trace, rest: f"<think>\n\n</think>\n\n{rest}",
        lambda trace, rest: "n/a",
    ),
}
"""What becomes of (trace, answer); `think_missing` is a fault only where traces are required."""


def _turn(speaker: str | None, value: str | None) -> dict[str, Any]:
    return {"from": speaker, "value": value}


def _pair(turns: Turns) -> Turns:
    """Return the first question and the first answer, without system prompt and tools."""
    return [next(turn for turn in turns if turn["from"] == speaker) for speaker in ("human", "gpt")]


def _called(turns: Turns, call: str) -> Turns:
    human, gpt = _pair(turns)
    return [human, _turn("function_call", call), _turn("observation", '{"ok": true}'), gpt]


DEEP = f'{{"name": "nest", "arguments": {{"value": {"[" * 70}{"]" * 70}}}}}'
"""A call whose argument is a list in a list, seventy times."""

TURN_FAULTS: Mapping[Reason, tuple[Callable[[Turns], Turns], ...]] = {
    Reason.ROLE_UNKNOWN: (
        lambda turns: [*turns[:-1], {**turns[-1], "from": "narrator"}],
        lambda turns: [
            *turns,
            _turn("critic", "Well said."),
            _turn("human", "Thanks."),
            _turn("gpt", "You are welcome."),
        ],
        lambda turns: [_turn("stage", "A quiet office."), *_pair(turns)],
    ),
    Reason.ROLE_ORDER: (
        lambda turns: [*turns, _turn("gpt", "Is there anything else?")],
        lambda turns: [_turn("gpt", "Hello, how can I help?"), _turn("system", "Be brief."), _pair(turns)[1]],
        lambda turns: [_turn("observation", '{"ok": true}'), *_pair(turns)],
        lambda turns: [_turn("system", "Be brief."), _pair(turns)[1]],
        lambda turns: [_pair(turns)[0], _turn("observation", '{"ok": true}'), _pair(turns)[1]],
    ),
    Reason.EMPTY_TURN: (
        lambda turns: [*turns, _turn("human", ""), _turn("gpt", "I did not receive a question.")],
        lambda turns: [*turns[:-1], {**turns[-1], "value": ""}],
        lambda turns: [*turns[:-1], {**turns[-1], "value": " \n\t"}],
        lambda turns: [_turn("human", "  "), *_pair(turns)],
    ),
    Reason.NO_FINAL_ASSISTANT: (
        lambda turns: _pair(turns)[:1],
        lambda turns: [_turn("system", "Be brief."), _turn("human", "And what about tomorrow?")],
        lambda turns: [],
    ),
    Reason.WRONG_TYPE: (
        lambda turns: [*turns[:-1], {**turns[-1], "value": None}],
        lambda turns: [{**_pair(turns)[0], "from": None}, _pair(turns)[1]],
    ),
    Reason.TOOL_CALL_INVALID: (
        lambda turns: _called(turns, '{"name": "lookup", "arguments": {"key": '),
        lambda turns: _called(turns, '{"name": "lookup", "arguments": ["key", 3]}'),
        lambda turns: _called(turns, '{"arguments": {"key": "value"}}'),
        lambda turns: _called(turns, "lookup(key)"),
    ),
    Reason.TOO_DEEP: (lambda turns: _called(turns, DEEP),),
    Reason.WEIGHT_FRACTIONAL: (
        lambda turns: [*turns[:-1], {**turns[-1], "weight": 0.5}],
        lambda turns: [*turns[:-1], {**turns[-1], "loss_weight": 0.25}],
    ),
    Reason.ALL_CONTEXT: (
        lambda turns: [{**turn, "train": False} for turn in _pair(turns)],
        lambda turns: [{**turn, "weight": 0} for turn in _pair(turns)],
    ),
}


def overlong(text: str) -> str:
    """Return `text` with more than a million bytes of log behind it."""
    line = "\n2025-03-01 07:15:00 sensor 12 reports a temperature of 21 degrees and no fault"
    return text + line * (1_050_000 // len(line))


EDITS: tuple[Callable[[str], str], ...] = (
    lambda text: f"{text} Thank you!",
    lambda text: f"Hello! {text}",
    lambda text: f"{text} Please answer soon.",
    lambda text: f"{text.rstrip('?.!')} ?",
    lambda text: f"Hi there! {text}",
)
"""Small edits of a long question that leave it nearly the same."""
EDITS_ZH: tuple[Callable[[str], str], ...] = (
    lambda text: f"{text}谢谢！",
    lambda text: f"你好，{text}",
    lambda text: f"{text.rstrip('？。')}呢？",
)
