"""English chat about programs: Python with true outputs, SQL, patterns, JSON, tables, shell, HTTP."""

import json
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from tools.generate.numbers_en import Exchange
from tools.generate.phrases import BRANCHES, COMMANDS, ENDPOINTS, FILES, METHODS, PATHS, STATUSES
from tools.generate.sampler import Sampler, decimal, join_words, money
from tools.generate.tables import COUNTRIES, DEFINITIONS, GOODS, NAMES


def snippet(rng: Sampler) -> tuple[str, str, str]:
    """Return (code, what it prints, why) of a short Python program."""
    numbers = [rng.integer(1, 40) for _ in range(rng.integer(5, 8))]
    words = rng.sample([entry[0] for entry in DEFINITIONS], 3)
    step, limit = rng.integer(2, 5), rng.integer(8, 30)
    text = rng.choice(words)
    picked = [number * step for number in numbers if number > limit]
    counts = {letter: text.count(letter) for letter in sorted(set(text))}
    total = sum(number % step for number in numbers)
    programs = [
        (
            f"values = {numbers}\nprint([v * {step} for v in values if v > {limit}])",
            str(picked),
            f"only values above {limit} pass the condition, and each is multiplied by {step}",
        ),
        (
            f"values = {numbers}\nprint(values[::{step}], values[-2:])",
            f"{numbers[::step]} {numbers[-2:]}",
            f"the first slice takes every element at a multiple of {step}, the second the last two",
        ),
        (
            f"words = {words}\nprint(sorted(words, key=len), max(words))",
            f"{sorted(words, key=len)} {max(words)}",
            "`key=len` sorts by length, while `max` compares letter by letter",
        ),
        (
            f'text = "{text}"\ncounts = {{}}\nfor letter in sorted(set(text)):\n'
            f"    counts[letter] = text.count(letter)\nprint(counts)",
            str(counts),
            "the set holds each letter once, sorted by alphabet, and `count` says how often it occurs",
        ),
        (
            f"total = 0\nfor value in {numbers}:\n    total += value % {step}\nprint(total)",
            str(total),
            f"the loop adds up the remainders on division by {step}",
        ),
        (
            f'words = {words}\nprint("-".join(word[:{step}].upper() for word in words))',
            "-".join(word[:step].upper() for word in words),
            f"of each word the first {step} letters are kept, put in capitals and joined by hyphens",
        ),
    ]
    return rng.choice(programs)


def python_output(rng: Sampler) -> list[Exchange]:
    """Say what a program prints."""
    code, printed, why = snippet(rng)
    asks = [
        f"What does this Python program print?\n\n```python\n{code}\n```",
        f"Predict the output without running it:\n\n```python\n{code}\n```",
        f"I do not understand the result of this code. What comes out, and why?\n\n```python\n{code}\n```",
    ]
    return [(rng.choice(asks), f"It prints\n\n```text\n{printed}\n```\n\nbecause {why}.")]


def python_function(rng: Sampler) -> list[Exchange]:
    """Write a small function and show it on an example."""
    numbers = [rng.integer(-20, 60) for _ in range(rng.integer(4, 7))]
    size = rng.integer(2, 4)
    place = rng.choice(
        ["a till", "a weather station", "a board game", "a stock list", "a parcel scale", "my diary"]
    )
    name, task, body, value = rng.choice(_tasks(numbers, size))
    asks = [
        f"Write a Python function `{name}` that {task}. What does it give for {numbers}?",
        f"For {place} I need a function that {task}. Please name it `{name}` and try it on {numbers}.",
        f"How would you code `{name}` in Python, a function that {task}? Show the result for {numbers}.",
    ]
    code = f"def {name}(values):\n    return {body}\n\n\nprint({name}({numbers}))"
    return [(rng.choice(asks), f"```python\n{code}\n```\n\nThis prints\n\n```text\n{value}\n```")]


def _tasks(numbers: list[int], size: int) -> list[tuple[str, str, str, int | list[int] | list[list[int]]]]:
    """Return (name, what it does, expression over `values`, value for `numbers`) of small functions."""
    return [
        (
            "keep_positive",
            "drops all numbers that are zero or less",
            "[v for v in values if v > 0]",
            [v for v in numbers if v > 0],
        ),
        (
            "spread",
            "returns the difference between the largest and the smallest number",
            "max(values) - min(values)",
            max(numbers) - min(numbers),
        ),
        (
            "chunks",
            f"cuts a list into pieces of {size}",
            f"[values[i : i + {size}] for i in range(0, len(values), {size})]",
            [numbers[i : i + size] for i in range(0, len(numbers), size)],
        ),
        (
            "running_total",
            "returns the sum up to each position",
            "[sum(values[: i + 1]) for i in range(len(values))]",
            [sum(numbers[: i + 1]) for i in range(len(numbers))],
        ),
        (
            "rotate",
            f"moves the first {size} elements to the end",
            f"values[{size}:] + values[:{size}]",
            numbers[size:] + numbers[:size],
        ),
        (
            "differences",
            "returns how much each number differs from the one before",
            "[b - a for a, b in zip(values, values[1:])]",
            [b - a for a, b in pairwise(numbers)],
        ),
        (
            "unique",
            "removes repeated numbers but keeps the order",
            "list(dict.fromkeys(values))",
            list(dict.fromkeys(numbers)),
        ),
    ]


def sql(rng: Sampler) -> list[Exchange]:
    """Write a grouped query for a small table and explain its parts."""
    table, group, number, item = rng.choice(
        [
            ("sales", "city", "amount", "sale"),
            ("visits", "branch", "minutes", "visit"),
            ("parcels", "carrier", "weight", "parcel"),
            ("loans", "reader", "days", "loan"),
            ("readings", "sensor", "value", "reading"),
            ("trips", "driver", "distance", "trip"),
        ]
    )
    function, meaning = rng.choice(
        [("AVG", "average"), ("SUM", "total"), ("MAX", "largest"), ("MIN", "smallest")]
    )
    year, least, top = rng.integer(2015, 2025), rng.integer(2, 90), rng.integer(3, 12)
    asks = [
        f"My table `{table}` has the columns id, {group}, {number} and year. How do I get the {meaning} "
        f"{number} per {group} for {year}, counting only rows with {number} of at least {least}, and only "
        f"the top {top}?",
        f"Write SQL: from {table}(id, {group}, {number}, year), {meaning} {number} for each {group} in "
        f"{year}, best {top} first, ignoring every {item} below {least}.",
    ]
    query = (
        f"SELECT {group}, {function}({number}) AS result\nFROM {table}\nWHERE year = {year} AND {number} >= "
        f"{least}\n"
        f"GROUP BY {group}\nORDER BY result DESC\nLIMIT {top};"
    )
    answer = (
        f"```sql\n{query}\n```\n\n`WHERE` filters single rows before grouping, `GROUP BY` makes one row per "
        f"{group}, `ORDER BY … DESC` puts the largest result on top, and `LIMIT` keeps {top} rows."
    )
    follow = (
        "How would I keep only groups with more than five rows?",
        "Add `HAVING COUNT(*) > 5` after `GROUP BY`: unlike `WHERE` it filters whole groups.",
    )
    return [(rng.choice(asks), answer), follow]


def pattern(rng: Sampler) -> list[Exchange]:
    """Explain a regular expression built from counted classes."""
    prefix = "".join(rng.sample("ABCDEFGHJKLMNPRSTUVWXY", rng.choice([2, 3])))
    digits, letters = rng.integer(2, 6), rng.integer(2, 5)
    mark = rng.choice(["-", "/", ":", "_"])
    thing = rng.choice(["part numbers", "ticket codes", "locker labels", "batch names", "shelf marks"])
    expression = f"^{prefix}{mark}[0-9]{{{digits}}}[a-z]{{{letters}}}$"
    good = f"{prefix}{mark}" + "".join(str(rng.integer(0, 9)) for _ in range(digits))
    good += "".join(rng.choice("abcdefghk") for _ in range(letters))
    asks = [
        f"What does the regular expression `{expression}` match?",
        f"Our {thing} are checked with `{expression}`. Explain it and give one string that passes.",
        f"Someone left `{expression}` in the code that reads {thing}. Please take it apart.",
    ]
    answer = (
        f"- `^` and `$`: the whole text must match\n- `{prefix}{mark}`: exactly these characters\n"
        f"- `[0-9]{{{digits}}}`: {digits} digits\n- `[a-z]{{{letters}}}`: {letters} lower-case letters\n\n"
        f"`{good}` matches; `{good.lower()}` does not, because the prefix is in capitals."
    )
    return [(rng.choice(asks), answer)]


def to_json(rng: Sampler) -> list[Exchange]:
    """Turn a sentence into JSON, then change a field."""
    name, country, good = rng.choice(NAMES), rng.choice(COUNTRIES), rng.choice(GOODS)
    count = rng.integer(2, 60)
    record = {
        "name": name,
        "city": country.capital,
        "item": good[0],
        "count": count,
        "paid": rng.chance(50),
    }
    state = "has paid" if record["paid"] else "has not paid yet"
    asks = [
        f"Write this as JSON with the keys name, city, item, count and paid: {name} from {country.capital} "
        f"ordered {count} {good[1]} and {state}.",
        f"{name} lives in {country.capital}, wants {count} {good[1]} and {state}. Give me a JSON object "
        "(name, city, item in the singular, count, paid).",
    ]
    changed = {**record, "count": count + 1}
    follow = ("Add one to the count.", f"```json\n{json.dumps(changed, ensure_ascii=False)}\n```")
    return [(rng.choice(asks), f"```json\n{json.dumps(record, ensure_ascii=False, indent=2)}\n```"), follow]


def markdown(rng: Sampler) -> list[Exchange]:
    """Lay out an order as a table with totals."""
    chosen = [(good, rng.integer(1, 12)) for good in rng.sample(GOODS, 3)]
    shown = join_words([f"{count} × {good[0]} at {money(good[4])}" for good, count in chosen])
    name = rng.choice(NAMES)
    asks = [
        f"Make a Markdown table with item, count, price and total from: {shown}. Add the grand total.",
        f"{name} ordered {shown}. Please show that as a Markdown table with a column for the total of each "
        "line.",
        f"Format as a table (Markdown): {shown}. I also want to know the sum.",
    ]
    lines = [
        f"| {good[0]} | {count} | {money(good[4])} | {money(count * good[4])} |" for good, count in chosen
    ]
    total = sum(count * good[4] for good, count in chosen)
    answer = "\n".join(["| item | count | price | total |", "|---|---|---|---|", *lines])
    dear = max(chosen, key=lambda pair: pair[0][4] * pair[1])
    follow = ("Which line costs most?", f"The {dear[0][0]} line, with {money(dear[0][4] * dear[1])}.")
    return [(rng.choice(asks), f"{answer}\n\nThe grand total is {money(total)}."), follow]


def shell(rng: Sampler) -> list[Exchange]:
    """Explain one or two commands."""
    first = rng.integer(3, 40)
    fill: dict[str, str | int] = {
        "path": rng.choice(PATHS),
        "file": rng.choice(FILES),
        "word": rng.choice(BRANCHES),
        "n": first,
    }
    fill["m"] = first + rng.integer(5, 60)
    chosen = rng.sample(COMMANDS, rng.choice([1, 2, 2]))
    shown = join_words([f"`{command.format(**fill)}`" for command, _ in chosen])
    asks = [
        f"What does {shown} do?",
        f"Before I run {shown} on the server: what will happen?",
        f"Explain {shown} to someone who is new to the terminal.",
    ]
    answer = "\n".join(f"- `{command.format(**fill)}` {what.format(**fill)}." for command, what in chosen)
    command, what = rng.choice([pair for pair in COMMANDS if pair not in chosen])
    return [(rng.choice(asks), answer), (f"And `{command.format(**fill)}`?", f"It {what.format(**fill)}.")]


def http(rng: Sampler) -> list[Exchange]:
    """Read status codes from a log."""
    chosen = rng.sample(STATUSES, rng.choice([2, 3]))
    calls = [f"{rng.choice(METHODS)} {rng.choice(ENDPOINTS)} → {code}" for code, _, _ in chosen]
    asks = [
        f"My log shows {join_words(calls)}. What do the status codes mean?",
        f"Please explain these responses: {'; '.join(calls)}.",
        f"While testing I got {join_words(calls)}. Which of them are errors, and whose?",
    ]
    side = {"2": "success", "3": "redirection", "4": "an error of the client", "5": "an error of the server"}
    answer = "\n".join(f"- {code} {name}: {meaning} ({side[code[0]]})" for code, name, meaning in chosen)
    return [(rng.choice(asks), answer)]


def binary_search(rng: Sampler) -> list[Exchange]:
    """Trace a binary search step by step."""
    values = sorted(rng.sample(range(2, 99), rng.choice([9, 11, 13])))
    target = rng.choice(values)
    asks = [
        f"Trace a binary search for {target} in {values}.",
        f"Which elements does binary search look at when it seeks {target} in the sorted list {values}?",
        f"Show low, high and middle at every step of a binary search. List: {values}, target: {target}.",
    ]
    lines, low, high = [], 0, len(values) - 1
    while True:
        middle = (low + high) // 2
        step = f"low {low}, high {high}, middle {middle} holds {values[middle]}"
        if values[middle] == target:
            break
        low, high = (middle + 1, high) if values[middle] < target else (low, middle - 1)
        lines.append(f"- {step}: {'too small, go right' if low > middle else 'too large, go left'}")
    lines.append(f"- {step}: found at index {middle}")
    return [(rng.choice(asks), "\n".join(lines))]


def averages(rng: Sampler) -> list[Exchange]:
    """Fix a mistake in a tiny program: a sum that is never divided, or an index that is off by one."""
    numbers = [rng.integer(1, 50) for _ in range(4)]
    name = rng.choice(["mean", "average", "typical", "centre"])
    mean = Fraction(sum(numbers), 4)
    broken = (
        f"def {name}(values):\n    total = 0\n    for i in range(1, len(values)):\n        total += "
        "values[i]\n    return total / len(values)"
    )
    asks = [
        f"`{name}({numbers})` should be {decimal(mean)}, but I get "
        f"{decimal(Fraction(sum(numbers[1:]), 4))}. Where is the bug?\n\n```python\n{broken}\n```",
        f"Review this function. With {numbers} it returns "
        f"{decimal(Fraction(sum(numbers[1:]), 4))}:\n\n```python\n{broken}\n```",
    ]
    answer = (
        f"The loop starts at index 1 and skips the first value, {numbers[0]}. Start at 0, or loop over the "
        "values:\n\n"
        f"```python\ndef {name}(values):\n    return sum(values) / len(values)\n```\n\nNow the result is "
        f"{decimal(mean)}."
    )
    return [(rng.choice(asks), answer)]


KINDS: tuple[Callable[[Sampler], list[Exchange]], ...] = (
    python_output,
    python_function,
    sql,
    pattern,
    to_json,
    markdown,
    shell,
    http,
    binary_search,
    averages,
)
