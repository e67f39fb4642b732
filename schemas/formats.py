"""Row formats that a source may have; each turns one raw row into the fields of a conversation.

A format is a small model: its settings are what a recipe may say about it, its `read` is the
conversion. `read` takes a mapping of column name to value and returns a `Draft`; it raises a
`fault` (see `schemas.record`) with the reason for a row that does not hold a conversation.
`turns` counts what a row states before anything is judged, for the ledger; `pass_rate`, where a format has
it, what its rows say of their difficulty, for the audit. A format that many rows
come in may also state its `layout`: where in a table the turns of ordinary rows stand, so that those are
recognised without making objects of them; a row that it does not describe is read by `read`. To add a
format, write its class and add it to `RowFormat` at the end of this file.
"""

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, NoReturn

from pydantic import Field

from schemas.conversation import Role
from schemas.reasons import Reason
from schemas.record import MAX_DEPTH, Record, depth, fault, json_text
from schemas.think import split_think

Row = Mapping[str, Any]


Column = Annotated[str, Field(max_length=256)]
"""Name of a column."""


class Draft(NamedTuple):
    """The fields of a conversation as one row states them, not yet validated."""

    messages: list[dict[str, Any]]
    tools: list[Any]
    quality: float | None = None
    solver: str | None = None
    metadata: Mapping[str, Any] = MappingProxyType({})


class TextColumn(NamedTuple):
    """A column that holds the text of one turn of each row."""

    name: str
    role: Role
    more: str = ""
    """Column of a text that goes on on the next line; may be absent or empty."""
    optional: bool = False
    """Whether an absent column, null or empty text mean that the row does not have this turn."""


class TurnColumn(NamedTuple):
    """A column that holds a list of turns, each a struct with its speaker and its text."""

    name: str
    speaker: str
    text: str
    roles: Mapping[str, str]
    """Role of each speaker; turns of a role beyond system, user and assistant are not plain text."""
    silent: tuple[str, ...] = ()
    """Fields that must be null or empty text, if they are there."""
    empty: tuple[str, ...] = ()
    """Fields that must be null, empty text or an empty list, if they are there."""


class Layout(NamedTuple):
    """How rows that hold nothing but plain turns lie in a table.

    A row is such a row if all named columns are what is said of them. Columns that are not named are
    metadata, whatever they hold.
    """

    turns: tuple[TextColumn | TurnColumn, ...]
    """Where the turns are, in their order; assistants' texts may begin with a trace, see `split_think`."""
    empty: tuple[str, ...] = ()
    """Columns that must be null, empty text or an empty list, if they are there."""
    solver: str | None = None
    score: str | None = None
    """Column of numbers: the row's quality; without it the row has none, unless `preferred` is set."""
    preferred: tuple[str, str] | None = None
    """Column, and the text in it that makes the row's quality 1 instead of 0."""


class OpenMathReasoning(Record):
    """nvidia/OpenMathReasoning: `problem` asks, `generated_solution` thinks and answers.

    `pass_rate_72b_tir` is text, "0.65625" or "n/a"; answers that were extracted rather than
    voted for rank higher between duplicates (https://arxiv.org/abs/2504.16891, section 2).
    """

    type: Literal["openmathreasoning"] = "openmathreasoning"
    """Name of the format."""

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        return sum(row.get(column) is not None for column in ("problem", "generated_solution"))

    def read(self, row: Row) -> Draft:
        """Return the problem as user turn and the solution as assistant turn."""
        solver = _optional_text(row, "generation_model")
        return Draft(
            messages=[_user(_text(row, "problem")), _assistant(_text(row, "generated_solution"))],
            tools=[],
            quality=float(row.get("problem_type") == "has_answer_extracted"),
            solver=solver,
            metadata=_rest(row, "problem", "generated_solution"),
        )

    def pass_rate(self, row: Row) -> float | None:
        """Return how often a grading model solved the problem, from 0 to 1, where the row says so."""
        stated = row.get("pass_rate_72b_tir")
        if stated is None or stated == "n/a" or isinstance(stated, bool):
            return None
        try:
            rate = float(stated)
        except (TypeError, ValueError, OverflowError):
            return None
        return rate if 0 <= rate <= 1 else None

    def layout(self) -> Layout:
        """Return where the turns stand in a table."""
        return Layout(
            turns=(TextColumn("problem", "user"), TextColumn("generated_solution", "assistant")),
            solver="generation_model",
            preferred=("problem_type", "has_answer_extracted"),
        )


class ShareGPT(Record):
    """Conversations of from/value turns: FineTome, FastChat, LLaMA-Factory, with or without tools."""

    type: Literal["sharegpt"] = "sharegpt"
    """Name of the format."""
    conversations: Column = "conversations"
    """Column of the turns."""
    tools: Column = "tools"
    """Column of the tool list, JSON text or a list; may be absent."""
    system: Column = "system"
    """Column of a system prompt outside the turns; may be absent."""
    score: Column = "score"
    """Column of a numeric quality score; may be absent."""

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        return _length(row.get(self.conversations)) + bool(row.get(self.system))

    def read(self, row: Row) -> Draft:
        """Return the turns under Qwen3's role names; function calls are joined to one assistant turn."""
        messages = _system(row, self.system)
        for index, turn in enumerate(_list(row, self.conversations)):
            speaker = _text(_object(turn, f"{self.conversations}[{index}]"), "from")
            value = _text(turn, "value")
            match _SHAREGPT_ROLES.get(speaker):
                case "function_call":
                    _append_calls(messages, value)
                case "assistant":
                    messages.append(_assistant(value))
                case None:
                    raise fault(Reason.ROLE_UNKNOWN, f"turn {index} is spoken by {speaker[:40]!r}")
                case role:
                    messages.append({"role": role, "content": value})
        return Draft(
            messages=messages,
            tools=_tools(row.get(self.tools)),
            quality=_optional_number(row, self.score),
            metadata=_rest(row, self.conversations, self.tools, self.system, self.score),
        )

    def layout(self) -> Layout:
        """Return where the turns stand in a table."""
        said = TurnColumn(self.conversations, "from", "value", _SHAREGPT_ROLES)
        return Layout(
            turns=(TextColumn(self.system, "system", optional=True), said),
            empty=(self.tools,),
            score=self.score,
        )


_SHAREGPT_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
    "function_call": "function_call",
    "tool_call": "function_call",
    "observation": "tool",
    "tool": "tool",
    "tool_response": "tool",
}


class Alpaca(Record):
    """instruction/input/output rows, with an optional system prompt and a history of answered turns."""

    type: Literal["alpaca"] = "alpaca"
    """Name of the format."""
    instruction: Column = "instruction"
    """Column of the request."""
    input: Column = "input"
    """Column of the material that the request speaks of; may be absent or empty."""
    output: Column = "output"
    """Column of the answer."""
    system: Column = "system"
    """Column of a system prompt; may be absent."""
    history: Column = "history"
    """Column of earlier [question, answer] pairs; may be absent."""

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        single = (self.instruction, self.output, self.system)
        return sum(bool(row.get(column)) for column in single) + 2 * _length(row.get(self.history))

    def read(self, row: Row) -> Draft:
        """Return history, request (with its input on the next line) and answer as turns."""
        messages = _system(row, self.system)
        for index, pair in enumerate(_list(row, self.history) if row.get(self.history) else []):
            if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
                raise fault(Reason.WRONG_TYPE, f"{self.history}[{index}] is not a pair of texts")
            question, answer = pair
            messages += [_user(_is_text(question, self.history)), _assistant(_is_text(answer, self.history))]
        request = _text(row, self.instruction)
        if material := _optional_text(row, self.input):
            request = f"{request}\n{material}"
        messages += [_user(request), _assistant(_text(row, self.output))]
        used = (self.instruction, self.input, self.output, self.system, self.history)
        return Draft(messages=messages, tools=[], metadata=_rest(row, *used))

    def layout(self) -> Layout:
        """Return where the turns stand in a table."""
        system = TextColumn(self.system, "system", optional=True)
        request = TextColumn(self.instruction, "user", more=self.input)
        return Layout(
            turns=(system, request, TextColumn(self.output, "assistant")),
            empty=(self.history,),
        )


class Messages(Record):
    """OpenAI-style role/content messages: reasoning, tool calls, and content as text or typed parts."""

    type: Literal["messages"] = "messages"
    """Name of the format."""
    messages: Column = "messages"
    """Column of the messages."""
    tools: Column = "tools"
    """Column of the tool list, JSON text or a list; may be absent."""

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        return _length(row.get(self.messages))

    def read(self, row: Row) -> Draft:
        """Return the messages with parts joined, reasoning set apart and tool calls structured."""
        messages = [
            _openai_message(_object(item, f"{self.messages}[{index}]"), index)
            for index, item in enumerate(_list(row, self.messages))
        ]
        return Draft(
            messages=messages,
            tools=_tools(row.get(self.tools)),
            metadata=_rest(row, self.messages, self.tools),
        )

    def layout(self) -> Layout:
        """Return where the turns stand in a table."""
        said = TurnColumn(
            self.messages,
            speaker="role",
            text="content",
            roles=_OPENAI_ROLES,
            silent=_REASONING_KEYS,
            empty=("tool_calls", "function_call"),
        )
        return Layout(turns=(said,), empty=(self.tools,))


_OPENAI_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
_TEXT_PARTS = ("text", "input_text", "output_text")


def _openai_message(message: Row, index: int) -> dict[str, Any]:
    role = _OPENAI_ROLES.get(_text(message, "role"))
    if role is None:
        raise fault(Reason.ROLE_UNKNOWN, f"message {index} is spoken by {str(message['role'])[:40]!r}")
    content, trace, calls = _parts(message.get("content"), index)
    traces = [trace, *(_optional_text(message, key) for key in _REASONING_KEYS)]
    if message.get("tool_calls"):
        calls += [_call(item) for item in _list(message, "tool_calls")]
    if message.get("function_call"):  # the older form, one call a turn
        calls.append(_call(message["function_call"]))
    if role == "assistant":
        trace, content = split_think(content, called=bool(calls))
        traces.append(trace)
    turn: dict[str, Any] = {"role": role, "content": content}
    if reasoning := _one_trace(traces, index):
        turn["reasoning"] = reasoning
    if calls:
        turn["tool_calls"] = calls
    return turn


def _one_trace(traces: Sequence[str | None], index: int) -> str | None:
    """Return the trace that a message states, perhaps in several places in the same words."""
    found = {trace.strip(): trace for trace in traces if trace and trace.strip()}
    if len(found) > 1:
        raise fault(Reason.THINK_REPEATED, f"message {index} holds {len(found)} different traces")
    return next(iter(found.values()), None)


def _parts(content: object, index: int) -> tuple[str, str | None, list[dict[str, Any]]]:
    """Return (text, reasoning, calls) of a message's content, whether plain or in typed parts."""
    if content is None or isinstance(content, str):
        return content or "", None, []
    if not isinstance(content, Sequence):
        raise fault(Reason.WRONG_TYPE, f"content of message {index} is {_type_name(content)}")
    text: list[str] = []
    reasoning: list[str] = []
    calls: list[dict[str, Any]] = []
    for part in content:
        kind = _text(_object(part, f"a part of message {index}"), "type")
        if kind in _TEXT_PARTS:
            text.append(_part_text(part, "text"))
            if calls and text[-1].strip():
                raise fault(Reason.TOOL_CALL_INVALID, f"message {index} goes on after its tool call")
        elif kind in _REASONING_KEYS:
            reasoning.append(_part_text(part, kind))
            if calls or "".join(text).strip():
                raise fault(Reason.THINK_NOT_FIRST, f"message {index} says something before it reasons")
        elif kind == "tool_call":
            calls.append(_call(_first(part, "value", "tool_call")))
        else:
            raise fault(Reason.WRONG_TYPE, f"message {index} has a part of type {kind[:40]!r}")
    return "".join(text), ("\n".join(reasoning) or None), calls


def _part_text(part: Row, key: str) -> str:
    return _is_text(_first(part, key, "value", "text"), key)


def _first(row: Row, *keys: str) -> object:
    """Return the first value that is there: columns of a parquet file hold null where a row has none."""
    return next((row[key] for key in keys if row.get(key) is not None), None)


def _append_calls(messages: list[dict[str, Any]], value: str) -> None:
    """Add a function call, or a list of them: to the assistant turn it continues, or as a turn of its own.

    A trace may stand before the JSON of the call, as LLaMA-Factory writes it.
    """
    reasoning, text = split_think(value)
    parsed = _parsed(text, Reason.TOOL_CALL_INVALID)
    calls = [_call(item) for item in parsed] if isinstance(parsed, list) and parsed else [_call(parsed)]
    if messages and messages[-1]["role"] == "assistant" and reasoning is None:
        messages[-1].setdefault("tool_calls", []).extend(calls)
        return
    turn: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": calls}
    if reasoning:
        turn["reasoning"] = reasoning
    messages.append(turn)


def _call(value: object) -> dict[str, Any]:
    """Return {name, arguments} of a call that is JSON text, an object, or wrapped in `function`."""
    call = _parsed(value, Reason.TOOL_CALL_INVALID)
    if isinstance(call, Mapping):
        call = call.get("function") or call
    name = call.get("name") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(name, str) or not name:
        raise fault(Reason.TOOL_CALL_INVALID, f"no name in {str(value)[:80]!r}")
    if json_text(name) != f'"{name}"':  # the template prints it between quotes as it is
        raise fault(Reason.TOOL_CALL_INVALID, f"the name {name[:40]!r} would need escapes")
    arguments = _parsed(call.get("arguments", {}), Reason.TOOL_CALL_INVALID)
    if not isinstance(arguments, Mapping):
        raise fault(Reason.TOOL_CALL_INVALID, f"arguments of {name[:40]!r} are not an object")
    return {"name": name, "arguments": arguments}


def _tools(value: object) -> list[Any]:
    """Return the tool definitions; absent, null and empty text mean none."""
    if value is None or value == "":
        return []
    tools = _parsed(value, Reason.TOOLS_INVALID)
    if not isinstance(tools, Sequence) or not all(isinstance(tool, Mapping) for tool in tools):
        raise fault(Reason.TOOLS_INVALID, f"not a list of objects: {str(value)[:80]!r}")
    return list(tools)


def _parsed(value: object, reason: Reason) -> object:
    """Return `value`, parsed first if it is JSON text; refuse what is too deep, or too long an integer."""
    if isinstance(value, str):
        try:
            # not orjson, which would round integers beyond 64 bits instead of leaving them to be refused
            value = json.loads(value, parse_constant=_not_json)
        except ValueError as error:
            raise fault(reason, f"not JSON ({error}): {str(value)[:80]!r}") from None
    if depth(value) > MAX_DEPTH:
        raise fault(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")
    _refuse_long_integers(value)
    return value


def _refuse_long_integers(value: object) -> None:
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, Mapping):
            rest += item.values()
        elif isinstance(item, list | tuple):
            rest += item
        elif isinstance(item, int) and not -(2**63) <= item < 2**64:
            raise fault(Reason.WRONG_TYPE, "an integer beyond 64 bits, which most readers of JSON round")


def _not_json(constant: str) -> NoReturn:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _assistant(text: str) -> dict[str, Any]:
    reasoning, content = split_think(text)
    turn: dict[str, Any] = {"role": "assistant", "content": content}
    if reasoning:
        turn["reasoning"] = reasoning
    return turn


def _system(row: Row, column: str) -> list[dict[str, Any]]:
    text = _optional_text(row, column)
    return [{"role": "system", "content": text}] if text else []


def _rest(row: Row, *used: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in used and value is not None}


def _text(row: Row, column: str) -> str:
    return _is_text(row.get(column), column)


def _is_text(value: object, column: str) -> str:
    if not isinstance(value, str):
        raise fault(Reason.WRONG_TYPE, f"{column} is {_type_name(value)}, not text")
    return value


def _optional_text(row: Row, column: str) -> str | None:
    return None if row.get(column) is None else _text(row, column)


def _optional_number(row: Row, column: str) -> float | None:
    value = row.get(column)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fault(Reason.WRONG_TYPE, f"{column} is {_type_name(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None  # NaN is how a table without nulls writes "no score"


def _list(row: Row, column: str) -> Sequence[Any]:
    value = row.get(column)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise fault(Reason.WRONG_TYPE, f"{column} is {_type_name(value)}, not a list")
    return value


def _length(value: object) -> int:
    return len(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else 0


def _object(value: object, where: str) -> Row:
    if not isinstance(value, Mapping):
        raise fault(Reason.WRONG_TYPE, f"{where} is {_type_name(value)}, not an object")
    return value


def _type_name(value: object) -> str:
    return "missing" if value is None else type(value).__name__


RowFormat = Annotated[OpenMathReasoning | ShareGPT | Alpaca | Messages, Field(discriminator="type")]
