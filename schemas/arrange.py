"""The order of turns: a draft is cut after its last answer, and responses are matched with their calls."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.contract import Draft
from thinkmix.schemas.formats.tools import joint_results, tool_name
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault

Neighbours = Literal["keep", "join", "drop"]
"""What becomes of turns in a row by one speaker: they stay as they are, become one turn, or cost the row."""


def arrange_messages(draft: Draft, neighbours: Neighbours, notes: Notes) -> list[dict[str, Any]]:
    """Return the messages of a draft as a conversation holds them.

    Turns after the last answer are cut off. Responses are put in the order of their calls where ids or names
    tell it, because Qwen3's template shows them by position. Calls and responses that do not match are
    counted, or cost the row where the template would show a response as the answer to another call.
    """
    messages: Sequence[dict[str, Any]] = draft.messages
    acts = bool(draft.tools) or not _ROLES_THAT_SPEAK.issuperset(map(_act, messages))
    if acts:
        messages = _after_calls(messages, notes)
    if messages and messages[-1]["role"] != "assistant":
        messages = _cut(messages, notes)
    if neighbours == "join":
        messages = _joined(messages, notes)
    elif neighbours == "drop":
        _refuse_neighbours(messages)
    if acts:
        messages = _matched(messages, notes)
        _count_undefined(messages, draft.tools, notes)
    return list(messages)


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


def _after_calls(messages: Sequence[dict[str, Any]], notes: Notes) -> Sequence[dict[str, Any]]:
    """Return the messages with responses that stand before their calls behind them, where ids tell it."""
    asked: dict[str, list[int]] = {}
    for place, turn in enumerate(messages):
        for call in turn.get("tool_calls") or ():
            if "id" in call:
                asked.setdefault(call["id"], []).append(place)
    later: dict[int, list[dict[str, Any]]] = {}
    moved: set[int] = set()
    for place, turn in enumerate(messages):
        places = asked.get(turn.get("answers", ""), ())
        if len(places) == 1 and places[0] > place:
            later.setdefault(places[0], []).append(turn)
            moved.add(place)
    if not moved:
        return messages
    notes.count(Finding.REORDERED, len(moved))
    found: list[dict[str, Any]] = []
    for place, turn in enumerate(messages):
        found += [] if place in moved else [turn]
        found += later.get(place, ())
    return found


def _matched(messages: Sequence[dict[str, Any]], notes: Notes) -> list[dict[str, Any]]:
    """Return the messages with responses in the order of their calls, without ids and names of responses."""
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
    """Return the responses to a turn in the order of its calls, and those that belong to none of them last.

    Raises:
        PydanticCustomError: `role_order` if a call without a response stands before one that has its own:
            the template would show that response as the answer to the wrong call.
    """
    responses = _parted(calls, responses, notes)
    slots = _slots(calls, responses)
    answered = [slot for slot, place in enumerate(slots) if place is not None]
    in_order = [place for place in slots if place is not None]
    strangers = sorted({*range(len(responses))} - {*in_order})
    notes.count(Finding.RESPONSE_UNASKED, len(strangers))
    if goes_on:
        notes.count(Finding.CALL_UNANSWERED, len(calls) - len(answered))
    if answered and answered[-1] >= len(answered):
        name = calls[answered[-1]]["name"]
        detail = f"the response to {name[:40]!r} would stand for that to a call before it, which has none"
        raise fault(Reason.ROLE_ORDER, detail)
    in_order += strangers
    if in_order != sorted(in_order):
        notes.count(Finding.REORDERED, len(responses))
    return [responses[place] for place in in_order]


def _parted(
    calls: Sequence[Mapping[str, Any]], responses: Sequence[dict[str, Any]], notes: Notes
) -> Sequence[dict[str, Any]]:
    """Return one response a call where texts of responses tell by name or id which calls they answer.

    A single one may list the results of all calls, or each may be the object of one result.
    """
    if len(calls) < 2 or any("answers" in turn for turn in responses):
        return responses
    if len(responses) == 1:
        parts = joint_results(responses[0]["content"])
    elif len(responses) == len(calls) and not any("named" in turn for turn in responses):
        results = [joint_results(f"[{turn['content']}]") for turn in responses]
        parts = [part | turn for turn, listed in zip(responses, results, strict=True) for part in listed[:1]]
    else:
        return responses
    by_name = Counter(part.get("named") for part in parts) == Counter(call["name"] for call in calls)
    by_id = Counter(part.get("answers") for part in parts) == Counter(call.get("id") for call in calls)
    by_id = by_id and "id" in calls[0]
    if not by_name and not by_id:
        return responses
    notes.count(Finding.RESPONSE_SPLIT, int(len(responses) == 1))
    left = () if by_id else ("answers",)
    return [{"role": "tool", **{key: part[key] for key in part if key not in left}} for part in parts]


def _slots(calls: Sequence[Mapping[str, Any]], responses: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """Return the place of each call's response: by ids, then by names, then as they stand.

    An id that several calls of the turn share says nothing. A second response to one call is nobody's, and
    where each call has an id of its own, so is one with another id.
    """
    times = Counter(call["id"] for call in calls if "id" in call)
    by_id = {call["id"]: slot for slot, call in enumerate(calls) if times[call.get("id")] == 1}
    slots: list[int | None] = [None] * len(calls)
    rest = []
    for place, response in enumerate(responses):
        stated = response.get("answers")
        if stated in by_id:
            slots[by_id[stated]] = place if slots[by_id[stated]] is None else slots[by_id[stated]]
        elif stated is None or stated in times or len(by_id) < len(calls):
            rest.append(place)
    rest = _by_name(calls, responses, slots, rest)
    for slot, place in zip((slot for slot, taken in enumerate(slots) if taken is None), rest, strict=False):
        slots[slot] = place
    return slots


def _by_name(
    calls: Sequence[Mapping[str, Any]],
    responses: Sequence[Mapping[str, Any]],
    slots: list[int | None],
    rest: list[int],
) -> list[int]:
    """Fill the slots of calls whose tools the rest of the responses name, and return the others of the rest.

    Names tell nothing if one of the rest has none.
    """
    if not all("named" in responses[place] for place in rest):
        return rest
    waiting: dict[str, deque[int]] = {}
    for slot, call in enumerate(calls):
        if slots[slot] is None:
            waiting.setdefault(call["name"], deque()).append(slot)
    others = []
    for place in rest:
        if fitting := waiting.get(responses[place]["named"]):
            slots[fitting.popleft()] = place
        else:
            others.append(place)
    return others


def _without_ids(turn: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in turn.items() if key not in ("answers", "named")}
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
