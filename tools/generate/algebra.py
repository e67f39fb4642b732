"""Problems of algebra: equations, systems, roots, progressions, recurrences, polynomials."""

from collections.abc import Callable
from itertools import pairwise

from tools.generate.sampler import Sampler, join_words
from tools.generate.tables import NAMES
from tools.generate.traces import Problem


def signed_term(value: int, what: str = "") -> str:
    """Write a term with its sign for use after another term: `+ 3x`, `- 5`."""
    return f"{'-' if value < 0 else '+'} {term(abs(value), what) if what else abs(value)}"


def term(value: int, what: str) -> str:
    """Write a leading term: `x`, `-x`, `3x`."""
    return {1: what, -1: f"-{what}"}.get(value, f"{value}{what}")


def linear_equation(rng: Sampler) -> Problem:
    """a(x + b) = cx + d with an integer solution."""
    a, b, x = rng.integer(3, 12), rng.integer(2, 15), rng.integer(-12, 20)
    c = rng.choice([value for value in range(-6, 12) if value not in (a, 0)])
    d = a * (x + b) - c * x
    left, right = f"{a}(x + {b})", f"{term(c, 'x')} {signed_term(d)}"
    texts = [
        f"Solve for $x$: ${left} = {right}$.",
        f"For which number $x$ do the expressions ${left}$ and ${right}$ have the same value?",
        f"The equation ${left} = {right}$ has exactly one solution. Find it.",
        f"Determine the real number $x$ that satisfies ${right} = {left}$.",
    ]
    expand = (
        f"Expanding the bracket gives {a}x + {a * b} = {right}.",
        f"Bringing the terms with x to the left and the numbers to the right: ({a} - ({c}))x = {d} - "
        f"{a * b}, that is, {term(a - c, 'x')} = {d - a * b}.",
        f"Dividing by {a - c} gives x = {x}.",
    )
    shift = (
        f"Let y = x + {b}, so x = y - {b}. The equation becomes {a}y = {c}(y - {b}) {signed_term(d)}.",
        f"The right side is {term(c, 'y')} {signed_term(d - b * c)}, so ({a} - ({c}))y = {d - b * c}, that is, y "
        f"= {x + b}.",
        f"Going back, x = {x + b} - {b} = {x}.",
    )
    check = (
        f"With x = {x} the left side is {a} · {x + b} = {a * (x + b)} and the right side is {c} · ({x}) "
        f"{signed_term(d)} = {c * x + d}."
    )
    params = {"a": a, "b": b, "c": c, "d": d}
    return Problem(
        "linear_equation", params, rng.choice(texts), "the solution x", (expand, shift), check, str(x)
    )


def linear_system(rng: Sampler) -> Problem:
    """Two equations in two unknowns; the product of both is sought."""
    x, y = rng.integer(2, 15), rng.integer(2, 15)
    a, b, c, d = rng.integer(1, 7), rng.integer(1, 7), rng.integer(1, 7), rng.integer(-6, -1)
    e, f = a * x + b * y, c * x + d * y
    det = a * d - b * c
    one, two = f"{term(a, 'x')} {signed_term(b, 'y')} = {e}", f"{term(c, 'x')} {signed_term(d, 'y')} = {f}"
    texts = [
        f"If ${one}$ and ${two}$, what is the value of $xy$?",
        f"The numbers $x$ and $y$ satisfy the system $${one},$$ $${two}.$$ Compute the product $xy$.",
        f"Two lines have the equations ${two}$ and ${one}$. They meet at $(x, y)$. Find $x \\cdot y$.",
    ]
    eliminate = (
        f"Multiply the first equation by {c} and the second by {a}, so that both start with {a * c}x: "
        f"{a * c}x {signed_term(b * c, 'y')} = {e * c} and {a * c}x {signed_term(a * d, 'y')} = {a * f}.",
        f"Subtracting the second from the first leaves {b * c - a * d}y = {e * c - a * f}, so y = {y}.",
        f"From the first equation {term(a, 'x')} = {e} - {b} · {y} = {e - b * y}, so x = {x}.",
        f"The product is {x} · {y} = {x * y}.",
    )
    cramer = (
        f"The determinant of the system is {a} · ({d}) - {b} · {c} = {det}, which is not zero.",
        f"By Cramer's rule x = ({e} · ({d}) - {b} · ({f})) / ({det}) = {e * d - b * f} / ({det}) = {x}.",
        f"In the same way y = ({a} · ({f}) - {c} · {e}) / ({det}) = {a * f - c * e} / ({det}) = {y}.",
        f"Hence xy = {x} · {y} = {x * y}.",
    )
    check = f"{a} · {x} + {b} · {y} = {e} and {c} · {x} - {-d} · {y} = {f}, as required."
    params = {"a": a, "b": b, "c": c, "d": d, "e": e, "f": f}
    return Problem(
        "linear_system", params, rng.choice(texts), "the product xy", (eliminate, cramer), check, str(x * y)
    )


def root_squares(rng: Sampler) -> Problem:
    """Sum of the squares of the roots of a quadratic with integer roots."""
    s = rng.integer(1, 14)
    r = rng.choice([root for root in range(-14, 15) if root not in (0, s)])
    total, product = r + s, r * s
    middle = "" if total == 0 else f" {signed_term(-total, 'x')}"
    equation = f"x^2{middle} {signed_term(product)} = 0"
    result = r * r + s * s
    texts = [
        f"Let $r$ and $s$ be the roots of ${equation}$. Find $r^2 + s^2$.",
        f"What is the sum of the squares of the two solutions of ${equation}$?",
        f"The quadratic equation ${equation}$ has two real roots. Square both and add the squares. What do "
        "you get?",
    ]
    vieta = (
        f"By Vieta the sum of the roots is {total} and their product is {product}.",
        f"Since r² + s² = (r + s)² - 2rs, the sum of squares is {total * total} - 2 · ({product}).",
        f"That is {total * total} {signed_term(-2 * product)} = {result}.",
    )
    factor = (
        f"I look for two numbers with sum {total} and product {product}: {r} and {s} do it.",
        f"So the equation is (x - ({r}))(x - {s}) = 0 and its roots are {r} and {s}.",
        f"Their squares are {r * r} and {s * s}, which add up to {result}.",
    )
    check = (
        f"The roots {r} and {s} really have the sum {total} and the product {product}, and {r * r} + "
        f"{s * s} = {result}."
    )
    params = {"sum": total, "product": product}
    return Problem(
        "root_squares", params, rng.choice(texts), "the sum of squares", (vieta, factor), check, str(result)
    )


def arithmetic_sum(rng: Sampler) -> Problem:
    """Sum of an arithmetic progression."""
    a, d, n = rng.integer(1, 40), rng.integer(2, 15), rng.integer(8, 45)
    last = a + (n - 1) * d
    total = n * (a + last) // 2
    name = rng.choice(NAMES)
    texts = [
        f"What is the sum of the first {n} terms of the arithmetic sequence ${a}, {a + d}, {a + 2 * d}, "
        "\\ldots$?",
        f"{name} saves ${a}$ coins in the first week and in every following week ${d}$ coins more than in "
        f"the week before. How many coins are saved after {n} weeks?",
        f"A hall has {n} rows of seats. The front row has {a} seats and each row behind has {d} seats more "
        "than the one before. How many seats does the hall have?",
        f"Compute ${a} + {a + d} + {a + 2 * d} + \\cdots + {last}$, where neighbouring terms differ by "
        f"${d}$.",
    ]
    formula = (
        f"The terms form an arithmetic progression with first term {a}, difference {d} and {n} terms.",
        f"The last term is {a} + {n - 1} · {d} = {last}.",
        f"The sum is the number of terms times the mean of first and last: {n} · ({a} + {last}) / 2 = "
        f"{total}.",
    )
    split = (
        f"Each of the {n} terms contains {a}, and on top of that come 0, 1, 2, …, {n - 1} times {d}.",
        f"The first part is {n} · {a} = {n * a}.",
        f"The second part is {d} · {n - 1} · {n} / 2 = {d * n * (n - 1) // 2}.",
        f"Together that makes {n * a} + {d * n * (n - 1) // 2} = {total}.",
    )
    check = f"Twice the sum should be {n} · {a + last} = {n * (a + last)}, and 2 · {total} = {2 * total}."
    params = {"a": a, "d": d, "n": n}
    return Problem(
        "arithmetic_sum", params, rng.choice(texts), "the total", (formula, split), check, str(total)
    )


def geometric_sum(rng: Sampler) -> Problem:
    """Sum of a geometric progression."""
    a, r, n = rng.integer(2, 19), rng.choice([2, 3, 4, 5]), rng.integer(4, 8)
    terms = [a * r**k for k in range(n)]
    total = sum(terms)
    thing = rng.choice(["bacteria", "shares of a rumour", "views", "seeds", "copies"])
    texts = [
        f"Find the sum of the first {n} terms of the geometric sequence that starts with ${a}, {a * r}, "
        f"{a * r * r}$.",
        f"On day 1 there are {a} new {thing}; on each later day there are {r} times as many new ones as on "
        f"the day before. How many have appeared in total by the end of day {n}?",
        f"Evaluate ${a} + {a} \\cdot {r} + {a} \\cdot {r}^2 + \\cdots + {a} \\cdot {r}^{{{n - 1}}}$.",
    ]
    formula = (
        f"This is a geometric series with first term {a}, ratio {r} and {n} terms.",
        f"Its sum is {a} · ({r}^{n} - 1) / ({r} - 1), and {r}^{n} = {r**n}.",
        f"So I get {a} · {r**n - 1} / {r - 1} = {total}.",
    )
    add = (
        f"There are only {n} terms, so I can list them: {', '.join(map(str, terms))}.",
        "Adding from the left, the partial sums are "
        f"{', '.join(str(sum(terms[: k + 1])) for k in range(n))}.",
        f"The last partial sum is {total}.",
    )
    check = (
        f"Multiplying the sum by {r} and subtracting the sum must give {a} · {r**n} - {a} = {a * r**n - a}; "
        f"indeed {r - 1} · {total} = {(r - 1) * total}."
    )
    params = {"a": a, "r": r, "n": n}
    return Problem("geometric_sum", params, rng.choice(texts), "the sum", (formula, add), check, str(total))


def recurrence(rng: Sampler, *, low: int = 7, high: int = 14) -> Problem:
    """A term of x → (ax + b) mod m, computed one after the other."""
    n = rng.integer(low, high)
    while True:
        a, b, m = rng.integer(2, 9), rng.integer(1, 30), rng.integer(31, 97)
        values = [rng.integer(1, 30)]
        while len(values) <= n:
            values.append((a * values[-1] + b) % m)
        if len(set(values)) >= min(n, 12):
            break
    start = values[0]
    texts = [
        f"A sequence starts with $x_0 = {start}$, and $x_{{k+1}}$ is the remainder of ${a}x_k + {b}$ on "
        f"division by ${m}$. Find $x_{{{n}}}$.",
        f"A machine shows {start}. At every beep it multiplies the number on its display by {a}, adds {b}, "
        f"divides by {m} and shows the remainder. What does it show after {n} beeps?",
        f"Let $f(x)$ be the remainder of ${a}x + {b}$ modulo ${m}$. What is the result of applying $f$ "
        f"exactly {n} times to ${start}$?",
    ]
    lines = []
    for k, (value, result) in enumerate(pairwise(values), start=1):
        raw = a * value + b
        lines.append(f"x_{k}: {a} · {value} + {b} = {raw}, and {raw} - {raw // m} · {m} = {result}.")
    steps = (
        f"There is no shortcut that I trust more than doing the {n} steps, starting with {start}.",
        "\n".join(lines),
        f"The last value is {values[-1]}.",
    )
    table = (
        f"I keep a list of the values modulo {m} and extend it {n} times.",
        "\n".join(lines),
        f"As a list: {', '.join(map(str, values))}. The entry with index {n} is {values[-1]}.",
    )
    check = (
        f"All values are below {m}, and the last step repeats correctly: {a} · {values[-2]} + {b} = "
        f"{a * values[-2] + b}, remainder {values[-1]}."
    )
    params = {"a": a, "b": b, "m": m, "start": start, "n": n}
    ask = f"the value after {n} steps"
    return Problem("recurrence", params, rng.choice(texts), ask, (steps, table), check, str(values[-1]))


def long_recurrence(rng: Sampler) -> Problem:
    """The same with so many steps that the trace grows long."""
    return recurrence(rng, low=25, high=48)


def remainder(rng: Sampler) -> Problem:
    """Remainder of a cubic on division by x - k."""
    a, b, c, d = rng.integer(1, 6), rng.integer(-9, 9), rng.integer(1, 12), rng.integer(-20, 20)
    k = rng.choice([-3, -2, 2, 3, 4])
    value = a * k**3 + b * k**2 + c * k + d
    cubic = " ".join(
        [
            term(a, "x^3"),
            *([signed_term(b, "x^2")] if b else []),
            signed_term(c, "x"),
            *([signed_term(d)] if d else []),
        ]
    )
    divisor = f"x {signed_term(-k)}"
    texts = [
        f"What is the remainder when ${cubic}$ is divided by ${divisor}$?",
        f"Dividing the polynomial ${cubic}$ by ${divisor}$ leaves a constant. Which one?",
        f"Find the number $c$ for which ${cubic} - c$ is divisible by ${divisor}$ as a polynomial.",
    ]
    theorem = (
        f"By the remainder theorem I only have to insert x = {k}.",
        f"The powers are ({k})² = {k * k} and ({k})³ = {k**3}.",
        f"So the value is {a} · ({k**3}) + ({b}) · {k * k} + {c} · ({k}) + ({d}) = {a * k**3} "
        f"{signed_term(b * k * k)} {signed_term(c * k)} {signed_term(d)} = {value}.",
    )
    second, third = b + a * k, c + (b + a * k) * k
    horner = (
        f"Synthetic division with {k}: bring down {a}.",
        f"Multiply by {k} and add {b}: {second}. Multiply by {k} and add {c}: {third}.",
        f"Multiply by {k} once more and add {d}: {third} · ({k}) {signed_term(d)} = {value}. This is the "
        "remainder.",
    )
    check = (
        f"The quotient has the coefficients {a}, {second}, {third}; its constant term times {-k} plus the "
        f"remainder is {third * -k} {signed_term(value)} = {d}, the constant of the cubic."
    )
    params = {"a": a, "b": b, "c": c, "d": d, "k": k}
    return Problem(
        "remainder", params, rng.choice(texts), "the remainder", (theorem, horner), check, str(value)
    )


def coins(rng: Sampler) -> Problem:
    """Count two kinds of coins from number and value."""
    small, large = rng.choice([(5, 10), (5, 20), (10, 50), (20, 50), (5, 50), (10, 20)])
    few, many = rng.integer(4, 30), rng.integer(4, 30)
    n, total = few + many, small * few + large * many
    name, other = rng.sample(NAMES, 2)
    texts = [
        f"{name} has {n} coins worth {total} cents in all. Every coin is worth either {small} or {large} "
        f"cents. How many {large}-cent coins are there?",
        f"A box with nothing but {small}-cent and {large}-cent coins holds {n} coins with a total value of "
        f"{total} cents. {other} takes out all {large}-cent coins. How many is that?",
    ]
    suppose = (
        f"Suppose all {n} coins were worth {small} cents. Then the value would be {small * n} cents.",
        f"The real value is {total - small * n} cents higher, and each {large}-cent coin contributes "
        f"{large - small} cents of that.",
        f"So there are {total - small * n} / {large - small} = {many} coins of {large} cents.",
    )
    unknown = (
        f"Let x be the number of {large}-cent coins; then {n} - x coins are worth {small} cents.",
        f"The value is {large}x + {small}({n} - x) = {total}, so {large - small}x = {total} - {small * n} = "
        f"{total - small * n}.",
        f"Hence x = {many}.",
    )
    check = (
        f"{many} · {large} + {few} · {small} = {many * large} + {few * small} = {total}, and "
        f"{join_words([str(many), str(few)])} make {n}."
    )
    params = {"small": small, "large": large, "n": n, "total": total}
    return Problem(
        "coins",
        params,
        rng.choice(texts),
        f"the number of {large}-cent coins",
        (suppose, unknown),
        check,
        str(many),
    )


KINDS: tuple[Callable[[Sampler], Problem], ...] = (
    linear_equation,
    linear_system,
    root_squares,
    arithmetic_sum,
    geometric_sum,
    recurrence,
    long_recurrence,
    remainder,
    coins,
)
