"""Problems of counting and probability: committees, urns, dice, paths, arrangements."""

import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

from tools.generate.sampler import Sampler, join_words
from tools.generate.tables import NAMES
from tools.generate.traces import Problem


def committee(rng: Sampler) -> Problem:
    """Committees with a fixed number of members from two groups."""
    w, m = rng.integer(4, 10), rng.integer(4, 10)
    j, i = rng.integer(1, 3), rng.integer(1, 3)
    one, two = rng.choice(_GROUPS)
    first, second = math.comb(w, j), math.comb(m, i)
    texts = [
        f"From {w} {one} and {m} {two} a committee of {j + i} people is formed that contains exactly {j} of "
        f"the {one}. In how many ways is that possible?",
        f"{rng.choice(NAMES)} invites {j} out of {w} {one} and {i} out of {m} {two}. How many different "
        "guest lists are there?",
        f"How many groups of {j + i} people can be chosen from {w} {one} and {m} {two} if the group must "
        f"include exactly {i} of the {two}?",
    ]
    product = (
        f"The {one} can be chosen in C({w}, {j}) = {first} ways.",
        f"Independently, the {two} can be chosen in C({m}, {i}) = {second} ways.",
        f"So there are {first} · {second} = {first * second} groups.",
    )
    ordered_one, ordered_two = math.perm(w, j), math.perm(m, i)
    ordered = (
        f"First I count ordered choices: {ordered_one} ways to call up {j} of {w} {one} one after the "
        f"other, and {ordered_two} ways for {i} of {m} {two}.",
        f"The order does not matter, so each choice was counted {j}! · {i}! = "
        f"{math.factorial(j) * math.factorial(i)} times.",
        f"That leaves {ordered_one} · {ordered_two} / {math.factorial(j) * math.factorial(i)} = "
        f"{first * second}.",
    )
    everything = math.comb(w + m, j + i)
    check = (
        f"Without the condition there would be C({w + m}, {j + i}) = {everything} groups, and "
        f"{first * second} is smaller, as it must be."
    )
    params = {"w": w, "m": m, "j": j, "i": i}
    return Problem(
        "committee",
        params,
        rng.choice(texts),
        "the number of groups",
        (product, ordered),
        check,
        str(first * second),
    )


_GROUPS = [
    ("teachers", "parents"),
    ("engineers", "designers"),
    ("sopranos", "tenors"),
    ("doctors", "nurses"),
    ("gardeners", "cooks"),
    ("goalkeepers", "strikers"),
]


def urn(rng: Sampler) -> Problem:
    """Two draws without replacement: probability of equal colours, as m + n of the reduced fraction."""
    r, b = rng.integer(2, 14), rng.integer(2, 14)
    red, blue = rng.sample(["red", "blue", "green", "white", "black", "yellow"], 2)
    n = r + b
    same = Fraction(r * (r - 1) + b * (b - 1), n * (n - 1))
    result = same.numerator + same.denominator
    end = "Written in lowest terms the probability is $\\frac{p}{q}$. Find $p + q$."
    thing = rng.choice(["balls", "socks", "marbles", "buttons", "beads"])
    texts = [
        f"A bag holds {r} {red} and {b} {blue} {thing}. Two {thing} are drawn at random without "
        f"replacement. What is the probability that they have the same colour? {end}",
        f"{rng.choice(NAMES)} takes two {thing} in the dark from a drawer with {b} {blue} and {r} {red} "
        f"ones. How likely is a pair of one colour? {end}",
        f"Out of {n} {thing}, {r} are {red} and the others are {blue}. Two are picked together. Consider "
        f"the event that both look alike. {end}",
    ]
    pairs = math.comb(n, 2)
    combine = (
        f"There are C({n}, 2) = {pairs} pairs in all.",
        f"Pairs of {red} {thing}: C({r}, 2) = {math.comb(r, 2)}. Pairs of {blue} {thing}: C({b}, 2) = "
        f"{math.comb(b, 2)}.",
        f"The probability is {math.comb(r, 2) + math.comb(b, 2)}/{pairs} = "
        f"{same.numerator}/{same.denominator}, so p + q = {result}.",
    )
    stepwise = (
        f"Both {red}: {r}/{n} · {r - 1}/{n - 1} = {r * (r - 1)}/{n * (n - 1)}.",
        f"Both {blue}: {b}/{n} · {b - 1}/{n - 1} = {b * (b - 1)}/{n * (n - 1)}.",
        f"The sum is {r * (r - 1) + b * (b - 1)}/{n * (n - 1)}, in lowest terms "
        f"{same.numerator}/{same.denominator}, and p + q = {result}.",
    )
    different = 1 - same
    check = (
        f"Different colours have probability 2 · {r} · {b}/({n} · {n - 1}) = {different}, and {same} + "
        f"{different} = 1."
    )
    return Problem(
        "urn",
        {"r": r, "b": b},
        rng.choice(texts),
        "the value of p + q",
        (combine, stepwise),
        check,
        str(result),
    )


def dice(rng: Sampler) -> Problem:
    """Ways to roll at least a sum with two unequal dice."""
    s, t = rng.choice([4, 6, 8, 10, 12]), rng.choice([6, 8, 10, 12, 20])
    k = rng.integer(5, s + t - 3)
    rows = [(x, max(1, k - x)) for x in range(1, s + 1)]
    counts = [max(0, t - least + 1) for _, least in rows]
    total = sum(counts)
    texts = [
        f"A die with faces 1 to {s} and a die with faces 1 to {t} are rolled. In how many of the {s * t} "
        f"outcomes is the sum at least {k}?",
        f"How many pairs $(x, y)$ of integers with $1 \\le x \\le {s}$ and $1 \\le y \\le {t}$ satisfy $x + "
        f"y \\ge {k}$?",
        f"{rng.choice(NAMES)} spins a wheel numbered 1 to {s} and another numbered 1 to {t} and wins if "
        f"the two numbers add up to {k} or more. How many of the possible results win?",
    ]
    lines = [
        f"x = {x}: y from {least} to {t}, {count} ways" if count else f"x = {x}: no y is large enough"
        for (x, least), count in zip(rows, counts, strict=True)
    ]
    direct = (
        f"I fix the first number x and count the second number y, which must be at least {k} - x.",
        "\n".join(lines),
        f"The sum is {' + '.join(map(str, counts))} = {total}.",
    )
    below = [min(t, max(0, k - 1 - x)) for x in range(1, s + 1)]
    complement = (
        f"I count the outcomes with a sum of at most {k - 1} and subtract them from {s} · {t} = {s * t}.",
        f"For x = 1, 2, …, {s} the number of small enough y is {', '.join(map(str, below))}.",
        f"These are {sum(below)} outcomes, so {s * t} - {sum(below)} = {total} remain.",
    )
    check = f"Winning and losing outcomes together: {total} + {sum(below)} = {s * t}."
    return Problem(
        "dice",
        {"s": s, "t": t, "k": k},
        rng.choice(texts),
        "the number of outcomes",
        (direct, complement),
        check,
        str(total),
    )


def lattice_paths(rng: Sampler) -> Problem:
    """Shortest paths on a grid through one crossing."""
    p, q, u, v = rng.integer(1, 5), rng.integer(1, 5), rng.integer(1, 4), rng.integer(1, 4)
    a, b = p + u, q + v
    one, two = math.comb(p + q, p), math.comb(u + v, u)
    place = rng.choice(["a bakery", "a fountain", "the library", "a bus stop", "the market", "a pharmacy"])
    texts = [
        f"How many paths lead from $(0, 0)$ to $({a}, {b})$ through $({p}, {q})$ if each step goes one unit "
        "right or one unit up?",
        f"In a town with a square street grid, {rng.choice(NAMES)} lives {a} blocks east and {b} blocks "
        f"north of school. On the way home, going only east and north, {place} must be passed, {p} blocks "
        f"east and {q} blocks north of school. How many routes are there?",
        f"A robot moves from the corner of a grid to the point {a} cells to the right and {b} cells up, "
        f"always right or up. It has to recharge at the point {p} to the right and {q} up. Count its "
        "possible routes.",
    ]
    product = (
        f"Up to the point in between there are {p} steps right and {q} up in some order: C({p + q}, {p}) = "
        f"{one}.",
        f"From there {u} steps right and {v} up remain: C({u + v}, {u}) = {two}.",
        f"Each first part can be joined with each second part: {one} · {two} = {one * two}.",
    )
    rows = ["; ".join(str(math.comb(x + y, x)) for x in range(p + 1)) for y in range(q + 1)]
    table = (
        "I fill in a table of path numbers: each entry is the sum of its left and its lower neighbour. Up "
        f"to ({p}, {q}) the rows are\n" + "\n".join(rows),
        f"So {one} paths reach the point in between. The same kind of table with {u} and {v} steps ends "
        f"with {two}.",
        f"The total is {one} · {two} = {one * two}.",
    )
    check = (
        f"All paths without the condition number C({a + b}, {a}) = {math.comb(a + b, a)}, and {one * two} "
        "is not more than that."
    )
    params = {"p": p, "q": q, "u": u, "v": v}
    return Problem(
        "lattice_paths",
        params,
        rng.choice(texts),
        "the number of routes",
        (product, table),
        check,
        str(one * two),
    )


def arrangements(rng: Sampler) -> Problem:
    """Words from the letters of a word with repeated letters; the letters are the parameter."""
    word = rng.choice(_WORDS)
    extra = "".join(rng.sample("BCDFGHKLMNPQRSTVWXZ", rng.integer(0, 1)))
    letters = word + extra
    counts = Counter(letters)
    repeated = {letter: count for letter, count in sorted(counts.items()) if count > 1}
    n, total = len(letters), math.factorial(len(letters))
    result = total // math.prod(math.factorial(count) for count in counts.values())
    tiles = join_words([f"{count} × {letter}" for letter, count in sorted(counts.items())])
    texts = [
        f"How many different arrangements do the letters of {letters} have?",
        f"{rng.choice(NAMES)} lays {n} letter tiles in a row, namely {tiles}. How many different rows are "
        "possible?",
        f"In how many distinguishable orders can the letters {', '.join(letters)} be written?",
    ]
    divide = (
        f"There are {n} letters, so {n}! = {total} orders if all were different.",
        "Repeated letters are "
        f"{join_words([f'{letter} ({count} times)' for letter, count in repeated.items()])}, and swapping equal "
        "letters changes nothing.",
        f"So I divide: {total} / ({' · '.join(f'{count}!' for count in repeated.values())}) = {result}.",
    )
    lines, free, running = [], n, 1
    for letter, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        running *= math.comb(free, count)
        lines.append(f"{letter}: C({free}, {count}) = {math.comb(free, count)}")
        free -= count
    place = (
        f"I choose the places for one letter after the other among the {n} positions.",
        "\n".join(lines),
        f"The product of these numbers is {running}.",
    )
    check = f"Multiplying back, {result} · {total // result} = {total} = {n}!."
    params = {f"letter_{letter}": count for letter, count in sorted(counts.items())}
    return Problem(
        "arrangements",
        params,
        rng.choice(texts),
        "the number of arrangements",
        (divide, place),
        check,
        str(result),
    )


_WORDS = [
    "LETTER",
    "PEPPER",
    "BANANA",
    "COFFEE",
    "BALLOON",
    "SUCCESS",
    "GRASSES",
    "TOMATO",
    "POTATO",
    "KITTEN",
    "RABBIT",
    "SUMMER",
    "BUTTER",
    "CARROT",
    "BOTTLE",
    "PUDDLE",
    "COOKIE",
    "CANDELA",
    "MINIMUM",
    "ASSESS",
    "LEVEL",
    "RADAR",
    "PAPAYA",
    "AVOCADO",
    "ALFALFA",
    "PARALLEL",
    "TATTOO",
    "VOODOO",
]


KINDS: tuple[Callable[[Sampler], Problem], ...] = (committee, urn, dice, lattice_paths, arrangements)
