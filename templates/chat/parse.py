"""Reading a rendered chat back, to prove of every training row that rendering lost nothing of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from thinkmix.schemas.errors import TemplateError
from thinkmix.templates.chat.control_tokens import (
    ANSWER,
    CALL_CLOSE,
    CALL_OPEN,
    CLOSE,
    OPEN,
    RESPONSE_CLOSE,
    RESPONSE_OPEN,
    THINK,
    TOOLS_CLOSE,
    TOOLS_OPEN,
)
from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.switch import NO_THINK, governing_switches
from thinkmix.templates.chat.tojson import tojson
from thinkmix.templates.chat.turns import TrainingTurn

if TYPE_CHECKING:
    from thinkmix.schemas.conversation import Message

Call: TypeAlias = tuple[str, str]
"""Name of a tool and its arguments as JSON text."""


class ReadTurn(NamedTuple):
    """One turn as the text says it, not yet checked to be a `Message`."""

    role: str
    content: str
    reasoning: str | None = None
    calls: tuple[Call, ...] = ()


def parse_chat(text: str) -> "tuple[tuple[Message, ...], tuple[dict[str, object], ...]]":
    """Return the messages and tool definitions that a rendered chat shows, of any of the templates.

    The text is taken apart at Qwen3's control tokens only, which plain text never holds, so this is
    the exact inverse of rendering; traces that a template does not show are not in the result.

    Raises:
        TemplateError: for text that is not a complete rendered chat; names the turn.
    """
    from thinkmix.schemas.conversation import Message  # noqa: PLC0415 - brings polars and pydantic along

    turns, tools = _read(text)
    try:
        messages = [
            Message(
                role=turn.role,
                content=turn.content,
                reasoning=turn.reasoning,
                # parsed here: orjson, which the schema would use, rounds integers beyond 64 bits
                tool_calls=[
                    {"name": name, "arguments": json.loads(arguments)} for name, arguments in turn.calls
                ],
            )
            for turn in turns
        ]
        return tuple(messages), tuple(json.loads(tool) for tool in tools)
    except ValueError as error:
        msg = f"the text holds a turn that is not a message: {error}"
        raise TemplateError(msg) from error


def round_trip_problem(
    messages: "Sequence[Message]",
    tools: Sequence[Mapping[str, object]],
    turn: TrainingTurn,
    family: Family,
) -> str | None:
    """Return what `turn` lost of its conversation, or None if its text reads back whole.

    The one thing that may be missing are the traces of earlier queries, which no template shows.
    """
    if turn.soft and (not family.soft_switch or governing_switches(messages)[turn.turn] != NO_THINK):
        return f"messages[{turn.turn}] (assistant): learns an empty trace, but {NO_THINK} was not said"
    opening = family.opening(thinking=turn.thinking or turn.soft)
    if not turn.prompt.endswith(opening):
        return f"the prompt does not end with {opening!r}"
    try:
        got, got_tools = _read(turn.prompt + turn.completion)
    except TemplateError as error:
        return str(error)
    want = list(_shown(messages[: turn.turn + 1]))
    if bool(want[-1].reasoning) != turn.thinking:
        return f"messages[{turn.turn}] (assistant): marked as {'' if turn.thinking else 'not '}thinking"
    return _difference("tools", [tojson(tool) for tool in tools], got_tools) or _difference(
        "messages", want, got
    )


def _shown(messages: "Sequence[Message]") -> Iterator[ReadTurn]:
    """Yield the turns as their text should read: without the traces of earlier queries."""
    query = max((index for index, message in enumerate(messages) if message.role == "user"), default=-1)
    for index, message in enumerate(messages):
        calls = tuple((call.name, tojson(call.arguments)) for call in message.tool_calls)
        yield ReadTurn(message.role, message.content, message.reasoning if index > query else None, calls)


def _difference(what: str, want: Sequence[str | ReadTurn], got: Sequence[str | ReadTurn]) -> str | None:
    if len(want) != len(got):
        return f"{len(want)} {what} read back as {len(got)}"
    for index, (before, after) in enumerate(zip(want, got, strict=True)):
        if before != after:
            return f"{what}[{index}]{_changed_field(before, after)}"
    return None


def _changed_field(want: str | ReadTurn, got: str | ReadTurn) -> str:
    if isinstance(want, ReadTurn) and isinstance(got, ReadTurn):
        for field, before, after in zip(ReadTurn._fields, want, got, strict=True):
            if before != after:
                return f" ({want.role}): {field} {_short(before)} reads back as {_short(after)}"
    return f": {_short(want)} reads back as {_short(got)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:40]}…{text[-39:]}"


def _read(text: str) -> tuple[list[ReadTurn], list[str]]:
    """Take a chat apart at its control tokens: its turns, and each tool definition as JSON text."""
    *blocks, rest = text.split(CLOSE)
    if rest or not blocks:
        msg = f"the text does not end with {CLOSE!r}"
        raise TemplateError(msg)
    turns: list[ReadTurn] = []
    tools: list[str] = []
    for index, block in enumerate(blocks):
        role, newline, body = block.removeprefix(OPEN).partition("\n")
        if not (block.startswith(OPEN) and newline) or OPEN in body:
            msg = f"turn {index} of the text does not start with {OPEN!r} and a role, once"
            raise TemplateError(msg)
        if role == "system" and body.endswith(TOOLS_CLOSE):
            system, tools = _tools(body)
            turns.extend(system)
        elif role == "user" and body.startswith(RESPONSE_OPEN):
            turns.extend(
                ReadTurn("tool", content) for content in _enclosed(body, RESPONSE_OPEN, RESPONSE_CLOSE)
            )
        elif role == "assistant":
            turns.append(_assistant(body))
        else:
            turns.append(ReadTurn(role, body))
    return turns, tools


def _tools(body: str) -> tuple[list[ReadTurn], list[str]]:
    # The last occurrence is the template's: after it come single lines of JSON, which hold no blank line.
    before, found, listed = body.removesuffix(TOOLS_CLOSE).rpartition(TOOLS_OPEN)
    if not found or (before and not before.endswith("\n\n")):
        msg = "the system turn ends like a list of tools, but does not start like one"
        raise TemplateError(msg)
    return [ReadTurn("system", before[:-2])] if before else [], listed.split("\n")


def _assistant(body: str) -> ReadTurn:
    reasoning = None
    if body.startswith(THINK):
        reasoning, closed, body = body.removeprefix(THINK).partition(ANSWER)
        if not closed:
            msg = "an assistant turn opens a trace and never closes it"
            raise TemplateError(msg)
    content, called, _ = body.partition(CALL_OPEN)
    calls = _enclosed(body[len(content) :], CALL_OPEN, CALL_CLOSE) if called else []
    return ReadTurn(
        "assistant", content[:-1] if called else content, reasoning or None, tuple(map(_call, calls))
    )


def _call(text: str) -> Call:
    try:
        call = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"a tool call is not JSON: {_short(text)}: {error}"
        raise TemplateError(msg) from error
    if not isinstance(call, dict) or list(call) != ["name", "arguments"]:
        msg = f"a tool call is not a name and arguments: {_short(text)}"
        raise TemplateError(msg)
    return call["name"], tojson(call["arguments"])


def _enclosed(text: str, opening: str, closing: str) -> list[str]:
    """Return the texts between `opening` and `closing` in a list of such blocks, one a line."""
    if not (text.startswith(opening) and text.endswith(closing)):
        msg = f"expected {opening!r} … {closing!r}, found {_short(text)}"
        raise TemplateError(msg)
    return text[len(opening) : -len(closing)].split(f"{closing}\n{opening}")
