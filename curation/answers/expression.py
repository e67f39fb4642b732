r"""Expressions as trees: `2x^2/3 + \frac{1}{2}`, as mathematics, LaTeX and Python write them.

A tree is a `Fraction`, the name of a variable, or a tuple of an operation and its trees.
"""

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, TypeAlias

Tree: TypeAlias = "Fraction | str | tuple[str, tuple[Tree, ...]]"

FUNCTIONS = frozenset(
    (
        "sin", "cos", "tan", "cot", "sec", "csc", "log", "ln", "exp", "sinh", "cosh", "tanh", "asin", "acos",
        "atan", "arcsin", "arccos", "arctan", "sqrt", "abs",
    )
)  # fmt: skip
_LONGEST = 400
"""Characters of the longest text that is read; an answer is shorter."""
_DEPTH = 40
_LEVELS = 120
_DIGITS = 60
"""Most digits of a number, and of a power of ten in it."""
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_HEX = frozenset("0123456789abcdefABCDEF")
_GREEK = frozenset(
    ("alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "phi", "omega", "sigma", "rho", "tau", "pi")
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Expression(NamedTuple):
    """A text that was read as an expression."""

    tree: Tree
    ambiguous: bool
    """Whether it can be read in more ways than one: `1/2x`, `3\\frac{1}{2}`."""
    factored: bool
    """Whether it is a number as a product of powers; other products of the same value are other answers."""


class _Unreadable(Exception):
    """The text cannot be read as an expression."""


@lru_cache(maxsize=4096)
def parsed(text: str) -> Expression | None:
    """Return the expression that a normal form is; None if it cannot be read, or is too long."""
    if not text or len(text) > _LONGEST:
        return None
    reader = _Reader(text)
    try:
        tree = reader.sum_()
        if reader.peek():
            return None
    except (_Unreadable, ZeroDivisionError, RecursionError):
        return None
    if _is_deep(tree):
        return None
    return Expression(tree, reader.ambiguous, reader.factored and _is_product(tree))


def _is_deep(tree: Tree) -> bool:
    """Return whether a tree is too deep for the recursion of those who evaluate it; never recurses."""
    level: list[Tree] = [tree]
    for _ in range(_LEVELS):
        level = [part for node in level if isinstance(node, tuple) for part in node[1]]
        if not level:
            return False
    return True


def _is_product(tree: Tree) -> bool:
    if isinstance(tree, tuple):
        return tree[0] in ("*", "^") and all(map(_is_product, tree[1]))
    return isinstance(tree, Fraction) and tree.denominator == 1


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._depth = 0
        self.ambiguous = False
        self.factored = False

    def peek(self) -> str:
        """Return the next character after spaces; empty at the end."""
        while self._text[self._place : self._place + 1] == " ":
            self._place += 1
        return self._text[self._place : self._place + 1]

    def _take(self, wanted: str) -> bool:
        if self.peek() != wanted:
            return False
        self._place += 1
        return True

    def sum_(self) -> Tree:
        """Read terms with signs between them."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise _Unreadable
        terms = [self._product()]
        while (sign := self.peek()) and sign in "+-":
            self._place += 1
            term = self._product()
            terms.append(term if sign == "+" else _negative(term))
        self._depth -= 1
        return terms[0] if len(terms) == 1 else ("+", tuple(terms))

    def _product(self) -> Tree:
        if self._take("-"):
            return _negative(self._product())
        if self._take("+"):
            return self._product()
        tree, divided = self._power(), False
        while following := self.peek():
            if following == "*":
                self._place += 1
                self.factored = True
                tree = ("*", (tree, self._signed()))
            elif following == "/":
                self._place += 1
                divided = True
                tree = _quotient(tree, self._signed())
            elif following in "+-)]},|=" or (following == "\\" and self._is_closing()):
                return tree
            else:
                self.ambiguous |= divided
                before, digit = tree, following.isdigit()
                factor = self._power()
                if digit:  # nobody writes a product as 2 3
                    raise _Unreadable
                if isinstance(before, Fraction) and before.denominator == 1 and isinstance(factor, Fraction):
                    self.ambiguous |= factor.denominator > 1  # a mixed number, or a product
                tree = ("*", (tree, factor))
        return tree

    def _is_closing(self) -> bool:
        return self._text.startswith(("\\}", "\\|"), self._place)

    def _signed(self) -> Tree:
        """Read a factor that may have a sign."""
        if self._take("-"):
            return _negative(self._signed())
        return self._power()

    def _power(self) -> Tree:
        base = self._atom()
        while True:
            if self._take("^"):
                base = ("^", (base, self._exponent()))
            elif self._take("!"):
                base = ("!", (base,))
            else:
                return base

    def _exponent(self) -> Tree:
        if self._take("-"):
            return _negative(self._exponent())
        if self.peek() in _LETTERS:
            self._place += 1
            return self._text[self._place - 1]
        if self.peek() == "(" or self.peek() == "{" or self.peek().isdigit() or self.peek() == "\\":
            return self._atom()
        raise _Unreadable

    def _atom(self) -> Tree:
        first = self.peek()
        if first.isdigit() or first == ".":
            return self._number()
        if first in ("(", "{", "["):
            return self._inside(first)
        if first == "|":
            self._place += 1
            tree = self.sum_()
            if not self._take("|"):
                raise _Unreadable
            return ("abs", (tree,))
        if first == "\\":
            return self._command()
        if first in _LETTERS and first:
            return self._word()
        raise _Unreadable

    def _inside(self, opening: str) -> Tree:
        self._place += 1
        tree = self.sum_()
        if not self._take(_CLOSING[opening]):
            raise _Unreadable
        return tree

    def _digits(self) -> str:
        first = self._place
        while self._text[self._place : self._place + 1].isdecimal():
            self._place += 1
        return self._text[first : self._place]

    def _number(self) -> Fraction:
        if self._text.startswith("0x", self._place) and self._text[self._place + 2 : self._place + 3] in _HEX:
            return self._hexadecimal()
        whole, rest, power = self._digits(), "", ""
        if self._text[self._place : self._place + 1] == ".":
            self._place += 1
            rest = self._digits()
        mark = self._text[self._place : self._place + 3]
        if mark[:1] in ("e", "E") and mark[1:2] in ("+", "-") and mark[2:].isdigit():
            sign = mark[1]
            self._place += 2
            power = sign + self._digits()
        if not whole + rest or not (whole + rest).isascii() or len(whole + rest) > _DIGITS or len(power) > 3:
            raise _Unreadable
        shift = int(power or 0) - len(rest)
        number = int(whole + rest)
        return Fraction(number, 10**-shift) if shift < 0 else Fraction(number * 10**shift)

    def _hexadecimal(self) -> Fraction:
        first = self._place = self._place + 2
        while (digit := self._text[self._place : self._place + 1]) and digit in _HEX:
            self._place += 1
        if not 0 < self._place - first <= _DIGITS:
            raise _Unreadable
        return Fraction(int(self._text[first : self._place], 16))

    def _command(self) -> Tree:
        self._place += 1
        first = self._place
        while self._text[self._place : self._place + 1] in _LETTERS and self._place < len(self._text):
            self._place += 1
        name = self._text[first : self._place]
        if name == "frac":
            upper = self._argument()
            return _quotient(upper, self._argument())
        if name == "sqrt":
            degree = self._inside("[") if self.peek() == "[" else Fraction(2)
            return ("root", (self._argument(), degree))
        if name in FUNCTIONS:
            return self._function(name)
        if name in _GREEK:
            return self._subscript(name)
        raise _Unreadable

    def _argument(self) -> Tree:
        r"""Read an argument of LaTeX: what is in braces, or one character, so that `\frac34` is 3/4."""
        first = self.peek()
        if first == "{":
            return self._inside("{")
        self._place += 1
        if first.isdecimal() and first.isascii():
            return Fraction(int(first))
        if first in _LETTERS and first:
            return first
        self._place -= 1
        if first == "\\":
            return self._command()
        if first == "(":
            return self._inside("(")
        raise _Unreadable

    def _function(self, name: str) -> Tree:
        power: Tree | None = None
        base: Tree | None = None
        if name in ("log", "ln") and self._take("_"):
            base = self._argument()
        if self._take("^"):
            power = self._exponent()
        argument = self._inside(self.peek()) if self.peek() in ("(", "{", "[") else self._power()
        if name == "sqrt":
            return ("root", (argument, Fraction(2)))
        tree: Tree = (_SAME.get(name, name), (argument,))
        if base is not None:
            tree = _quotient(tree, ("log", (base,)))
        return tree if power is None else ("^", (tree, power))

    def _word(self) -> Tree:
        first = self._place
        while self._text[self._place : self._place + 1] in _LETTERS and self._place < len(self._text):
            self._place += 1
        word = self._text[first : self._place]
        if word in FUNCTIONS:
            return self._function(word)
        if word == "pi":
            return word
        if len(word) > 3 and not any(word.endswith(name) for name in FUNCTIONS if len(name) >= len(word) - 2):
            raise _Unreadable  # a word; in `xsin(x)` stands a function
        self._place = first + 1
        return self._subscript(word[0])

    def _subscript(self, name: str) -> Tree:
        if self._text[self._place : self._place + 1] != "_":
            return name
        self._place += 1
        end = self._text.find("}", self._place) + 1 if self.peek() == "{" else self._place + 1
        if end <= self._place or not self._text[self._place : end].strip("{}").isalnum():
            raise _Unreadable
        below, self._place = self._text[self._place : end].strip("{}"), end
        return f"{name}_{below}"


_SAME = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "ln": "log"}


def _negative(tree: Tree) -> Tree:
    return -tree if isinstance(tree, Fraction) else ("*", (Fraction(-1), tree))


def _quotient(upper: Tree, lower: Tree) -> Tree:
    if isinstance(upper, Fraction) and isinstance(lower, Fraction):
        return upper / lower
    return ("/", (upper, lower))


def variables(tree: Tree) -> frozenset[str]:
    """Return the names of the variables of a tree."""
    if isinstance(tree, str):
        return frozenset((tree,))
    if isinstance(tree, Fraction):
        return frozenset()
    return frozenset().union(*map(variables, tree[1]))
