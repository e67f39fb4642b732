"""What a question asks for besides a value: a proof, an example, a simple form, or a notation."""

from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import gcd

from thinkmix.curation.answers.expression import parsed
from thinkmix.curation.answers.normal import normal_form

_PROOFS = (
    b"prove ",
    b"prove:",
    b"proof",
    b"show that",
    b"verify that",
    b"demonstrate that",
    "证明".encode(),
    "求证".encode(),
)
_OPEN = (
    b"an example", b"one example", b"give any", b"find any", b"any one ", b"one possible", b"a possible",
    b"one such", b"at least one", b"for example, find", b"construct ", b"conjecture",
)  # fmt: skip
_NOT_ONE = (*_PROOFS, *_OPEN)
_SIMPLE = (b"simplif", b"lowest terms", b"simplest", b"reduce")
_POWERS, _PRODUCTS = b"use **", b"include the *"
_SHORTEST = 4


def is_open(question: bytes) -> bool:
    """Return whether a question may have other right answers than the one that a source names.

    Args:
        question: in lower case.
    """
    return any(map(question.__contains__, _NOT_ONE))


def is_not_as_asked(question: bytes, stated: str, reference: str) -> str:
    """Return why an answer of the right value is not what is asked for; empty if it may be.

    Args:
        question: in lower case.
        stated: the answer.
        reference: what the source says that it is.
    """
    if (_POWERS in question and "^" in stated) or (_PRODUCTS in question and _leaves_out_products(stated)):
        return "the right value, in a notation that the question excludes"
    plain = normal_form(stated)
    if plain == normal_form(reference):
        return ""
    squeezed = stated.replace(" ", "").strip("$\\()").lower()
    whole = len(squeezed) >= _SHORTEST and any(mark in squeezed for mark in "+-*/^\\")
    if whole and squeezed.encode() in question.replace(b" ", b""):
        return "the right value, as the question states it"
    if any(word in question for word in _SIMPLE) and (
        _is_reducible(plain) or _is_unexpanded(plain, reference)
    ):
        return "the right value, in a form that is not simplified"
    return ""


@lru_cache(maxsize=4096)
def _leaves_out_products(stated: str) -> bool:
    """Return whether factors stand beside each other, as in `2x`, or LaTeX writes them."""
    if "\\" in stated:
        return True
    packed = stated.replace(" ", "")
    return any((a.isdigit() or a == ")") and (b.isalpha() or b == "(") for a, b in pairwise(packed))


def _is_reducible(plain: str) -> bool:
    """Return whether an answer is a fraction that is not in lowest terms."""
    for upper, lower in (plain.split("/", 1) if "/" in plain else ("", ""), _frac(plain)):
        if (
            upper.strip("- ").isdecimal()
            and lower.strip().isdecimal()
            and gcd(int(upper.strip("- ")), int(lower)) > 1
        ):
            return True
    return False


def _frac(plain: str) -> tuple[str, str]:
    head = "\\frac{"
    start = plain.find(head)
    if start not in (0, 1) or not plain.endswith("}"):
        return "", ""
    upper, _, lower = plain[start + len(head) : -1].partition("}{")
    return upper, lower


def _is_unexpanded(plain: str, reference: str) -> bool:
    """Return whether an answer is a product of sums where the reference is a sum of products."""
    mine, theirs = parsed(plain), parsed(normal_form(reference))
    if mine is None or theirs is None or isinstance(mine.tree, Fraction | str):
        return False
    expanded = "(" not in reference and isinstance(theirs.tree, tuple) and theirs.tree[0] == "+"
    return expanded and mine.tree[0] == "*" and "(" in plain
