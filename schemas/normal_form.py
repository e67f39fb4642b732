"""Unicode's normal form C, in time that grows with the text alone, whoever wrote it."""

import unicodedata
from itertools import groupby

_BLOCK = 100


def composed(text: str) -> str:
    """Return the text in NFC.

    `unicodedata` puts a run of combining marks in order by insertion, so that a megabyte of accents takes it
    hours. Where such a run is long its marks are put in order before, which changes nothing of the result.
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _in_order(text) if _has_long_run(text) else text)


def _has_long_run(text: str) -> bool:
    """Return whether a whole block is marks, which is so within any run of two blocks' length."""
    combining = unicodedata.combining
    suspects = (place for place, char in enumerate(text[::_BLOCK]) if combining(char))
    return any(all(map(combining, text[_BLOCK * place : _BLOCK * (place + 1)])) for place in suspects)


def _in_order(text: str) -> str:
    """Return the text with each run of marks sorted by combining class, equal ones as they stood."""
    runs = groupby(text, key=lambda char: unicodedata.combining(char) != 0)
    return "".join(
        "".join(sorted(run, key=unicodedata.combining)) if marks else "".join(run) for marks, run in runs
    )
