"""Answers of the embedded sample, recomputed in other ways than the generator's own."""

import contextlib
import io
import math
import re
from collections import Counter
from functools import cache
from itertools import combinations, islice, pairwise, permutations

import pytest

from tools.generate import clean
from tools.generate.novel import Gate


@pytest.fixture(scope="module")
def solutions(sound_rows):
    return sound_rows["math"]


@pytest.fixture(scope="module")
def exchanges(sound_rows):
    """Every question of the chat rows with its answer."""
    return [
        (one["value"], other["value"])
        for row in sound_rows["chat"]
        for one, other in pairwise(row["conversations"])
        if one["from"] == "human"
    ]


def test_solutions_end_with_the_expected_answer(solutions):
    """The boxed answer after the trace is the expected one."""
    assert len(solutions) > 2_400
    for row in solutions:
        assert re.findall(r"\\boxed\{(.*?)\}", row["generated_solution"]) == [row["expected_answer"]]


SUM = re.compile(
    r"(?:^|[:;,] |is |are |gives |get |= )"
    r"((?:\(?-?\d+\)?)(?: [-+·] \(?-?\d+\)?)+) = (-?\d+)(?!\d| [-+·/]|[.^]\d|[a-z/])",
    re.MULTILINE,
)
PYTHON = re.compile(r"```python\n(.*?)\n```", re.DOTALL)
PRINTED = re.compile(r"```text\n(.*?)\n```", re.DOTALL)


def test_sums_in_the_traces_are_right(solutions):
    """Every plain sum or product that a trace states is recomputed."""
    checked = 0
    for row in solutions:
        for left, right in SUM.findall(row["generated_solution"]):
            assert eval(left.replace("·", "*")) == int(right), row["generated_solution"]
            checked += 1
    assert checked > 8_000


def _run(code):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {})
    return out.getvalue().strip()


def test_programs_print_what_the_answer_says(exchanges):
    """Each Python program is run; its output is the one in the answer."""
    ran = 0
    for question, answer in exchanges:
        code = PYTHON.search(question) or PYTHON.search(answer)
        printed = PRINTED.search(answer)
        if code and printed:
            assert _run(code[1]) == printed[1]
            ran += 1
    assert ran > 150


def _steps(a, b, m, start, n):
    for _ in range(n):
        start = (a * start + b) % m
    return start


def _area(ax, ay, bx, by, cx, cy):
    corners = [(ax, ay), (bx, by), (cx, cy), (ax, ay)]
    return abs(sum(x * v - u * y for (x, y), (u, v) in pairwise(corners))) // 2


@cache
def _paths(right, up):
    return 1 if right == 0 or up == 0 else _paths(right - 1, up) + _paths(right, up - 1)


def _only(found):
    (one,) = found
    return one


def _digits(number, base):
    return ("" if number < base else _digits(number // base, base)) + str(number % base)


def _same_colour(r, b):
    pairs = list(combinations("r" * r + "b" * b, 2))
    same = sum(one == other for one, other in pairs)
    return (same + len(pairs)) // math.gcd(same, len(pairs))


def _orders(**letters):
    counts = Counter({name.removeprefix("letter_"): count for name, count in letters.items()})
    if counts.total() > 7:
        return math.factorial(counts.total()) // math.prod(map(math.factorial, counts.values()))
    return len(set(permutations(counts.elements())))


BRUTE_FORCE = {
    "linear_equation": lambda a, b, c, d: _only(x for x in range(-50, 51) if a * (x + b) == c * x + d),
    "linear_system": lambda a, b, c, d, e, f: _only(
        x * y for x in range(1, 30) for y in range(1, 30) if (a * x + b * y, c * x + d * y) == (e, f)
    ),
    "root_squares": lambda sum, product: _only(
        {r * r + (sum - r) ** 2 for r in range(-30, 31) if r * (sum - r) == product}
    ),
    "arithmetic_sum": lambda a, d, n: sum(a + d * k for k in range(n)),
    "geometric_sum": lambda a, r, n: sum(a * r**k for k in range(n)),
    "recurrence": _steps,
    "remainder": lambda a, b, c, d, k: a * k**3 + b * k**2 + c * k + d,
    "coins": lambda small, large, n, total: _only(
        many for many in range(n + 1) if many * large + (n - many) * small == total
    ),
    "gcd_lcm": lambda a, b: (
        max(g for g in range(1, a + 1) if a % g == b % g == 0)
        + next(m for m in range(a, a * b + 1, a) if m % b == 0)
    ),
    "power_mod": lambda a, n, m: a**n % m,
    "chinese_remainder": lambda m, n, r, s: next(x for x in range(1, m * n) if (x % m, x % n) == (r, s)),
    "divisors": lambda number: sum(
        1 if d * d == number else 2 for d in range(1, math.isqrt(number) + 1) if number % d == 0
    ),
    "bases": lambda number, source, target: _digits(number, target),
    "trailing_zeros": lambda n: len(str(math.factorial(n))) - len(str(math.factorial(n)).rstrip("0")),
    "digit_sums": lambda limit, k: sum(sum(map(int, str(x))) % k == 0 for x in range(1, limit + 1)),
    "multiples": lambda a, b, n: sum(x % a == 0 or x % b == 0 for x in range(1, n + 1)),
    "committee": lambda w, m, j, i: (
        len(list(combinations(range(w), j))) * len(list(combinations(range(m), i)))
    ),
    "urn": _same_colour,
    "dice": lambda s, t, k: sum(x + y >= k for x in range(1, s + 1) for y in range(1, t + 1)),
    "lattice_paths": lambda p, q, u, v: _paths(p, q) * _paths(u, v),
    "arrangements": _orders,
    "triangle_area": _area,
    "rectangle": lambda a, perimeter: _only(
        d for d in range(1, perimeter) if d * d == a * a + (perimeter // 2 - a) ** 2
    ),
    "box": lambda a, b, volume: 2 * (a * b + volume // b + volume // a),
    "meeting": lambda v, w, head, distance: _only(
        t for t in range(1, 100) if v * (t + head) + w * t == distance
    ),
    "work": lambda a, b: _only(t for t in range(1, a) if t * b + t * a == a * b),
    "mixture": lambda weak, strong, wanted, y: _only(
        x for x in range(1, 500) if weak * x + strong * y == wanted * (x + y)
    ),
    "ages": lambda total, ago, times: _only(
        x for x in range(1, total) if total - x - ago == times * (x - ago)
    ),
}
"""By kind of problem: the answer from its parameters, found by trying or by counting."""


@pytest.fixture(scope="module")
def problems():
    return [problem for _, problem in islice(clean.problems(Gate()), 600)]


def test_answers_are_those_of_brute_force(problems):
    """Every kind of problem has the answer that a search or count from its parameters finds."""
    for problem in problems:
        assert str(BRUTE_FORCE[problem.kind](**problem.params)) == problem.answer, problem.text
    assert {problem.kind for problem in problems} == set(BRUTE_FORCE)


STATED = {"gcd_lcm", "power_mod", "trailing_zeros", "digit_sums", "multiples", "divisors", "box", "ages"}


def test_problems_state_their_parameters(problems):
    """The text of a problem names the numbers that its answer was computed from."""
    for problem in problems:
        if problem.kind in STATED:
            assert {str(value) for value in problem.params.values()} <= set(re.findall(r"\d+", problem.text))


def test_committed_problems_are_those_of_the_generator(problems, solutions):
    """The problems checked here are the ones that lie in the files, with the same answers."""
    in_files = {row["problem"]: row["expected_answer"] for row in solutions}
    assert sum(in_files.get(problem.text) == problem.answer for problem in problems) > 550
    assert all(in_files.get(problem.text, problem.answer) == problem.answer for problem in problems)
