"""Whether a stated answer is the one that a source names, as far as arithmetic can tell."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

from thinkmix.curation.answers.approximate import values_of
from thinkmix.curation.answers.exact import MODULUS, value_of
from thinkmix.curation.answers.expression import Expression, Tree, parsed, variables
from thinkmix.curation.answers.normal import normal_form

Relation = Literal["agree", "disagree", "unclear"]

_NOTHING = frozenset(("", "none", "n/a", "na", "nan", "null", "unknown", "-"))
_CLOSED = (
    frozenset(("yes", "no")),
    frozenset(("true", "false")),
    frozenset(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")),
    frozenset(("odd", "even")),
)
"""Sets of words; each word excludes the others of its set."""
_OPTIONS = "ABCDEFGH"
_SAME, _OTHER = 1e-9, 1e-4
"""Relative distance of two values up to which they are equal, and from which they differ."""
_PLACES = 40
_DIGITS = 3
"""Significant digits from which a rounded number counts as the number."""
_TUPLE = 12
_LONGEST = 1_000
_EQUALS = ("=", "\\approx", "≈", " is ")


class Compared(NamedTuple):
    """How two answers are to each other, and why that is unclear."""

    relation: Relation
    why: str = ""
    asks: bool = False
    """Whether a computer algebra system may know more."""


AGREE, DISAGREE = Compared("agree"), Compared("disagree")
_NO_EXPRESSION = Compared("unclear", "it is not a number or an expression", asks=True)
_OTHER_FACTORS = Compared("unclear", "the same value in other factors")
_AMBIGUOUS = Compared("unclear", "it can be read in more ways than one", asks=True)
_ROUNDED = Compared("unclear", "a rounded value")
_TOO_CLOSE = Compared("unclear", "values too close to tell apart", asks=True)
_TOO_LONG = Compared("unclear", "it is too long to compare")
_OTHER_KIND = Compared("unclear", "one is an option and the other is not")


def is_reference(text: str | None) -> bool:
    """Return whether what a source says that the answer is says something."""
    return text is not None and text.strip().lower() not in _NOTHING


@lru_cache(maxsize=8192)
def compare(stated: str, reference: str) -> Compared:
    """Return whether a stated answer is the reference; both as texts have them."""
    ours, wanted = normal_form(stated), normal_form(reference)
    if _folded(ours) == _folded(wanted):
        return AGREE
    if _is_integer(ours) and _is_integer(wanted):  # most answers are, and forms of equal ones are equal
        return DISAGREE
    found = _compared(ours, wanted)
    if found.relation == "disagree" and "%" in ours + wanted and _percent(ours, wanted):
        return AGREE
    return found


def _is_integer(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdecimal()


def _compared(ours: str, wanted: str) -> Compared:
    if max(len(ours), len(wanted)) > _LONGEST:
        return _TOO_LONG
    if any(mark in ours or mark in wanted for mark in _EQUALS):
        ours, wanted = _sides(ours, wanted)
    ours, wanted = _bare(ours, wanted), _bare(wanted, ours)
    if _folded(ours) == _folded(wanted):
        return AGREE
    return _lists(ours, wanted) or _one(ours, wanted)


def _folded(text: str) -> str:
    """Return a text without what says nothing: spaces, and capitals unless single letters matter."""
    folded = text.replace(" ", "")
    return folded.lower() if folded.isalpha() else folded


def _sides(ours: str, wanted: str) -> tuple[str, str]:
    """Return what stands on the right of equal signs; an equation that both state stays whole."""
    if "=" not in wanted:
        return _right(ours), wanted
    left = [item.partition("=")[0].strip() for item in _cut(wanted)]
    if all(len(name) == 1 or not name for name in left):  # x = 3
        return _right(ours), _right(wanted)
    return ours, wanted


def _right(text: str) -> str:
    """Return the items of a list, each as what stands on the right of its last equal sign or `is`."""
    return ", ".join(_value_in(item) for item in _cut(text.replace(" or ", ", ")))


def _value_in(item: str) -> str:
    for mark in _EQUALS:
        item = item.rpartition(mark)[2]
    return item.strip()


def _bare(text: str, other: str) -> str:
    """Return an answer without its unit, if the other has none or none is needed to tell them apart."""
    if text.startswith("(") and text.endswith(")") and _closes_last(text) and "," not in text:
        text = text[1:-1].strip()
    head = text.rstrip("%").rstrip()
    while head and head[-1].isalpha() and not head[-1].isascii():  # a measure word of Chinese
        head = head[:-1].rstrip()
    words = head.split(" ")
    while len(words) > 1 and _is_unit(words[-1]) and not _is_unit(other.rsplit(" ", maxsplit=1)[-1]):
        words.pop()
    head = " ".join(words) if any(map(str.isdigit, words[0])) or "\\" in words[0] else head
    if len(words) == 1 and other[:1].isdigit() and head[:1].isdigit():
        stem = head.rstrip("abcdefghijklmnopqrstuvwxyz")
        if len(head) - len(stem) > 1 and stem.replace(".", "").isdigit():  # 5cm
            head = stem
    return head if head.strip() else text


def _is_unit(word: str) -> bool:
    word = word.partition("^")[0].strip("().").replace("/", "")
    return len(word) > 1 and word.isalpha() and word.isascii() and word not in ("pi", "or", "and")


def _closes_last(text: str) -> bool:
    """Return whether the bracket that opens a text is the one that closes it."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if not depth:
            return place == len(text) - 1
    return False


def _items(text: str) -> tuple[str, list[str]]:
    """Return the brackets of a list, and its items; a text without commas is one item."""
    brackets = ""
    if text[:2] == "\\{" and text[-2:] == "\\}":
        text, brackets = text[2:-2], "{}"
    elif text[:1] in ("(", "[", "{") and text[-1:] in (")", "]", "}") and _closes_last(text):
        brackets, text = text[0] + text[-1], text[1:-1]
    text = text.replace(" and ", ",").replace(",,", ",") if " and " in text else text
    return brackets, [one for item in _cut(text) for one in _signs(item)]


def _signs(item: str) -> tuple[str, ...]:
    r"""Return both values of `a\pm b`."""
    if "\\pm" not in item:
        return (item,)
    return item.replace("\\pm", "+"), item.replace("\\pm", "-")


def _cut(text: str) -> list[str]:
    """Return the parts of a text between commas that are not in brackets."""
    if "," not in text:
        return [text.strip()]
    items, depth, last = [], 0, 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if not depth and character == ",":
            items.append(text[last:place].strip())
            last = place + 1
    return [*items, text[last:].strip()]


def _lists(ours: str, wanted: str) -> Compared | None:
    """Compare lists item by item, those without brackets and sets in any order; None if neither is one."""
    if not any(mark in ours + wanted for mark in (",", " and ", "\\pm")):
        return None
    (left, mine), (right, theirs) = _items(ours), _items(wanted)
    if len(mine) == len(theirs) == 1:
        return None
    if max(len(mine), len(theirs)) > _TUPLE or any(
        bracket in ("[]", "[)", "(]") for bracket in (left, right)
    ):  # a long list, or an interval
        return _NO_EXPRESSION
    if "(" in left and "(" in right and len(mine) == len(theirs):
        return _in_order(mine, theirs)
    return _in_any_order(_once(mine), _once(theirs))


def _in_order(mine: Sequence[str], theirs: Sequence[str]) -> Compared:
    """Compare tuples: one item that differs is enough."""
    pairs = [_one(a, b) for a, b in zip(mine, theirs, strict=True)]
    other = [pair for pair in pairs if pair.relation != "agree"]
    return next((pair for pair in other if pair.relation == "disagree"), next(iter(other), AGREE))


def _once(items: Sequence[str]) -> list[str]:
    """Return items without those that are equal to one before them."""
    once: list[str] = []
    for item in items:
        if not any(_one(item, other) == AGREE for other in once):
            once.append(item)
    return once


def _in_any_order(mine: Sequence[str], theirs: Sequence[str]) -> Compared:
    if len(mine) != len(theirs):
        return DISAGREE if all(parsed(item) for item in (*mine, *theirs)) else _NO_EXPRESSION
    rest = list(theirs)
    unclear: Compared | None = None
    for item in mine:
        found = [(_one(item, other), other) for other in rest]
        if (same := next((other for one, other in found if one == AGREE), None)) is not None:
            rest.remove(same)
        elif (doubt := next((one for one, _ in found if one.relation == "unclear"), None)) is not None:
            unclear = doubt
        else:
            return DISAGREE
    return unclear or AGREE


def _one(ours: str, wanted: str) -> Compared:
    """Compare two answers that are no lists."""
    if _folded(ours) == _folded(wanted):
        return AGREE
    if ":" in ours and ":" in wanted:
        return _times(ours, wanted)
    if (word := _words(ours, wanted)) is not None:
        return word
    mine, theirs = parsed(ours), parsed(wanted)
    if mine is None or theirs is None:
        return AGREE if theirs is not None and _only_number(ours) == theirs.tree else _NO_EXPRESSION
    return _expressions(mine, theirs, ours, wanted)


def _only_number(sentence: str) -> Fraction | None:
    """Return the number of a sentence that has one number."""
    found = [
        number.tree
        for word in sentence.split()
        if any(map(str.isdigit, word)) and (number := parsed(normal_form(word))) is not None
    ]
    return found[0] if len(found) == 1 and isinstance(found[0], Fraction) else None


def _times(ours: str, wanted: str) -> Compared:
    """Compare times and ratios, field by field."""
    mine, theirs = ours.split(":"), wanted.split(":")
    if len(mine) != len(theirs):
        return _NO_EXPRESSION
    return _in_order(mine, theirs)


def _words(ours: str, wanted: str) -> Compared | None:
    """Compare words; None if neither is a word."""
    a, b = (text.strip("(). ").lower() for text in (ours, wanted))
    if a == b:
        return AGREE
    if _is_option(wanted) or (_is_option(ours) and b.replace(".", "").isdecimal()):
        return _options(a, b, both=_is_option(ours))
    closed = next((words for words in _CLOSED if b in words), None)
    if closed is not None:
        return DISAGREE if a in closed else _NO_EXPRESSION
    return _NO_EXPRESSION if min(len(a), len(b)) > 3 and a.isalpha() and b.isalpha() else None


def _is_option(text: str) -> bool:
    """Return whether a text is the letter of an option, as `(B)`."""
    letter = text.strip("(). ")
    return len(letter) == 1 and letter in _OPTIONS


def _options(a: str, b: str, *, both: bool) -> Compared:
    """Compare options: `B) 12` is B."""
    if both and len(b) == 1:
        return DISAGREE
    return AGREE if a[:1] == b and not a[1:2].isalnum() else _OTHER_KIND


def _expressions(mine: Expression, theirs: Expression, ours: str, wanted: str) -> Compared:
    a, b = mine.tree, theirs.tree
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return _numbers(a, b, ours, wanted)
    x, y = value_of(a), value_of(b)
    if x is None or y is None:
        return _NO_EXPRESSION
    equal = x.number == y.number
    if theirs.factored and isinstance(b, tuple):
        return _factors(mine, theirs, equal=equal)
    if equal or _differ_by_constant(a, b):
        return AGREE
    if mine.ambiguous or theirs.ambiguous:
        return _AMBIGUOUS
    return (_close(a, b, ours, wanted) or DISAGREE) if x.exact and y.exact else _approximately(a, b)


def _factors(mine: Expression, theirs: Expression, *, equal: bool) -> Compared:
    """Compare a number as a product of powers with another answer: other factors are another answer."""
    if not equal:
        return DISAGREE
    same = mine.factored and Counter(_multiplied(mine.tree)) == Counter(_multiplied(theirs.tree))
    return AGREE if same else _OTHER_FACTORS


def _multiplied(tree: Tree) -> list[Tree]:
    """Return the factors of a product, those of a power as often as it says."""
    if isinstance(tree, tuple) and tree[0] == "*":
        return [factor for part in tree[1] for factor in _multiplied(part)]
    if isinstance(tree, tuple) and tree[0] == "^":
        base, power = tree[1]
        if isinstance(power, Fraction) and power.denominator == 1 and 0 < power < 200:
            return _multiplied(base) * int(power)
    return [tree]


def _numbers(a: Fraction, b: Fraction, ours: str, wanted: str) -> Compared:
    """Compare numbers. Where one is the other in fewer digits, it depends on how they are written.

    A fraction agrees with its decimal number, and a power of ten says how many digits it has; of two decimal
    numbers it is unclear how many were wanted.
    """
    if a == b:
        return AGREE
    for rounded, number, text, other in ((a, b, ours, wanted), (b, a, wanted, ours)):
        places, digits = _precision(text)
        if digits and abs(places) <= _PLACES and abs(rounded - number) * 2 * Fraction(10) ** places <= 1:
            known = digits >= _DIGITS and ("/" in other or "frac" in other or "e" in text.lower())
            return AGREE if known else _ROUNDED
    if b.denominator == 1 and abs(b) >= 10 ** (_DIGITS - 1) and a.denominator > 1 and abs(a - b) * 2 <= 1:
        return _ROUNDED
    return DISAGREE


def _precision(text: str) -> tuple[int, int]:
    """Return the place of the last digit of a decimal number (2 for 0.01), and its significant digits.

    Both are 0 for other texts.
    """
    mantissa, mark, power = text.strip("+- ").replace("E", "e").partition("e")
    whole, point, rest = mantissa.partition(".")
    if not (point or mark) or not (whole + rest).isdecimal() or (mark and not power.lstrip("+-").isdecimal()):
        return 0, 0
    return len(rest) - int(power or 0), len((whole + rest).lstrip("0"))


def _close(a: Tree, b: Tree, ours: str, wanted: str) -> Compared | None:
    """Compare a decimal number with a constant such as a root; None if they are not so."""
    if variables(a) - {"pi", "e", "i"} or variables(b) - {"pi", "e", "i"}:
        return None
    x, y = values_of(a), values_of(b)
    if x is None or y is None:
        return None
    for text in (ours, wanted):
        places, digits = _precision(text)
        if digits and abs(places) <= _PLACES and abs(x[0] - y[0]) * 2 * 10.0**places <= 1.000001:
            return AGREE if digits >= _DIGITS else _ROUNDED
    return None


def _approximately(a: Tree, b: Tree) -> Compared:
    x, y = values_of(a), values_of(b)
    if x is None or y is None:
        return _NO_EXPRESSION
    if "C" in variables(a) & variables(b):  # two antiderivatives may differ by a constant
        x, y = ([value - values[0] for value in values] for values in (x, y))
    distance = [abs(one - other) / max(abs(one), abs(other), 1e-6) for one, other in zip(x, y, strict=True)]
    if max(distance) <= _SAME:
        return AGREE
    return DISAGREE if max(distance) >= _OTHER else _TOO_CLOSE


def _differ_by_constant(a: Tree, b: Tree) -> bool:
    """Return whether two expressions with a constant of integration are the same but for it."""
    if "C" not in variables(a) & variables(b):
        return False
    differences = set()
    for shift in (0, 1):
        x, y = value_of(a, shift), value_of(b, shift)
        if x is None or y is None:
            return False
        differences.add((x.number - y.number) % MODULUS)
    return len(differences) == 1


def _percent(ours: str, wanted: str) -> bool:
    a, b = parsed(ours.rstrip("% ")), parsed(wanted.rstrip("% "))
    if a is None or b is None or not isinstance(a.tree, Fraction) or not isinstance(b.tree, Fraction):
        return False
    return a.tree == 100 * b.tree or b.tree == 100 * a.tree
