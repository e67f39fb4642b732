"""English chat about quantities: shopping, units, dates, statistics, schedules, physics."""

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction

from tools.generate.sampler import Sampler, decimal, join_words, money
from tools.generate.tables import GOODS, NAMES, PLACES, UNITS

Exchange = tuple[str, str]


def shopping(rng: Sampler) -> list[Exchange]:
    """Add up a basket and give change; a follow-up applies a discount."""
    one, two = rng.sample(GOODS, 2)
    many, more = rng.integer(2, 9), rng.integer(2, 9)
    name, place = rng.choice(NAMES), rng.choice(PLACES)
    total = many * one[4] + more * two[4]
    note = next(value for value in (1000, 2000, 5000, 10000, 20000, 50000) if value > total)
    asks = [
        f"At {place}, {name} buys {many} {one[1]} at ${money(one[4])} each and {more} {two[1]} at "
        f"${money(two[4])} each, and pays with a ${note // 100} note. How much change is due?",
        f"{name} has ${note // 100} to spend at {place}. What is left after buying {more} {two[1]} "
        f"(${money(two[4])} apiece) together with {many} {one[1]} (${money(one[4])} apiece)?",
        f"Please check a receipt from {place}: {many} × {one[0]} at ${money(one[4])}, {more} × {two[0]} at "
        f"${money(two[4])}. {name} handed over ${note // 100}. Which change should come back?",
    ]
    answer = (
        f"The {one[1]} cost {many} × ${money(one[4])} = ${money(many * one[4])} and the {two[1]} {more} × "
        f"${money(two[4])} = ${money(more * two[4])}. Together that is ${money(total)}, so ${note // 100} − "
        f"${money(total)} = **${money(note - total)}** remains."
    )
    percent = rng.choice([10, 20, 25, 50])
    cut = Fraction(total * percent, 100)
    less = total - int(cut + Fraction(1, 2))
    follow = (
        f"And with {percent} % off the whole basket?",
        f"{percent} % of ${money(total)} is ${money(total - less)}, so the basket would cost ${money(less)} "
        f"and the change would be ${money(note - less)}.",
    )
    return [(rng.choice(asks), answer), follow]


def discount(rng: Sampler) -> list[Exchange]:
    """Take one discount after another and compare with the sum of both."""
    good = rng.choice(GOODS)
    price, first, second = (
        rng.integer(4, 60) * 10,
        rng.choice([10, 20, 30, 40]),
        rng.choice([5, 10, 20, 25]),
    )
    middle = Fraction(price * (100 - first), 100)
    end = middle * (100 - second) / 100
    overall = 100 - Fraction(100 - first) * (100 - second) / 100
    asks = [
        f"A crate of {good[1]} costs ${price}. The shop first takes {first} % off and then another {second} "
        f"% off the reduced price. Is that the same as {first + second} % off?",
        f"If ${price} for a box of {good[1]} is reduced by {first} %, and the new price by {second} % "
        "again, what do I pay in the end, and how large is the total reduction?",
    ]
    answer = (
        f"After the first step the price is ${decimal(middle)}; {second} % off that leaves "
        f"${money(int(end * 100))}. Together the reduction is {decimal(overall)} %, not {first + second} %, "
        "because the second discount is taken from a smaller price."
    )
    return [(rng.choice(asks), answer)]


def units(rng: Sampler) -> list[Exchange]:
    """Convert a quantity, then back."""
    unit = rng.choice(UNITS)
    amount, other = rng.integer(2, 95), rng.integer(2, 40)
    top, bottom = unit.factor
    factor = Fraction(top, bottom)
    places = 2 if bottom > 1 else 0
    sign = "=" if factor * amount * 10**places % 1 == 0 else "≈"
    result = decimal(factor * amount, places)
    thing = rng.choice(
        ["a form", "a recipe book", "a shipping label", "my logbook", "a school poster", "a data sheet"]
    )
    asks = [
        f"How many {unit.second} are {amount} {unit.first}?",
        f"For {thing} I have to state {amount} {unit.first} in {unit.second}. What do I write?",
        f"Convert {amount} {unit.first} to {unit.second} and show the factor you used.",
        f"My source says {amount} {unit.first}, but {thing} needs {unit.second}. Could you convert that?",
    ]
    answer = (
        f"To get from {unit.first} to {unit.second}, multiply by {decimal(factor, 9)}: {amount} × "
        f"{decimal(factor, 9)} {sign} **{result} {unit.second}**."
    )
    back = Fraction(other) / factor
    mark = "=" if back * 1000 % 1 == 0 else "≈"
    follow = (
        f"And what are {other} {unit.second} in {unit.first}?",
        f"Going back means dividing by {decimal(factor, 9)}: {other} ÷ {decimal(factor, 9)} {mark} "
        f"{decimal(back, 3)} {unit.first}.",
    )
    return [(rng.choice(asks), answer), follow]


def weekday(rng: Sampler) -> list[Exchange]:
    """Add days to a date and name the weekday."""
    start = date(2024, 1, 1) + timedelta(days=rng.integer(0, 1400))
    days = rng.integer(9, 190)
    end = start + timedelta(days=days)
    event = rng.choice(
        ["warranty", "trial period", "visa", "loan", "permit", "course", "rental", "guarantee"]
    )
    long_start, long_end = f"{start.day} {start:%B %Y}", f"{end.day} {end:%B %Y}"
    asks = [
        f"A {event} starts on {long_start} and runs for {days} days. On which date and weekday does it end?",
        f"Which weekday is it {days} days after {long_start}? I want to note when the {event} is over.",
        f"Counting {days} days from {long_start}, when does my {event} expire?",
    ]
    weeks, rest = divmod(days, 7)
    answer = (
        f"{long_start} is a {start:%A}. {days} = {weeks} × 7 + {rest}, so the weekday moves on by {rest}: "
        f"the {event} ends on **{end:%A}, {long_end}**."
    )
    leap = end.year % 4 == 0
    follow = (
        f"Is {end.year} a leap year?",
        f"{'Yes' if leap else 'No'}: {end.year} is {'' if leap else 'not '}divisible by "
        f"4{' and is no century year' if leap else ''}, so February has {29 if leap else 28} days.",
    )
    return [(rng.choice(asks), answer), follow]


def statistics(rng: Sampler) -> list[Exchange]:
    """Mean, median and range of a few readings."""
    values = [rng.integer(3, 60) for _ in range(rng.choice([5, 7, 9]))]
    thing = rng.choice(
        [
            "daily visitors",
            "delivery times in minutes",
            "bus delays in seconds",
            "eggs per day",
            "test scores",
            "noise readings",
            "parcels per van",
            "pages read per evening",
        ]
    )
    shown = ", ".join(map(str, values))
    asks = [
        f"Here are our {thing}: {shown}. What are mean, median and range?",
        f"Please summarise these {thing} with mean, median and range: {shown}.",
        f"I noted {shown} as {thing}. Give me the average, the middle value and the spread.",
    ]
    ordered = sorted(values)
    mean = Fraction(sum(values), len(values))
    answer = (
        f"- sorted: {', '.join(map(str, ordered))}\n- mean: {sum(values)} ÷ {len(values)} = "
        f"{decimal(mean)}\n"
        f"- median: {ordered[len(ordered) // 2]}\n- range: {ordered[-1]} − {ordered[0]} = "
        f"{ordered[-1] - ordered[0]}"
    )
    extra = rng.integer(61, 99)
    grown = Fraction(sum(values) + extra, len(values) + 1)
    follow = (
        f"What happens to the mean if the next value is {extra}?",
        f"The sum grows to {sum(values) + extra} over {len(values) + 1} values, so the mean becomes "
        f"{decimal(grown)}.",
    )
    return [(rng.choice(asks), answer), follow]


def schedule(rng: Sampler) -> list[Exchange]:
    """Lay out a programme of talks with a break."""
    titles = rng.sample(
        [
            "opening",
            "budget review",
            "safety training",
            "guided tour",
            "panel",
            "demonstration",
            "workshop",
            "awards",
            "reading",
            "questions",
            "first aid drill",
            "tasting",
            "rehearsal",
            "film",
        ],
        4,
    )
    lengths = [rng.integer(3, 12) * 5 for _ in titles]
    start, pause = rng.integer(28, 56) * 15, rng.choice([10, 15, 20])
    plan = join_words([f"{title} ({length} min)" for title, length in zip(titles, lengths, strict=True)])
    asks = [
        f"Make a timetable that starts at {_clock(start)}: {plan}, with a {pause}-minute break after the "
        "second item.",
        f"We meet at {_clock(start)}. In this order we have {plan}; after item two everyone rests for "
        f"{pause} minutes. When does each part begin and when are we done?",
        f"I need the start times for a programme of {plan}. Doors open and the first part begins at "
        f"{_clock(start)}, and halfway there are {pause} minutes for tea.",
    ]
    lines, now = [], start
    for index, (title, length) in enumerate(zip(titles, lengths, strict=True)):
        lines.append(f"- {_clock(now)} to {_clock(now + length)}: {title}")
        now += length
        if index == 1:
            lines.append(f"- {_clock(now)} to {_clock(now + pause)}: break")
            now += pause
    late = rng.integer(2, 8) * 5
    follow = (
        f"We will start {late} minutes late. When is the end then?",
        f"Everything moves by {late} minutes, so the end is at {_clock(now + late)}.",
    )
    return [(rng.choice(asks), "\n".join([*lines, f"\nThe end is at **{_clock(now)}**."])), follow]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def recipe(rng: Sampler) -> list[Exchange]:
    """Scale the amounts of a dish to another number of guests."""
    dish, parts = rng.choice(_DISHES)
    base, guests = rng.choice([2, 4]), rng.choice([3, 5, 6, 7, 9, 10, 12, 15])
    amounts = [(name, rng.integer(2, 18) * step, unit) for name, step, unit in parts]
    needs = [f"{amount} {unit} of {part}" if unit else f"{amount} {part}" for part, amount, unit in amounts]
    shown = join_words(needs)
    name = rng.choice(NAMES)
    asks = [
        f"My recipe for {dish}, {base} portions, takes {shown}. How much do I need for {guests} guests?",
        f"{name} wants to cook {dish} for {guests}. The recipe serves {base} and lists {shown}. Please "
        "scale it.",
        f"Scale this up, please: {dish}, {base} portions, {shown}. There will be {guests} of us tonight.",
    ]
    factor = Fraction(guests, base)
    lines = [
        f"- {part}: {amount} × {decimal(factor)} = {decimal(amount * factor)} {unit}".rstrip()
        for part, amount, unit in amounts
    ]
    return [(rng.choice(asks), f"The factor is {guests} ÷ {base} = {decimal(factor)}.\n" + "\n".join(lines))]


_DISHES = [
    ("lentil soup", [("lentils", 40, "g"), ("carrots", 1, ""), ("stock", 50, "ml")]),
    ("pancakes", [("flour", 25, "g"), ("milk", 50, "ml"), ("eggs", 1, "")]),
    ("tomato sauce", [("tomatoes", 50, "g"), ("onions", 1, ""), ("olive oil", 5, "ml")]),
    ("fried rice", [("rice", 30, "g"), ("peas", 20, "g"), ("eggs", 1, "")]),
    ("apple crumble", [("apples", 60, "g"), ("butter", 10, "g"), ("oats", 15, "g")]),
    ("potato salad", [("potatoes", 80, "g"), ("gherkins", 1, ""), ("yoghurt", 20, "g")]),
]


KINDS: tuple[Callable[[Sampler], list[Exchange]], ...] = (
    shopping,
    discount,
    units,
    weekday,
    statistics,
    schedule,
    recipe,
)
