"""Values of expressions as floating point numbers, to tell apart those with functions such as sin."""

import cmath
from collections.abc import Callable, Mapping
from fractions import Fraction
from hashlib import blake2b

from thinkmix.curation.answers.expression import Tree

POINTS = 3

_OPERATIONS: Mapping[str, Callable[..., complex]] = {
    "+": lambda *terms: sum(terms),
    "*": lambda left, right: left * right,
    "/": lambda upper, lower: upper / lower,
    "^": lambda base, power: complex(base**power),
    "root": lambda of, degree: complex(of ** (1 / degree)),
    "sin": cmath.sin,
    "cos": cmath.cos,
    "tan": cmath.tan,
    "cot": lambda of: 1 / cmath.tan(of),
    "sec": lambda of: 1 / cmath.cos(of),
    "csc": lambda of: 1 / cmath.sin(of),
    "log": cmath.log,
    "exp": cmath.exp,
    "sinh": cmath.sinh,
    "cosh": cmath.cosh,
    "tanh": cmath.tanh,
    "asin": cmath.asin,
    "acos": cmath.acos,
    "atan": cmath.atan,
    "abs": lambda of: complex(abs(of)),
}
_CONSTANTS = {"pi": cmath.pi, "e": cmath.e, "E": cmath.e, "i": 1j}


def values_of(tree: Tree) -> list[complex] | None:
    """Return the values of an expression where its variables are between 0.2 and 0.9; None without one."""
    try:
        values = [_value(tree, point) for point in range(POINTS)]
    except (ArithmeticError, ValueError, KeyError):
        return None
    return values if all(map(cmath.isfinite, values)) else None


def _value(tree: Tree, point: int) -> complex:
    if isinstance(tree, Fraction):
        return complex(float(tree))
    if isinstance(tree, str):
        return complex(_CONSTANTS.get(tree) or _variable(tree, 0 if tree == "C" else point))
    name, parts = tree
    return _OPERATIONS[name](*(_value(part, point) for part in parts))


def _variable(name: str, point: int) -> float:
    digest = blake2b(f"{point}:{name}".encode(), digest_size=8).digest()
    return 0.2 + 0.7 * int.from_bytes(digest, "big") / 2**64
