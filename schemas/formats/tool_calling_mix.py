"""tool-calling-mix: turns, tools and the calls to learn, each as JSON text in a column of its own."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.contract import Column, Draft, Layout, Row
from thinkmix.schemas.formats.fields import as_object, as_text, parse_value
from thinkmix.schemas.formats.literals import NotLiteral, read_literal
from thinkmix.schemas.formats.parameters import as_schemas
from thinkmix.schemas.formats.sample import is_said, most
from thinkmix.schemas.formats.tools import read_call, read_calls, says_none
from thinkmix.schemas.formats.turns import TurnFormat
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault
from thinkmix.schemas.think import split_think

_THOUGHT, _ACTION, _INPUT = "Thought:", "Action:", "Action Input:"


class ToolCallingMix(TurnFormat):
    """messages_json/tools_json/target_json rows, as tool-calling-mix has them.

    The target is the answer to the turns: text, calls or both. Turns in the form of ReAct (`Thought:`,
    `Action:`, `Action Input:`), which tools answer, become calls.
    """

    sets: ClassVar[tuple[str, ...]] = ("younissk/tool-calling-mix",)
    column: ClassVar[str] = "messages"

    type: Literal["tool_calling_mix"] = "tool_calling_mix"
    """Name of the format."""
    messages: Column = "messages_json"
    """Column of the turns."""
    tools: Column | None = "tools_json"
    """Column of the tool list; may be absent."""
    target: Column = "target_json"
    """Column of the answer: an object of `tool_calls` and `content`, or text; may be absent."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "ToolCallingMix | None":
        """Return the format if its columns hold text in most rows."""
        columns = ("messages_json", "target_json")
        return cls() if most([all(is_said(row.get(name)) for name in columns) for row in rows]) else None

    def turns(self, row: Row) -> int:
        """Return how many turns the row states, as far as one sees without parsing it."""
        text = row.get(self.messages)
        stated = text.count('"role"') if isinstance(text, str) else super().turns(row)
        return stated + bool(row.get(self.target))

    def columns(self) -> frozenset[str]:
        """Return the columns that are read in every row, and those that say what its calls are like."""
        return super().columns() | {self.target, "meta_source", "n_calls", "valid"}

    def layout(self) -> Layout | None:
        """Return None: turns and target are JSON text."""
        return None

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the turns, and the target as their answer."""
        draft = super().read(row, notes, unopened=unopened)
        messages = _without_react(draft.messages, notes)
        return draft._replace(
            messages=_answered(messages, self._target(row, notes)), tools=as_schemas(draft.tools, notes)
        )

    def _target(self, row: Row, notes: Notes) -> dict[str, Any]:
        """Return the turn that the target states; it says nothing if there is none."""
        stated = row.get(self.target)
        if says_none(stated):
            return {"role": "assistant", "content": ""}
        if isinstance(stated, str) and stated.lstrip().startswith(("{", "[")):
            stated = parse_value(stated, Reason.WRONG_TYPE)
        kind = "content" if isinstance(stated, str) else "tool_calls" if isinstance(stated, list) else None
        answer = {kind: stated} if kind else as_object(stated, self.target)
        for key, value in answer.items():
            if key not in ("role", "content", "tool_calls"):
                notes.leave(f"{self.target}.{key}", value)
        calls = read_calls(answer.get("tool_calls"), f"{self.target}.tool_calls[]", notes)
        content = answer.get("content")
        said = "" if content is None else as_text(content, f"{self.target}.content", notes)
        trace, text = split_think(said, called=bool(calls))
        turn = {"role": "assistant", "content": text}
        return {**turn, **({"reasoning": trace} if trace else {}), **({"tool_calls": calls} if calls else {})}


def _answered(messages: list[dict[str, Any]], target: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the turns with the target behind them, unless an answer stands there that says the same.

    Raises:
        PydanticCustomError: `role_order` if the turns end with an answer, and the target is another one.
    """
    said, calls = target["content"].strip(), target.get("tool_calls", ())
    if not said and not calls:
        return messages
    if not messages or messages[-1]["role"] != "assistant":
        return [*messages, target]
    called = {call["name"] for turn in messages for call in turn.get("tool_calls", ())}
    if said not in ("", messages[-1]["content"].strip()) or any(call["name"] not in called for call in calls):
        raise fault(Reason.ROLE_ORDER, "the turns end with an answer, and the target is another one")
    return messages


def _without_react(messages: Sequence[dict[str, Any]], notes: Notes) -> list[dict[str, Any]]:
    """Return the messages with the assistant's actions as calls, if a tool answers them or the chat ends."""
    found = []
    for place, turn in enumerate(messages):
        follows = messages[place + 1]["role"] if place + 1 < len(messages) else "tool"
        acts = turn["role"] == "assistant" and not turn.get("tool_calls") and _INPUT in turn["content"]
        found.append({**turn, **_action(turn["content"], notes)} if acts and follows == "tool" else turn)
    return found


def _action(text: str, notes: Notes) -> dict[str, Any]:
    """Return thought and call of a turn in the form of ReAct; nothing if it has another form."""
    head, _, stated = text.partition(_INPUT)
    thought, marked, action = head.rpartition(_ACTION)
    name = action.strip()
    if not marked or not name or "\n" in name:
        return {}
    try:
        arguments = read_literal(stated.strip()) if stated.strip() else {}
    except NotLiteral as error:
        raise fault(Reason.TOOL_CALL_INVALID, f"the input of {name[:40]!r}: {error}") from None
    notes.count(Finding.TEXT_CALLS)
    call = read_call({"name": name, "arguments": arguments}, "action", notes)
    return {"content": thought.strip().removeprefix(_THOUGHT).strip(), "tool_calls": [call]}
