"""Problems about digits: number bases, zeros of factorials, digit sums."""

from collections.abc import Callable

from tools.generate.sampler import Sampler
from tools.generate.traces import Problem


def bases(rng: Sampler) -> Problem:
    """Write a number of one base in another."""
    source, target = rng.sample([2, 3, 4, 5, 6, 7, 8, 9], 2)
    number = rng.integer(60, 900)
    shown, result = in_base(number, source), in_base(number, target)
    texts = [
        f"Write the base-{source} number ${shown}_{{{source}}}$ in base {target}.",
        f"Convert ${shown}$ from base {source} to base {target}.",
        f"A counter with {source} symbols per wheel shows {shown}. What would a counter with {target} "
        "symbols per wheel show for the same amount?",
    ]
    places = [
        f"{digit} · {source**power}"
        for digit, power in zip(shown, range(len(shown) - 1, -1, -1), strict=True)
    ]
    horner, value = [], 0
    for digit in shown:
        horner.append(f"{value} · {source} + {digit} = {value * source + int(digit)}")
        value = value * source + int(digit)
    lines, left = [], number
    while left:
        lines.append(f"{left} = {left // target} · {target} + {left % target}")
        left //= target
    divide = f"Now I divide by {target} again and again:\n" + "\n".join(lines)
    end = f"Reading the remainders from the bottom up gives {result} in base {target}."
    positional = (f"In decimal the number is {' + '.join(places)} = {number}.", divide, end)
    stepwise = (f"I build the decimal value digit by digit: {'; '.join(horner)}.", divide, end)
    back = " + ".join(
        f"{digit} · {target**power}"
        for digit, power in zip(result, range(len(result) - 1, -1, -1), strict=True)
    )
    check = f"Going back, {back} = {number}, the same amount."
    params = {"number": number, "source": source, "target": target}
    return Problem(
        "bases",
        params,
        rng.choice(texts),
        f"the numeral in base {target}",
        (positional, stepwise),
        check,
        result,
    )


def in_base(number: int, base: int) -> str:
    """Write `number` in a base up to ten."""
    digits = ""
    while number:
        digits, number = f"{number % base}{digits}", number // base
    return digits or "0"


def trailing_zeros(rng: Sampler) -> Problem:
    """Zeros at the end of a factorial."""
    n = rng.integer(26, 620)
    lines, power, counts = [], 5, []
    while power <= n:
        counts.append(n // power)
        lines.append(f"multiples of {power}: {n // power}")
        power *= 5
    total = sum(counts)
    texts = [
        f"With how many zeros does ${n}!$ end?",
        f"Find the largest integer $k$ such that $10^k$ divides $1 \\cdot 2 \\cdot 3 \\cdots {n}$.",
        f"How often can ${n}!$ be divided by ten before a remainder appears?",
    ]
    legendre = (
        f"Each zero needs a factor 2 and a factor 5, and in {n}! the fives are scarcer.",
        "Counting fives: " + "; ".join(lines) + ".",
        f"Together {' + '.join(map(str, counts))} = {total} factors 5, so there are {total} zeros.",
    )
    nested, left = [], n
    while left >= 5:
        nested.append(f"{left} divided by 5 gives {left // 5}")
        left //= 5
    repeated = (
        f"The number of zeros is the exponent of 5 in {n}!.",
        "I divide by 5 repeatedly and drop remainders: " + "; ".join(nested) + ".",
        f"The quotients add up to {total}.",
    )
    twos = sum(n >> shift for shift in range(1, 12))
    check = f"The exponent of 2 is {twos}, which is larger than {total}, so every five finds its partner."
    return Problem(
        "trailing_zeros",
        {"n": n},
        rng.choice(texts),
        "the number of zeros",
        (legendre, repeated),
        check,
        str(total),
    )


def digit_sums(rng: Sampler, *, low: int = 40, high: int = 110) -> Problem:
    """Count numbers up to a limit whose digit sum is divisible by k."""
    limit, k = rng.integer(low, high), rng.choice([4, 5, 7, 8, 11])
    found = [number for number in range(1, limit + 1) if digit_sum(number) % k == 0]
    texts = [
        f"For how many integers from $1$ to ${limit}$ is the sum of the decimal digits divisible by ${k}$?",
        f"A lottery uses the tickets 1 to {limit}. A ticket wins if {k} divides the sum of its digits. How "
        "many tickets win?",
        f"How many of the page numbers 1, 2, …, {limit} have a digit sum that is a multiple of {k}?",
    ]
    decades = []
    for start in range(0, limit + 1, 10):
        hits = [number for number in found if start <= number < start + 10]
        decades.append(f"{start} to {min(start + 9, limit)}: {', '.join(map(str, hits)) or 'none'}")
    walk = (
        f"I go through the numbers in tens and keep those whose digit sum is a multiple of {k}.",
        "\n".join(decades),
        f"Altogether these are {len(found)} numbers.",
    )
    sums = [(total, [number for number in found if digit_sum(number) == total]) for total in range(k, 30, k)]
    groups = [f"digit sum {total}: {', '.join(map(str, hits))} ({len(hits)})" for total, hits in sums if hits]
    by_sum = (
        f"I sort the numbers by their digit sum, which must be {k}, {2 * k} and so on.",
        "\n".join(groups),
        f"Adding up, {' + '.join(str(len(hits)) for _, hits in sums if hits)} = {len(found)}.",
    )
    check = (
        f"About every {k}th number should do it: {limit} / {k} is about {limit // k}, and {len(found)} is "
        "close to that."
    )
    if abs(len(found) - limit // k) > 3:
        check = (
            f"The first of them is {found[0]} and the last {found[-1]}; {found[-1]} has digit sum "
            f"{digit_sum(found[-1])}, a multiple of {k}."
        )
    return Problem(
        "digit_sums",
        {"limit": limit, "k": k},
        rng.choice(texts),
        "the number of such integers",
        (walk, by_sum),
        check,
        str(len(found)),
    )


def digit_sum(number: int) -> int:
    """Add the decimal digits."""
    return sum(int(digit) for digit in str(number))


KINDS: tuple[Callable[[Sampler], Problem], ...] = (bases, trailing_zeros, digit_sums)
