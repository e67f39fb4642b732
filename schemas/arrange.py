"""The order of turns: a draft is cut after its last answer, and responses are matched with their calls."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

from schemas.findings import Finding, Notes
from schemas.formats.contract import Draft
from schemas.formats.tools import tool_name
from schemas.reasons import Reason
from schemas.record import fault

Neighbours = Literal["keep", "join", "drop"]
"""What becomes of turns in a row by one speaker: they stay as they are, become one turn, or cost the row."""


def arranged(draft: Draft, neighbours: Neighbours, notes: Notes) -> list[dict[str, Any]]:
    """Return the messages of a draft as a conversation holds them.

    Turns after the last answer are cut off. Responses are put in the order of their calls where ids tell it,
    because Qwen3's template shows them by position. Calls and responses that do not match are counted.
    """
    messages = draft.messages
    if messages and messages[-1]["role"] != "assistant":
        messages = _cut(messages, notes)
    if neighbours == "join":
        messages = _joined(messages, notes)
    elif neighbours == "drop":
        _refuse_neighbours(messages)
    if draft.tools or not _ROLES_THAT_SPEAK.issuperset(map(_act, messages)):
        messages = _matched(messages, notes)
        _count_undefined(messages, draft.tools, notes)
    return messages


_ROLES_THAT_SPEAK = frozenset(("system", "user", "assistant"))


def _act(turn: Mapping[str, Any]) -> str:
    """Return who speaks, or that a tool is called."""
    return "call" if "tool_calls" in turn else str(turn["role"])


def _cut(messages: Sequence[dict[str, Any]], notes: Notes) -> list[dict[str, Any]]:
    """Return the messages up to the last answer; all of them if there is none."""
    last = max((place for place, turn in enumerate(messages) if turn["role"] == "assistant"), default=None)
    if last is None:
        return list(messages)
    notes.count(Finding.TRAILING_TURN, len(messages) - 1 - last)
    return list(messages[: last + 1])


def _joined(messages: Sequence[dict[str, Any]], notes: Notes) -> list[dict[str, Any]]:
    """Join turns in a row by one speaker, each on lines of its own; not across traces and calls."""
    found: list[dict[str, Any]] = []
    for turn in messages:
        before = found[-1] if found else None
        if before is None or not _can_join(before, turn):
            found.append(dict(turn))
            continue
        notes.count(Finding.JOINED_TURN)
        parts = [text for text in (before["content"], turn["content"]) if text.strip()]
        found[-1] = {**turn, **before, "content": "\n".join(parts)}
    return found


def _refuse_neighbours(messages: Sequence[Mapping[str, Any]]) -> None:
    for place, (before, turn) in enumerate(pairwise(messages), start=1):
        if before["role"] == turn["role"] != "tool":
            role = turn["role"]
            raise fault(Reason.ROLE_ORDER, f"message {place}: {role} after {role}, with `turns: drop`")


def _can_join(before: Mapping[str, Any], turn: Mapping[str, Any]) -> bool:
    if before["role"] != turn["role"] or turn["role"] == "tool":
        return False
    one_mark = before.get("context") == turn.get("context")
    return one_mark and not before.get("tool_calls") and not turn.get("reasoning")


def _matched(messages: Sequence[dict[str, Any]], notes: Notes) -> list[dict[str, Any]]:
    """Return the messages with responses in the order of their calls, ids taken off."""
    found: list[dict[str, Any]] = []
    place = 0
    while place < len(messages):
        turn = messages[place]
        place += 1
        calls = turn.get("tool_calls") or ()
        found.append(_without_ids(turn))
        responses = []
        while calls and place < len(messages) and messages[place]["role"] == "tool":
            responses.append(messages[place])
            place += 1
        if calls:
            goes_on = place < len(messages) or bool(responses)
            found += map(_without_ids, _ordered(calls, responses, notes, goes_on=goes_on))
    return found


def _ordered(
    calls: Sequence[Mapping[str, Any]],
    responses: Sequence[dict[str, Any]],
    notes: Notes,
    *,
    goes_on: bool,
) -> Sequence[dict[str, Any]]:
    ids = [call.get("id") for call in calls]
    answers = [response.get("answers") for response in responses]
    stated = None not in ids and None not in answers and len({*ids}) == len(ids)
    strangers = (
        sum(answer not in ids for answer in answers) if stated else max(0, len(responses) - len(calls))
    )
    answered = len({*answers} & {*ids}) if stated else min(len(calls), len(responses))
    notes.count(Finding.RESPONSE_UNASKED, strangers)
    if goes_on:
        notes.count(Finding.CALL_UNANSWERED, len(calls) - answered)
    if not stated or strangers or len({*answers}) != len(answers):
        return responses
    in_order = sorted(responses, key=lambda response: ids.index(response["answers"]))
    if in_order != list(responses):
        notes.count(Finding.REORDERED, len(responses))
    return in_order


def _without_ids(turn: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in turn.items() if key != "answers"}
    if "tool_calls" in plain:
        plain["tool_calls"] = [
            {key: value for key, value in call.items() if key != "id"} for call in plain["tool_calls"]
        ]
    return plain


def _count_undefined(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], notes: Notes
) -> None:
    names = {tool_name(tool) for tool in tools}
    calls = (call for turn in messages for call in turn.get("tool_calls", ()))
    notes.count(Finding.TOOL_UNDEFINED, sum(call["name"] not in names for call in calls))
