"""Forms in which other sets write the same tool chats: each is read without a setting and without a loss."""

import json
from collections.abc import Callable
from typing import Any

from tools.generate.clean import Row

Turns = list[dict[str, Any]]


def _turns(row: Row) -> Turns:
    return [dict(turn) for turn in row["conversations"]]


def _with(row: Row, turns: Turns, **columns: object) -> Row:
    return {**row, "conversations": turns, **columns}


def _functions(row: Row) -> list[dict[str, Any]]:
    tools = json.loads(row["tools"]) if isinstance(row["tools"], str) else row["tools"]
    return [tool.get("function", tool) for tool in tools]


def bare(row: Row) -> Row:
    """Return the row with functions that nothing wraps, in a column of their older name."""
    columns = {key: value for key, value in row.items() if key != "tools"}
    return {**columns, "functions": _functions(row)}


def texts(row: Row) -> Row:
    """Return the row with a list of texts, each the JSON of one definition."""
    return {**row, "tools": [json.dumps(function, ensure_ascii=False) for function in _functions(row)]}


def hermes(row: Row) -> Row:
    """Return the row with definitions, calls and responses in the text of its turns."""
    listed = json.dumps(
        [{"type": "function", "function": one} for one in _functions(row)], ensure_ascii=False
    )
    system = f"Signatures stand within <tools></tools> tags.\n<tools>\n{listed}\n</tools>"
    turns: Turns = [{"from": "system", "value": system}]
    for turn in _turns(row):
        if turn["from"] == "function_call":
            turns.append({"from": "gpt", "value": f"<tool_call>\n{turn['value']}\n</tool_call>"})
        elif turn["from"] == "observation":
            turns.append({"from": "tool", "value": f"<tool_response>\n{turn['value']}\n</tool_response>"})
        elif turn["from"] != "system":
            turns.append(turn)
    return _with(row, turns, tools="[]")


def windows(row: Row) -> Row:
    """Return the row with Windows line breaks around its answers."""
    turns = _turns(row)
    for turn in turns:
        if turn["from"] == "gpt":
            turn["value"] = f"\r\n{turn['value']}\r\n"
    return _with(row, turns)


def unanswered(row: Row) -> Row:
    """Return the row with a question at its end that nobody answers."""
    return _with(row, [*_turns(row), {"from": "human", "value": "Thanks!"}])


def greeted(row: Row) -> Row:
    """Return the row with a greeting before its first question, and the question in two turns."""
    turns = [turn for turn in _turns(row) if turn["from"] != "system"]
    greeting: Turns = [{"from": "gpt", "value": "Hello!"}, {"from": "human", "value": "Hi."}]
    return _with(row, [*greeting, *turns])


def marked(row: Row) -> Row:
    """Return the row with a wrong answer before it that its author marks."""
    first: Turns = [{"from": "human", "value": "Ready?"}, {"from": "gpt", "value": "No.", "weight": 0}]
    turns = _turns(row)
    place = int(turns[0]["from"] == "system")
    return _with(row, [*turns[:place], *first, *turns[place:]])


def renamed(row: Row) -> Row:
    """Return the row with other names of speakers."""
    names = {"gpt": "ChatGPT", "function_call": "tool_call", "observation": "tool-response"}
    return _with(row, [{**turn, "from": names.get(turn["from"], turn["from"])} for turn in _turns(row)])


FORMS: tuple[Callable[[Row], Row], ...] = (
    bare, texts, hermes, windows, unanswered, greeted, marked, renamed, bare, hermes,
)  # fmt: skip
