"""Problems of number theory: divisors, remainders, bases, digits."""

import math
from collections.abc import Callable

from tools.generate.sampler import Sampler, join_words
from tools.generate.tables import NAMES
from tools.generate.traces import Problem


def factorise(number: int) -> dict[int, int]:
    """Return prime → exponent."""
    found: dict[int, int] = {}
    prime = 2
    while number > 1:
        while number % prime == 0:
            found[prime] = found.get(prime, 0) + 1
            number //= prime
        prime += 1
    return found


def powers(factors: dict[int, int]) -> str:
    """Write a factorisation: 2^3 · 5."""
    return (
        " · ".join(
            f"{prime}^{power}" if power > 1 else str(prime) for prime, power in sorted(factors.items())
        )
        or "1"
    )


def gcd_lcm(rng: Sampler) -> Problem:
    """Greatest common divisor plus least common multiple."""
    base = rng.integer(2, 14)
    a, b = base * rng.integer(2, 24), base * rng.integer(2, 24)
    if a == b:
        b += base
    g, m = math.gcd(a, b), math.lcm(a, b)
    name, other = rng.sample(NAMES, 2)
    texts = [
        f"Find the sum of the greatest common divisor and the least common multiple of ${a}$ and ${b}$.",
        f"Let $g = \\gcd({a}, {b})$ and $m = \\operatorname{{lcm}}({a}, {b})$. Compute $g + m$.",
        f"{name} writes the largest number that divides both {a} and {b}; {other} writes the smallest "
        "positive number that both divide. What is the sum of the two numbers?",
    ]
    lines, x, y = [], max(a, b), min(a, b)
    while y:
        lines.append(f"{x} = {x // y} · {y} + {x % y}")
        x, y = y, x % y
    euclid = (
        "I use Euclid's algorithm for the divisor:\n" + "\n".join(lines),
        f"The last remainder that is not zero is {g}, so the gcd is {g}.",
        f"The lcm is {a} · {b} / {g} = {a * b} / {g} = {m}.",
        f"The sum is {g} + {m} = {g + m}.",
    )
    factor = (
        f"Factorising: {a} = {powers(factorise(a))} and {b} = {powers(factorise(b))}.",
        f"Taking the smaller exponents gives the gcd {_worked(g)}.",
        f"Taking the larger exponents gives the lcm {_worked(m)}.",
        f"Together: {g} + {m} = {g + m}.",
    )
    check = (
        f"gcd times lcm must equal the product of the numbers: {g} · {m} = {g * m} and {a} · {b} = {a * b}."
    )
    return Problem(
        "gcd_lcm",
        {"a": a, "b": b},
        rng.choice(texts),
        "the sum of gcd and lcm",
        (euclid, factor),
        check,
        str(g + m),
    )


def _worked(number: int) -> str:
    shown = powers(factorise(number))
    return shown if shown == str(number) else f"{shown} = {number}"


def power_mod(rng: Sampler) -> Problem:
    """Remainder of a large power."""
    a, n, m = rng.integer(2, 19), rng.integer(15, 250), rng.integer(7, 41)
    result = pow(a, n, m)
    texts = [
        f"What is the remainder when ${a}^{{{n}}}$ is divided by ${m}$?",
        f"Compute ${a}^{{{n}}} \\bmod {m}$.",
        f"Find the integer $r$ with $0 \\le r < {m}$ and ${a}^{{{n}}} \\equiv r \\pmod{{{m}}}$.",
    ]
    squares, exponent, value = [f"{a}^1 ≡ {a % m}"], 1, a % m
    while 2 * exponent <= n:
        squares.append(f"{a}^{2 * exponent} ≡ {value}² = {value * value} ≡ {value * value % m}")
        exponent, value = 2 * exponent, value * value % m
    parts = [1 << bit for bit in range(n.bit_length()) if n >> bit & 1]
    product, running = [], 1
    for part in parts:
        before, running = running, running * pow(a, part, m) % m
        product.append(f"{before} · {pow(a, part, m)} = {before * pow(a, part, m)} ≡ {running}")
    square = (
        f"I square repeatedly modulo {m}:\n" + "\n".join(squares),
        f"In binary the exponent is {n} = {' + '.join(map(str, parts))}.",
        "Multiplying the matching powers: " + "; ".join(product) + f". The remainder is {result}.",
    )
    seen: list[int] = []
    while (last := pow(a, len(seen) + 1, m)) not in seen:
        seen.append(last)
    first = seen.index(last) + 1
    period = len(seen) + 1 - first
    same = first + (n - first) % period if n >= first else n
    cycle = (
        f"I write down the powers of {a} modulo {m} until one repeats: {', '.join(map(str, seen))}, and "
        f"then {last} again.",
        f"From exponent {first} on the remainders repeat with period {period}.",
        f"The exponent {n} falls on the same place as {same}, so the remainder is {pow(a, same, m)}.",
    )
    check = (
        f"Splitting the exponent as {n // 2} + {n - n // 2}: the two remainders are {pow(a, n // 2, m)} and "
        f"{pow(a, n - n // 2, m)}, and their product {pow(a, n // 2, m) * pow(a, n - n // 2, m)} leaves "
        f"{result}."
    )
    return Problem(
        "power_mod",
        {"a": a, "n": n, "m": m},
        rng.choice(texts),
        "the remainder",
        (square, cycle),
        check,
        str(result),
    )


def chinese_remainder(rng: Sampler) -> Problem:
    """Smallest positive number with two given remainders."""
    m = rng.integer(5, 19)
    n = rng.choice([value for value in range(6, 26) if math.gcd(value, m) == 1 and value != m])
    x = rng.integer(max(m, n) + 1, m * n - 1)
    r, s = x % m, x % n
    thing, group = rng.choice(
        [("marbles", "bags"), ("books", "boxes"), ("eggs", "trays"), ("stamps", "pages"), ("tiles", "rows")]
    )
    name = rng.choice(NAMES)
    texts = [
        f"Find the smallest positive integer that leaves remainder {r} when divided by {m} and remainder "
        f"{s} when divided by {n}.",
        f"{name} has fewer than {m * n} {thing}. Put into {group} of {m}, {r} are left over; put into "
        f"{group} of {n}, {s} are left over. How many {thing} are there?",
        f"Let $x$ be the least positive integer with $x \\equiv {r} \\pmod{{{m}}}$ and $x \\equiv {s} "
        f"\\pmod{{{n}}}$. What is $x$?",
    ]
    k = (x - s) // n
    tried = ", ".join(f"{s + n * j} (remainder {(s + n * j) % m})" for j in range(k + 1))
    search = (
        f"Numbers with remainder {s} modulo {n} are {s}, {s + n}, {s + 2 * n} and so on. I check their "
        f"remainders modulo {m}.",
        f"One after the other: {tried}.",
        f"The first with remainder {r} is {x}.",
    )
    inverse = pow(n, -1, m)
    solve = (
        f"Write x = {s} + {n}k. Modulo {m} this says {n}k ≡ {r} - {s} = {r - s}, that is, {n % m}k ≡ "
        f"{(r - s) % m} (mod {m}).",
        f"The inverse of {n % m} modulo {m} is {inverse}, because {n % m} · {inverse} = {n % m * inverse} ≡ "
        "1.",
        f"So k ≡ {inverse} · {(r - s) % m} = {inverse * ((r - s) % m)} ≡ {k} (mod {m}).",
        f"The smallest choice is k = {k}, which gives x = {s} + {n} · {k} = {x}.",
    )
    check = (
        f"{x} = {x // m} · {m} + {r} and {x} = {x // n} · {n} + {s}; solutions repeat every {m * n}, so no "
        "smaller positive one exists."
    )
    params = {"m": m, "n": n, "r": r, "s": s}
    return Problem(
        "chinese_remainder",
        params,
        rng.choice(texts),
        "the smallest such number",
        (search, solve),
        check,
        str(x),
    )


def divisors(rng: Sampler) -> Problem:
    """Number of positive divisors."""
    exponents = {
        2: rng.integer(1, 5),
        3: rng.integer(0, 3),
        5: rng.integer(0, 2),
        7: rng.integer(0, 2),
        11: rng.integer(0, 1),
    }
    factors = {prime: power for prime, power in exponents.items() if power}
    number = math.prod(prime**power for prime, power in factors.items())
    count = math.prod(power + 1 for power in factors.values())
    name = rng.choice(NAMES)
    texts = [
        f"How many positive divisors does ${number}$ have?",
        f"In how many ways can {name} split {number} beads into equal piles, if one single pile and "
        f"{number} piles of one bead count as well?",
        f"For how many positive integers $d$ is $\\frac{{{number}}}{{d}}$ an integer?",
    ]
    odd = number >> factors[2]
    odd_count = count // (factors[2] + 1)
    formula = (
        f"The prime factorisation is {number} = {powers(factors)}.",
        "A divisor uses each prime with an exponent from 0 up to the one in the factorisation.",
        f"So there are {' · '.join(f'({power} + 1)' for power in factors.values())} = {count} divisors.",
    )
    halves = (
        f"I take out the powers of two first: {number} = 2^{factors[2]} · {odd}.",
        f"The odd part {odd} has the divisors "
        f"{', '.join(str(d) for d in range(1, odd + 1) if odd % d == 0)}: {odd_count} of them."
        if odd < 4000
        else f"The odd part {odd} = {powers(factorise(odd))} has {odd_count} divisors.",
        f"Each can be multiplied by 2^0 up to 2^{factors[2]}, which is {factors[2] + 1} choices: "
        f"{odd_count} · {factors[2] + 1} = {count}.",
    )
    root = math.isqrt(number)
    small = sum(number % d == 0 for d in range(1, root + 1))
    check = f"Divisors come in pairs d and {number}/d. Up to √{number} (about {root}) there are {small}, " + (
        f"and the root itself is one of them, so 2 · {small} - 1 = {count}."
        if root * root == number
        else f"so 2 · {small} = {count}."
    )
    return Problem(
        "divisors",
        {"number": number},
        rng.choice(texts),
        "the number of divisors",
        (formula, halves),
        check,
        str(count),
    )


def multiples(rng: Sampler) -> Problem:
    """Numbers up to n that are divisible by a or b."""
    a = rng.choice([4, 6, 8, 9, 10, 12, 14, 15])
    b = rng.choice([value for value in range(3, 16) if value % a and a % value])
    n = rng.integer(60, 900)
    both = math.lcm(a, b)
    count = n // a + n // b - n // both
    texts = [
        f"How many of the integers from $1$ to ${n}$ are divisible by ${a}$ or by ${b}$ (or by both)?",
        f"Lamps are numbered 1 to {n}. {rng.choice(NAMES)} switches on every lamp whose number is a "
        f"multiple of {a} and every lamp whose number is a multiple of {b}. How many lamps are on?",
        f"Let $S$ be the set of positive integers up to ${n}$ that are multiples of ${b}$ or of ${a}$. How "
        "many elements has $S$?",
    ]
    include = (
        f"There are {n // a} multiples of {a} and {n // b} multiples of {b} up to {n}.",
        f"Multiples of both are multiples of lcm({a}, {b}) = {both}; there are {n // both}.",
        f"By inclusion and exclusion the count is {n // a} + {n // b} - {n // both} = {count}.",
    )
    separate = (
        f"I count three separate groups. Multiples of both numbers are multiples of {both}: {n // both}.",
        f"Multiples of {a} only: {n // a} - {n // both} = {n // a - n // both}. Multiples of {b} only: "
        f"{n // b} - {n // both} = {n // b - n // both}.",
        f"Together {n // both} + {n // a - n // both} + {n // b - n // both} = {count}.",
    )
    check = (
        f"The integers that are left out number {n} - {count} = {n - count}; both counts are below {n}, and "
        f"{join_words([f'{n // a} multiples of {a}', f'{n // b} of {b}'])} overlap only in the {n // both} "
        "common ones."
    )
    params = {"a": a, "b": b, "n": n}
    return Problem(
        "multiples",
        params,
        rng.choice(texts),
        "the size of the union",
        (include, separate),
        check,
        str(count),
    )


KINDS: tuple[Callable[[Sampler], Problem], ...] = (
    gcd_lcm,
    power_mod,
    chinese_remainder,
    divisors,
    multiples,
)
