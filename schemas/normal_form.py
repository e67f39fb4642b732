"""Unicode's normal form C, in time that grows with the text alone, whoever wrote it."""

import unicodedata
from itertools import groupby

_BLOCK = 100


def compose_nfc(text: str) -> str:
    """Return the text in NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", order_marks(text))


def order_marks(text: str) -> str:
    """Return text that has the same NFC, and takes no longer to compose than it is long.

    Composers put a run of combining marks in order by insertion, so that a megabyte of accents takes them
    hours. Where such a run is long, its marks are put in order here.
    """
    if text.isascii() or not _has_long_run(text):
        return text
    combining = unicodedata.combining
    runs = groupby(text, key=lambda char: combining(char) != 0)
    return "".join("".join(sorted(run, key=combining) if marks else run) for marks, run in runs)


def _has_long_run(text: str) -> bool:
    """Return whether a whole block is marks, which is so within any run of two blocks' length."""
    combining = unicodedata.combining
    suspects = (place for place, char in enumerate(text[::_BLOCK]) if combining(char))
    return any(all(map(combining, text[_BLOCK * place : _BLOCK * (place + 1)])) for place in suspects)
