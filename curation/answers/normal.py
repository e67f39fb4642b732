r"""The plain form of an answer: what LaTeX has for its look is gone, and signs are those of a keyboard.

`$\dfrac{1}{2}$.` becomes `\frac{1}{2}`, `8,\!400` becomes `8400`, and `3 × 10²` becomes `3 * 10^2`.
"""

from functools import lru_cache
from itertools import pairwise

_REPLACED = (
    ("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("\\cfrac", "\\frac"),
    ("\\left", ""), ("\\right", ""), ("\\bigl", ""), ("\\bigr", ""), ("\\Bigl", ""), ("\\Bigr", ""),
    ("\\big", ""), ("\\displaystyle", ""),
    ("\\(", ""), ("\\)", ""), ("\\[", ""), ("\\]", ""),
    ("\\!", ""), ("\\,", " "), ("\\;", " "), ("\\:", " "), ("\\ ", " "), ("\\qquad", " "),
    ("\\quad", " "), ("~", " "),
    ("\\$", ""), ("$", ""), ("€", ""), ("£", ""), ("\\#", ""),
    ("^{\\circ}", ""), ("^\\circ", ""), ("\\circ", ""), ("°", ""), ("\\degree", ""),
    ("\\%", "%"), ("{,}", ","),
    ("\\cdot", "*"), ("\\times", "*"), ("×", "*"), ("·", "*"), ("⋅", "*"), ("∗", "*"),
    ("÷", "/"), ("\\div", "/"),
    ("−", "-"), ("–", "-"), ("**", "^"),
    ("√", "\\sqrt"), ("π", "\\pi"), ("∞", "\\infty"),
    ("，", ","), ("（", "("), ("）", ")"), ("\\lbrace", "\\{"), ("\\rbrace", "\\}"),
    ("<sup>", "^{"), ("</sup>", "}"), ("±", "\\pm"),
    ("\\leq", "\\le"), ("\\geq", "\\ge"), ("≤", "\\le"), ("≥", "\\ge"), ("\\neq", "\\ne"),
    ("\\textstyle", ""), ("\t", " "), ("\n", " "), ("\xa0", " "),
)  # fmt: skip
_WRAPPERS = (
    "\\text{",
    "\\textbf{",
    "\\mathrm{",
    "\\mathbf{",
    "\\mbox{",
    "\\operatorname{",
    "\\textit{",
    "\\rm{",
)
_SENTENCE_ENDS = ".。;,:\\ "
_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_NUMBERS = {word: str(number) for number, word in enumerate(_WORDS)}


@lru_cache(maxsize=4096)
def normal_form(text: str) -> str:
    """Return an answer in its plain form; equal forms are equal answers."""
    text = text.strip().strip("*").strip()
    if not text.isalnum() or not text.isascii():
        if any(character in _RAISED for character in text):
            text = _lowered(text)
        text = text.replace("\\\\", "\\")  # escaped twice
        for old, new in _REPLACED:
            if old in text:
                text = text.replace(old, new)
        for wrapper in _WRAPPERS:
            if wrapper in text:
                text = _unwrapped(text, wrapper)
        text = _ungrouped(" ".join(text.split()).rstrip(_SENTENCE_ENDS).lstrip(".。;,: "))
        if text.endswith(")") and text.count(")") > text.count("("):  # of \left( and a pair of LaTeX's
            text = text[:-1].rstrip(_SENTENCE_ENDS)
    if text.isalpha():
        return _NUMBERS.get(text.lower(), text)
    return _number_form(text)


def _lowered(text: str) -> str:
    """Return a text with powers in place of raised digits."""
    out, raised = "", False
    for character in text:
        digit = _RAISED.find(character)
        out += character if digit < 0 else str(digit) if raised else f"^{digit}"
        raised = digit >= 0
    return out


def _unwrapped(text: str, wrapper: str) -> str:
    """Return a text without the braces of a wrapper around words; a space stands in their place."""
    while (start := text.find(wrapper)) >= 0:
        end = text.find("}", start)
        if end < 0:
            return text
        text = f"{text[:start]} {text[start + len(wrapper) : end]} {text[end + 1 :]}"
    return text


def _ungrouped(text: str) -> str:
    """Return a text whose numbers have no commas between groups of three digits: `8,400` becomes `8400`."""
    if "," not in text:
        return text
    parts = text.split(",")
    out = parts[0]
    for before, part in pairwise(parts):
        head = before[len(before.rstrip("0123456789")) :]
        grouped = (
            1 <= len(head) <= 3 and part[:3].isdigit() and len(part[:3]) == 3 and not part[3:4].isdigit()
        )
        out += part if grouped and not head.startswith("0") else f",{part}"
    return out


def _number_form(text: str) -> str:
    """Return a number as `8400`, `-0.5` or `134` whatever zeros, signs and point it is written with."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    whole, point, rest = digits.partition(".")
    if not (whole + rest).isdecimal() or not (whole + rest).isascii():
        return text
    whole, rest = whole.lstrip("0") or "0", rest.rstrip("0") if point else ""
    number = f"{whole}.{rest}" if rest else whole
    return f"-{number}" if text[:1] == "-" and number != "0" else number
