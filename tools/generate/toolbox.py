"""Conversations with tools: a question, calls, what the tools said, and an answer that uses it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tools.generate import numbers_en, words_en
from tools.generate.phrases import PHRASES
from tools.generate.sampler import Sampler, join_words, money
from tools.generate.tables import COUNTRIES, GOODS, NAMES, NAMES_ZH, PLACES, PLACES_ZH

Turn = dict[str, Any]
Tool = dict[str, Any]


@dataclass(frozen=True)
class Errand:
    """One question that needs tools: the calls with their results, and the answer in the asker's language."""

    question: str
    calls: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...]
    answer: str

    def turns(self, *, parallel: bool) -> list[Turn]:
        """Return the turns; parallel calls come before all results, others each before its own."""
        calls = [
            {"from": "function_call", "value": as_json({"name": name, "arguments": asked})}
            for name, asked, _ in self.calls
        ]
        results = [{"from": "observation", "value": as_json(got)} for _, _, got in self.calls]
        middle = (
            [*calls, *results]
            if parallel
            else [turn for both in zip(calls, results, strict=True) for turn in both]
        )
        return [{"from": "human", "value": self.question}, *middle, {"from": "gpt", "value": self.answer}]


def tool_chat(index: int) -> Turn:
    """Return one row: turns and the JSON text of the tools that were offered."""
    rng = Sampler("tools", index)
    names = list(ERRANDS)
    turns: list[Turn] = []
    if rng.chance(25):
        turns.append({"from": "system", "value": rng.choice(_SYSTEM)})
    used = rng.sample(names, rng.choice([1, 1, 1, 2]))
    if rng.chance(12):
        question, answer = rng.choice(numbers_en.KINDS + words_en.KINDS)(rng)[0]
        turns += [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    else:
        for name in used:
            turns += ERRANDS[name](rng).turns(parallel=rng.chance(50))
    offered = rng.shuffled([*used, *rng.sample([name for name in names if name not in used], 1)])
    tools = [TOOLS[name] for name in offered]
    return {"conversations": turns, "tools": as_json(tools)}


_SYSTEM = [
    "Use a tool where one helps, and say plainly what it returned.",
    "You are the assistant of a travel desk. Tools are available.",
    "你可以使用工具，请根据工具的结果回答。",
]


def as_json(value: object) -> str:
    """Return a value as JSON text, its characters as they are."""
    return json.dumps(value, ensure_ascii=False)


def day_of(rng: Sampler) -> date:
    """Return a day of the years that the sample is about."""
    return date(2025, 1, 6) + timedelta(days=rng.integer(0, 600))


def weather(rng: Sampler) -> Errand:
    """Ask for the weather in one or two capitals."""
    cities, day = rng.sample(COUNTRIES, rng.choice([1, 2])), day_of(rng)
    got = [(rng.integer(8, 27), rng.choice(_SKIES)) for _ in cities]
    calls = tuple(
        ("get_weather", {"city": one.capital, "date": day.isoformat()}, {"celsius": warm, "sky": sky[0]})
        for one, (warm, sky) in zip(cities, got, strict=True)
    )
    if rng.chance(35):
        asked = "和".join(one.capital_zh for one in cities)
        said = "；".join(
            f"{one.capital_zh}{sky[1]}，{warm}摄氏度" for one, (warm, sky) in zip(cities, got, strict=True)
        )
        name = rng.choice(NAMES_ZH)
        return Errand(
            f"{name}{day.month}月{day.day}日要去{asked}，那天{asked}的天气怎么样？", calls, f"{said}。"
        )
    place = join_words([one.capital for one in cities])
    question = rng.choice(
        [
            f"I fly to {place} on {day.day} {day:%B}. What will the weather be like?",
            f"{rng.choice(NAMES)} asks whether {place} will be warm on {day:%A}, {day.day} {day:%B}.",
            f"Weather for {place}, {day.isoformat()}, please; I am packing for {rng.choice(NAMES)}.",
        ]
    )
    told = [
        f"{one.capital} expects {sky[0]} at {warm} °C" for one, (warm, sky) in zip(cities, got, strict=True)
    ]
    return Errand(question, calls, f"{join_words(told)}.")


_SKIES = [
    ("light rain", "有小雨"),
    ("clear sky", "晴天"),
    ("fog", "有雾"),
    ("showers", "有阵雨"),
    ("strong wind", "有大风"),
]


def stock(rng: Sampler) -> Errand:
    """Ask whether the shop has enough of something."""
    good, wanted, have = rng.choice(GOODS), rng.integer(5, 90), rng.integer(0, 100)
    name = rng.choice(NAMES)
    calls = (("check_stock", {"item": good[0]}, {"item": good[0], "in_stock": have}),)
    if rng.chance(30):
        verdict = "够用" if have >= wanted else f"还差{wanted - have}{good[3]}"
        question = (
            f"{rng.choice(NAMES_ZH)}在{rng.choice(PLACES_ZH)}想订{wanted}{good[3]}{good[2]}，库存够吗？"
        )
        return Errand(question, calls, f"库存有{have}{good[3]}，{verdict}。")
    question = rng.choice(
        [
            f"{name} from {rng.choice(PLACES)} wants {wanted} {good[1]}. Do we have enough?",
            f"Can we deliver {wanted} {good[1]} to {rng.choice(PLACES)} today? {name} is waiting for an "
            "answer.",
        ]
    )
    verdict = "that is enough" if have >= wanted else f"so {wanted - have} are missing"
    return Errand(
        question, calls, f"The stock system shows {have} of them; {verdict} for an order of {wanted}."
    )


def currency(rng: Sampler) -> Errand:
    """Convert an amount at the rate the tool returns."""
    source, target = rng.sample(list(_CENTS), 2)
    amount, rate = rng.integer(12, 900), rng.integer(95, 105) * _CENTS[source] // _CENTS[target]
    result = amount * rate
    asked = {"amount": amount, "source": source, "target": target}
    calls = (("convert_currency", asked, {"rate": rate / 100, "result": result / 100}),)
    good = rng.choice(GOODS)
    if rng.chance(30):
        question = f"一批{good[2]}报价{amount}{source}，{rng.choice(NAMES_ZH)}想知道合多少{target}。"
        return Errand(question, calls, f"按{money(rate)}的汇率，{amount}{source}合{money(result)}{target}。")
    question = rng.choice(
        [
            f"A box of {good[1]} is offered at {amount} {source}. What is that in {target}?",
            f"{rng.choice(NAMES)} paid {amount} {source} for {good[1]}; the expense form wants {target}.",
        ]
    )
    return Errand(
        question, calls, f"At a rate of {money(rate)}, {amount} {source} are {money(result)} {target}."
    )


_CENTS = {"EUR": 110, "USD": 100, "GBP": 130, "CHF": 115, "SEK": 10, "CNY": 14}
"""What a unit is worth in US cents, about; the tool's rates lie within five per cent of it."""


def flight(rng: Sampler) -> Errand:
    """Find a flight after some hour."""
    start, goal = rng.sample(COUNTRIES[:20], 2)
    hour, minute, long = rng.integer(5, 19), rng.integer(0, 11) * 5, rng.integer(150, 400)
    left = hour * 60 + minute + rng.integer(5, 90)
    leave, arrive = clock(left), clock(left + long)
    day = day_of(rng)
    asked = {
        "origin": start.capital,
        "destination": goal.capital,
        "date": day.isoformat(),
        "after": clock(hour * 60 + minute),
    }
    stops = rng.integer(0, 3)
    calls = (("find_flight", asked, {"departure": leave, "arrival": arrive, "stops": stops}),)
    question = rng.choice(
        [
            f"Which flight goes from {start.capital} to {goal.capital} on {day.day} {day:%B} after "
            f"{asked['after']}?",
            f"{rng.choice(NAMES)} has to be in {goal.capital} on {day.day} {day:%B} and can leave "
            f"{start.capital} after {asked['after']}. Is there a flight?",
        ]
    )
    how = "without a stop" if stops == 0 else f"with {stops} stop{'s' if stops > 1 else ''}"
    return Errand(
        question,
        calls,
        f"A flight leaves {start.capital} at {leave} and arrives at {arrive} local time, {how}.",
    )


def clock(minutes: int) -> str:
    """Return a time of day, given in minutes."""
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def event(rng: Sampler) -> Errand:
    """Put an appointment into a calendar."""
    name, day, at = rng.choice(NAMES), day_of(rng), clock(rng.integer(32, 72) * 15)
    what = rng.choice(
        ["dentist", "stock count", "driving lesson", "site visit", "haircut", "job talk", "rehearsal"]
    )
    asked = {"title": f"{what} {name}", "date": day.isoformat(), "time": at}
    calls = (("add_event", asked, {"status": "added", "id": rng.integer(1000, 9999)}),)
    question = rng.choice(
        [
            f"Put a {what} with {name} into my calendar: {day.day} {day:%B %Y}, {at}.",
            f"Please remember that {name} comes for the {what} on {day:%A}, {day.day} {day:%B %Y}, at {at}.",
        ]
    )
    return Errand(
        question,
        calls,
        f"Done: “{asked['title']}” is in your calendar for {day:%A}, {day.day} {day:%B}, at {at}.",
    )


def calculator(rng: Sampler) -> Errand:
    """Leave a longer sum to a calculator."""
    one, two, three = rng.integer(120, 990), rng.integer(12, 98), rng.integer(100, 9000)
    result, good = one * two + three, rng.choice(GOODS)
    calls = (("calculate", {"expression": f"{one} * {two} + {three}"}, {"result": result}),)
    if rng.chance(35):
        question = (
            f"{rng.choice(NAMES_ZH)}的仓库有{two}箱{good[2]}，每箱{one}{good[3]}，"
            f"另有{three}{good[3]}散装，一共多少？"
        )
        return Errand(question, calls, f"一共{result}{good[3]}。")
    question = rng.choice(
        [
            f"{rng.choice(NAMES)} counts {two} crates with {one} {good[1]} each, and {three} loose ones. "
            "How many in all?",
            f"What is {one} times {two} plus {three}? It is for the {good[0]} inventory at "
            f"{rng.choice(PLACES)}.",
        ]
    )
    return Errand(question, calls, f"{one} × {two} + {three} = {result}.")


def translation(rng: Sampler) -> Errand:
    """Ask a translation service."""
    english, chinese = rng.choice(PHRASES)
    place = rng.choice(PLACES)
    calls = (("translate_text", {"text": english, "target": "zh"}, {"translation": chinese}),)
    question = f"For a sign at {place} {rng.choice(NAMES)} needs this in Chinese: {english}"
    return Errand(question, calls, f"The sign could read: {chinese}")


def described(name: str, description: str, **parameters: str) -> Tool:
    """Return the definition of a tool whose parameters, all required, have these types."""
    properties = {key: {"type": kind} for key, kind in parameters.items()}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"name": name, "description": description, "parameters": schema}


ERRANDS: dict[str, Callable[[Sampler], Errand]] = {
    "get_weather": weather,
    "check_stock": stock,
    "convert_currency": currency,
    "find_flight": flight,
    "add_event": event,
    "calculate": calculator,
    "translate_text": translation,
}
TOOLS: dict[str, Tool] = {
    "get_weather": described("get_weather", "Forecast for a city on a day.", city="string", date="string"),
    "check_stock": described("check_stock", "How many of an item are in stock.", item="string"),
    "convert_currency": described(
        "convert_currency",
        "Convert money at today's rate.",
        amount="number",
        source="string",
        target="string",
    ),
    "find_flight": described(
        "find_flight",
        "Next flight after a time.",
        origin="string",
        destination="string",
        date="string",
        after="string",
    ),
    "add_event": described("add_event", "Add an appointment.", title="string", date="string", time="string"),
    "calculate": described("calculate", "Evaluate an arithmetic expression.", expression="string"),
    "translate_text": described("translate_text", "Translate a text.", text="string", target="string"),
}
