"""The repair of texts with characters that nobody sees: a page or an editor left them."""

from collections.abc import Iterator, Sequence

from thinkmix.curation.repairs.contract import Edit, Repair, prose

_UNSEEN = "\u200b\u2060\ufeff"
_WITHOUT_SPACES = (("\u0e00", "\u0eff"), ("\u1000", "\u109f"), ("\u1780", "\u17ff"))
"""Thai and Lao, Burmese, Khmer."""


def edits(text: str, before: str) -> Sequence[Edit]:
    """Take out zero width spaces, word joiners and byte order marks.

    They stay in code and formulas, between two digits, and beside letters of Thai, Lao, Burmese and Khmer,
    which are written without spaces and mark ends of words so. Joiners of letters (U+200C, U+200D) stay
    everywhere: they are part of emoji and of several scripts.
    """
    return [
        Edit(start, end, "")
        for first, last in prose(text)
        for start, end in _runs(text, first, last)
        if not _means_something(text[:start][-1:], text[end:][:1])
    ]


def _runs(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield where such characters stand in a row."""
    start = -1
    for place in range(first, last):
        if text[place] in _UNSEEN:
            start = place if start < 0 else start
        elif start >= 0:
            yield start, place
            start = -1
    if start >= 0:
        yield start, last


def _means_something(left: str, right: str) -> bool:
    beside = any(low <= char <= high for char in left + right for low, high in _WITHOUT_SPACES)
    return beside or (left.isdigit() and right.isdigit())


REPAIR = Repair(
    "zero_width",
    "characters without width stood in its texts and were taken out",
    frozenset(("system", "user", "assistant", "trace")),
    f"[{_UNSEEN}]",
    edits,
)
