"""Values in somebody's text, written as JSON or as literals of Python: read in one pass, never evaluated."""

import json
from collections.abc import Mapping
from typing import NoReturn

from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import MAX_DEPTH, depth, fault

_SPACE = " \t\r\n"
_QUOTES = ("'", '"')
_WORDS: Mapping[str, object] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
}
_BRACKETS: Mapping[str, str] = {"[": "]", "(": ")"}
_ESCAPES: Mapping[str, str] = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "a": "\a",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "/": "/",
    "\n": "",
}
_CODES: Mapping[str, int] = {"x": 2, "u": 4, "U": 8}
_HEX = frozenset("0123456789abcdefABCDEF")
_DIGITS = frozenset("0123456789")
_NUMERALS = frozenset("0123456789+-.eE")
_LONGEST_NUMBER = 400

_DECODER = json.JSONDecoder(
    parse_constant=lambda word: _stop(f"{word} is not JSON"),
    strict=False,  # a line break inside a string can only mean itself
)


class NotLiteral(ValueError):
    """Text that is neither JSON nor a literal of Python."""


def read_literal(text: str) -> object:
    """Return the one value that a text holds.

    Raises:
        NotLiteral: for a text that holds no value, or more than that.
        PydanticCustomError: a `fault` for a value that is nested too deep.
    """
    value, end = literal_at(text, after_space(text, 0))
    if after_space(text, end) != len(text):
        _stop(f"{text[end : end + 40]!r} follows a value")
    return value


def literal_at(text: str, start: int) -> tuple[object, int]:
    """Return the value that begins at a place of a text, and where it ends.

    Both notations may be mixed: `true` and `True`, quotes of either kind, `(1, 2)` for a list. An object
    with two keys of one name is refused, as are sets, bytes, and everything that would be evaluated.

    Raises:
        NotLiteral: for text that is not a value.
        PydanticCustomError: a `fault` for a value that is nested too deep.
    """
    if not text.startswith(("{", "[", '"'), start) or text.startswith('"""', start):
        return _value(text, start, 0)
    try:
        value, end = _DECODER.raw_decode(text, start)
    except ValueError:
        return _value(text, start, 0)
    except RecursionError:
        raise _too_deep() from None
    if depth(value) > MAX_DEPTH:
        raise _too_deep()
    return value, end


def after_space(text: str, place: int) -> int:
    """Return the first place from here on that is not white space."""
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place


def _value(text: str, start: int, level: int) -> tuple[object, int]:
    if level > MAX_DEPTH:
        raise _too_deep()
    first = text[start : start + 1]
    if first in _QUOTES:
        return _string(text, start)
    if first == "{":
        return _object(text, start, level)
    if first in _BRACKETS:
        return _list(text, start, level)
    if first in _NUMERALS:
        return _number(text, start)
    end = start
    while end < len(text) and end - start < 8 and text[end].isalpha():
        end += 1
    word = text[start:end]
    if word not in _WORDS:
        _stop(f"no value at {text[start : start + 40]!r}")
    return _WORDS[word], end


def _object(text: str, start: int, level: int) -> tuple[object, int]:
    found: dict[str, object] = {}
    place = after_space(text, start + 1)
    while text[place : place + 1] != "}":
        if text[place : place + 1] not in _QUOTES:
            _stop(f"no key at {text[place : place + 40]!r}")
        key, place = _string(text, place)
        place = after_space(text, place)
        if text[place : place + 1] != ":":
            _stop(f"no value for the key {key[:40]!r}")
        if key in found:
            _stop(f"the key {key[:40]!r} stands there twice")
        found[key], place = _value(text, after_space(text, place + 1), level + 1)
        place = _next(text, place, "}")
    return found, place + 1


def _list(text: str, start: int, level: int) -> tuple[object, int]:
    found: list[object] = []
    close = _BRACKETS[text[start]]
    place = after_space(text, start + 1)
    commas = 0
    while text[place : place + 1] != close:
        item, place = _value(text, place, level + 1)
        found.append(item)
        before = place
        place = _next(text, place, close)
        commas += "," in text[before:place]
    if close == ")" and len(found) == 1 and not commas:
        return found[0], place + 1  # brackets around a value, not a tuple
    return found, place + 1


def _next(text: str, place: int, close: str) -> int:
    """Return where the next item begins, or the closing bracket is, after a comma."""
    place = after_space(text, place)
    if text[place : place + 1] == ",":
        return after_space(text, place + 1)
    if text[place : place + 1] != close:
        _stop(f"neither a comma nor {close} at {text[place : place + 40]!r}")
    return place


def _number(text: str, start: int) -> tuple[object, int]:
    end = start
    while end < len(text) and end - start <= _LONGEST_NUMBER and text[end] in _NUMERALS:
        end += 1
    digits = text[start:end]
    plain = digits.lstrip("+-")
    if len(digits) - len(plain) > 1 or end - start > _LONGEST_NUMBER:
        _stop(f"no number at {digits[:40]!r}")
    if all(char in _DIGITS for char in plain):
        if not plain or (len(plain) > 1 and plain.startswith("0")):
            _stop(f"no number at {digits[:40]!r}")
        return int(digits), end
    try:
        return float(digits), end
    except ValueError:
        return _stop(f"no number at {digits[:40]!r}")


def _string(text: str, start: int) -> tuple[str, int]:
    """Return a string in quotes of either kind, or in three of them, with the escapes of Python."""
    quote = text[start]
    if text.startswith(quote * 3, start):
        quote *= 3
    place = start + len(quote)
    parts: list[str] = []
    end = text.find(quote, place)
    while end >= 0:
        slash = text.find("\\", place, end)
        if slash < 0:
            parts.append(text[place:end])
            return _paired("".join(parts)), end + len(quote)
        parts.append(text[place:slash])
        char, place = _escaped(text, slash)
        parts.append(char)
        if place > end:  # the quote itself was escaped
            end = text.find(quote, place)
    return _stop(f"a string without an end: {text[start : start + 40]!r}")


def _escaped(text: str, slash: int) -> tuple[str, int]:
    """Return what an escape stands for, and where it ends; an unknown escape stays as it is, as in Python."""
    letter = text[slash + 1 : slash + 2]
    if letter in _CODES:
        code = text[slash + 2 : slash + 2 + _CODES[letter]]
        if len(code) == _CODES[letter] and all(digit in _HEX for digit in code) and int(code, 16) < 0x110000:
            return chr(int(code, 16)), slash + 2 + len(code)
    if letter in _ESCAPES:
        return _ESCAPES[letter], slash + 2
    return text[slash : slash + 2], slash + 2


def _paired(text: str) -> str:
    r"""Return a text with each pair of surrogates, as JSON escapes an emoji, made the character it means."""
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _too_deep() -> Exception:
    return fault(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")


def _stop(detail: str) -> NoReturn:
    raise NotLiteral(detail)
