"""Errands of several steps that need what the steps before returned: office, operations, shop."""

from collections.abc import Callable
from typing import Any

from tools.generate.sampler import Sampler, money
from tools.generate.tables import GOODS, NAMES, NAMES_ZH
from tools.generate.toolbox import Errand, Tool, Turn, as_json, clock, day_of, described

Call = tuple[str, dict[str, Any], dict[str, Any]]


def meeting(rng: Sampler) -> Errand:
    """Find a time that suits two people, reserve a room for it, and invite them."""
    one, two = rng.sample(NAMES, 2)
    day, start, long = day_of(rng), rng.integer(36, 68) * 15, rng.choice([30, 45, 60])
    at, room, seats = clock(start), f"{rng.choice('ABCDE')}{rng.integer(100, 499)}", rng.integer(3, 12)
    number = rng.integer(10_000, 99_999)
    calls: tuple[Call, ...] = (
        (
            "find_free_slot",
            {"people": [one, two], "date": day.isoformat(), "minutes": long},
            {"start": at, "end": clock(start + long)},
        ),
        (
            "reserve_room",
            {"date": day.isoformat(), "start": at, "minutes": long},
            {"room": room, "seats": seats},
        ),
        (
            "send_invitation",
            {"people": [one, two], "date": day.isoformat(), "start": at, "room": room},
            {"status": "sent", "invitation": number},
        ),
    )
    if rng.chance(35):
        asked = f"请在{day.month}月{day.day}日给{one}和{two}约一次{long}分钟的会，并订一间会议室。"
        return Errand(asked, calls, f"已约在{at}，会议室{room}（{seats}座），邀请已发出，编号{number}。")
    asked = (
        f"Please set up a {long} minute meeting of {one} and {two} on {day.day} {day:%B %Y}, with a room, "
        "and invite them."
    )
    told = f"Both are free at {at}, and room {room} with {seats} seats is reserved. The invitations are sent"
    return Errand(asked, calls, f"{told} (number {number}).")


def rollback(rng: Sampler) -> Errand:
    """Look at a service that fails, find the release that broke it, and go back to the one before."""
    service = rng.choice(_SERVICES)
    number, errors, after = rng.integer(20, 90), rng.integer(11, 46), rng.integer(1, 9)
    broken, good = f"{number}.{rng.integer(1, 9)}", f"{number - 1}.{rng.integer(1, 9)}"
    fault = rng.choice(_FAULTS)
    calls: tuple[Call, ...] = (
        ("service_status", {"service": service}, {"state": "degraded", "error_percent": errors}),
        (
            "read_log",
            {"service": service, "level": "error", "lines": 20},
            {"first_error": fault, "release": broken},
        ),
        ("list_releases", {"service": service}, {"releases": [good, broken], "current": broken}),
        ("roll_back", {"service": service, "release": good}, {"status": "done", "release": good}),
        ("service_status", {"service": service}, {"state": "healthy", "error_percent": after / 10}),
    )
    if rng.chance(35):
        asked = f"{rng.choice(NAMES_ZH)}报告{service}大量出错。请查明原因，必要时回滚到上一个版本。"
        told = f"{service}的错误率为{errors}%，原因是版本{broken}的“{fault}”。"
        return Errand(asked, calls, f"{told}已回滚到{good}，错误率降到{after / 10}%。")
    asked = (
        f"{rng.choice(NAMES)} reports many errors of {service}. Find out why, and go back to the last "
        "release if it is to blame."
    )
    told = f"{service} failed for {errors} % of its requests since release {broken} ({fault})."
    return Errand(asked, calls, f"{told} I rolled it back to {good}; now {after / 10} % fail.")


def refund(rng: Sampler) -> Errand:
    """Find an order, look up what the shop's rules say of it, and pay it back or say why not."""
    name, good, pieces = rng.choice(NAMES), rng.choice(GOODS), rng.integer(2, 12)
    order, paid = f"B{rng.integer(10_000, 99_999)}", pieces * rng.integer(150, 3000)
    days, limit = rng.integer(2, 60), rng.choice([14, 30])
    calls: list[Call] = [
        (
            "find_order",
            {"customer": name, "item": good[0]},
            {"order": order, "paid_cents": paid, "days_since_delivery": days},
        ),
        ("refund_rules", {"item": good[0]}, {"days": limit}),
    ]
    asked = rng.choice(
        [
            f"{name} wants to return {pieces} {good[1]}. Pay them back if our rules allow it.",
            f"Can {name} still return the {pieces} {good[1]}? If so, please refund them.",
        ]
    )
    if days > limit:
        told = f"Order {order} was delivered {days} days ago, and our rules allow returns within {limit} days"
        return Errand(asked, tuple(calls), f"{told}, so I did not pay it back.")
    calls.append(
        ("pay_back", {"order": order, "cents": paid}, {"status": "paid", "receipt": rng.integer(1000, 9999)})
    )
    receipt = calls[-1][2]["receipt"]
    told = f"Order {order} was delivered {days} days ago, within the {limit} days of our rules"
    return Errand(asked, tuple(calls), f"{told}. I paid back {money(paid)} (receipt {receipt}).")


def procedure(index: int) -> Turn:
    """Return one row: the turns of an errand of several steps, and the tools that were offered."""
    rng = Sampler("procedures", index)
    names = list(PROCEDURES)
    used = PROCEDURES[names[index % len(names)]](rng)
    called = dict.fromkeys(name for name, _, _ in used.calls)
    offered = [*called, *rng.sample([name for name in TOOLS if name not in called], 2)]
    tools = [TOOLS[name] for name in rng.shuffled(offered)]
    return {"conversations": used.turns(parallel=False), "tools": as_json(tools)}


_SERVICES = [
    "the payment gateway",
    "the search index",
    "the mail queue",
    "the login service",
    "the label printer",
]
_FAULTS = [
    "connection pool exhausted",
    "missing column in table orders",
    "certificate not found",
    "queue full",
]

PROCEDURES: dict[str, Callable[[Sampler], Errand]] = {
    "meeting": meeting,
    "rollback": rollback,
    "refund": refund,
}
TOOLS: dict[str, Tool] = {
    tool["name"]: tool
    for tool in (
        described(
            "find_free_slot",
            "First time at which all are free.",
            people="array",
            date="string",
            minutes="integer",
        ),
        described(
            "reserve_room", "Reserve a meeting room.", date="string", start="string", minutes="integer"
        ),
        described(
            "send_invitation", "Invite people.", people="array", date="string", start="string", room="string"
        ),
        described("service_status", "State and error rate of a service.", service="string"),
        described("read_log", "Lines of a log.", service="string", level="string", lines="integer"),
        described("list_releases", "Releases of a service.", service="string"),
        described("roll_back", "Go back to a release.", service="string", release="string"),
        described("find_order", "Last order of an item.", customer="string", item="string"),
        described("refund_rules", "Within how many days an item may be returned.", item="string"),
        described("pay_back", "Pay back an order.", order="string", cents="integer"),
    )
}
