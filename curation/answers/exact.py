r"""Whether two expressions are equal, decided exactly but for a chance of less than 1 in 2^100.

Values are those in a field of p elements, where each variable has a fixed random value: rational functions
that differ have one value there with a chance of their degree over p (Schwartz and Zippel). p is 1 modulo 8
and modulo all odd primes up to 97, so that -1 and these primes have square roots: radicals and `i` are in the
field, too. Functions such as sin are named by the value of their argument: equal values still mean equal
expressions, but different ones may be equal by an identity, and are inexact.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from thinkmix.curation.answers.expression import Tree

_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
MODULUS = 46111359278910368495062042946635121401
_ODD, _TWOS = (MODULUS - 1) >> 3, 3
_POWER = 64
"""Up to this exponent a rational number stays one, so that its roots can be taken."""
_FACTORIAL = 170
_SAME = {"E": "e"}
_CONSTANTS = ("C", "pi", "e")
"""Names whose value is the same for every shift."""


class Value(NamedTuple):
    """An expression's value in the field."""

    number: int
    exact: bool
    """Whether another number means another expression."""


class _Inexact(Exception):
    pass


class _Value(NamedTuple):
    number: int
    rational: Fraction | None = None
    """The number itself, where it is one that is known."""


@lru_cache(maxsize=8192)
def value_of(tree: Tree, shift: int = 0) -> Value | None:
    """Return the value of an expression; None where it has none, as 1/0.

    Args:
        tree: the expression.
        shift: another number gives all variables but `C` other values.
    """
    field = _Field(shift)
    try:
        return Value(field.value(tree).number, field.exact)
    except (ZeroDivisionError, _Inexact):
        return None


class _Field:
    def __init__(self, shift: int) -> None:
        self._shift = shift
        self.exact = True

    def value(self, tree: Tree) -> _Value:
        """Return the value of a tree."""
        if isinstance(tree, Fraction):
            return _of_rational(tree)
        if isinstance(tree, str):
            return self._variable(tree)
        name, parts = tree
        values = [self.value(part) for part in parts]
        if (operation := _OPERATIONS.get(name)) is not None:
            return operation(*values)
        if (power := _POWERS.get(name)) is not None:
            return self._power(*power(*values))
        if name == "abs" and values[0].rational is not None:
            return _of_rational(abs(values[0].rational))
        self.exact = False
        return _Value(_random(f"{name}({values[0].number})", 0))

    def _variable(self, name: str) -> _Value:
        if name == "i":
            return _Value(_root(-1))
        name = _SAME.get(name, name)
        return _Value(_random(name, 0 if name in _CONSTANTS else self._shift))

    def _power(self, base: _Value, exponent: _Value) -> _Value:
        power = exponent.rational
        if power is None:
            self.exact = False
            return _Value(_random(f"{base.number}^{exponent.number}", 0))
        if power.denominator == 1:
            return _integer_power(base, int(power))
        if power.denominator == 2 and base.rational is not None:
            return _integer_power(self._square_root(base.rational), power.numerator)
        self.exact = False
        return _integer_power(_Value(_random(f"root{power.denominator}({base.number})", 0)), power.numerator)

    def _square_root(self, of: Fraction) -> _Value:
        """Return the root of a rational number, as the product of those of its primes."""
        if of < 0:
            return _product(_Value(_root(-1)), self._square_root(-of))
        if not of:
            return _of_rational(of)
        whole, number = Fraction(1), 1
        rest = of.numerator * of.denominator
        for prime in _PRIMES:
            while rest % (prime * prime) == 0:
                rest, whole = rest // (prime * prime), whole * prime
            if rest % prime == 0:
                rest, number = rest // prime, number * _root(prime) % MODULUS
        whole /= of.denominator
        side = round(rest**0.5) if rest < 2**52 else 0
        if side * side == rest:
            rest, whole = 1, whole * side
        if rest > 1:
            self.exact = False
            number = number * _random(f"root2({rest})", 0) % MODULUS
        elif number == 1:
            return _of_rational(whole)
        return _product(_of_rational(whole), _Value(number))


def _of_rational(number: Fraction) -> _Value:
    if not number.denominator % MODULUS:
        raise ZeroDivisionError
    if number.denominator == 1:
        return _Value(int(number) % MODULUS, number)
    return _Value(number.numerator * pow(number.denominator, -1, MODULUS) % MODULUS, number)


def _sum(*values: _Value) -> _Value:
    rational: Fraction | None = Fraction(0)
    for value in values:
        rational = None if rational is None or value.rational is None else rational + value.rational
    return _Value(sum(value.number for value in values) % MODULUS, rational)


def _product(left: _Value, right: _Value) -> _Value:
    rational = None
    if left.rational is not None and right.rational is not None:
        rational = left.rational * right.rational
    return _Value(left.number * right.number % MODULUS, rational)


def _inverse(of: _Value) -> _Value:
    if not of.number:
        raise ZeroDivisionError
    return _Value(pow(of.number, -1, MODULUS), None if of.rational is None else 1 / of.rational)


def _integer_power(base: _Value, power: int) -> _Value:
    if power < 0:
        return _integer_power(_inverse(base), -power)
    small = base.rational is not None and power <= _POWER and base.rational.numerator.bit_length() <= 256
    rational = base.rational**power if small and base.rational is not None else None
    return _Value(pow(base.number, power, MODULUS), rational)


def _factorial(of: _Value) -> _Value:
    number = of.rational
    if number is None or number.denominator != 1 or not 0 <= number <= _FACTORIAL:
        raise _Inexact
    product = 1
    for factor in range(2, int(number) + 1):
        product *= factor
    return _Value(product % MODULUS)


@lru_cache(maxsize=1024)
def _random(name: str, shift: int) -> int:
    """Return the value of a variable, the same in every process."""
    digest = blake2b(f"{shift}:{name}".encode(), digest_size=32).digest()
    return int.from_bytes(digest, "big") % MODULUS


@lru_cache(maxsize=64)
def _root(of: int) -> int:
    """Return a square root in the field (Tonelli and Shanks), the same in every process."""
    of %= MODULUS
    least = next(n for n in range(2, 1000) if pow(n, (MODULUS - 1) // 2, MODULUS) == MODULUS - 1)
    power, order, root, rest = (
        pow(least, _ODD, MODULUS),
        _TWOS,
        pow(of, (_ODD + 1) // 2, MODULUS),
        pow(of, _ODD, MODULUS),
    )
    while rest != 1:
        steps, square = 0, rest
        while square != 1:
            square, steps = square * square % MODULUS, steps + 1
        factor = pow(power, 1 << (order - steps - 1), MODULUS)
        order, power = steps, factor * factor % MODULUS
        root, rest = root * factor % MODULUS, rest * power % MODULUS
    return root


_OPERATIONS: Mapping[str, Callable[..., _Value]] = {
    "+": _sum,
    "*": _product,
    "/": lambda upper, lower: _product(upper, _inverse(lower)),
    "!": _factorial,
}
_POWERS: Mapping[str, Callable[..., tuple[_Value, _Value]]] = {
    "^": lambda base, exponent: (base, exponent),
    "root": lambda of, degree: (of, _inverse(degree)),
    "exp": lambda exponent: (_Value(_random("e", 0)), exponent),
}
"""Operations that are powers, and base and exponent of each."""
