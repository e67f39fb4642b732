r"""Final answers in a text: what stands in `\boxed{}`, in `<answer>`, or after words like "the answer is".

A text is bytes of a column and is searched from its end, so that a long trace costs no more than a search for
a few bytes in it.
"""

from collections.abc import Iterator
from typing import NamedTuple

_BOXES = (b"\\boxed", b"\\fbox")
_OPEN, _CLOSE = b"<answer>", b"</answer>"
_MOST = 2_000
"""Bytes of the longest answer, and of the end of a text in which words announce one."""
_SHORT = 60
"""A text of one line with no more bytes is the answer itself."""
_KEPT = 8
"""Most answers of one text that are looked at, from its end."""
_ANNOUNCED = (
    b"####", b"final answer", b"answer is", b"answer:", b"answer**:", b"answer:**", "答案".encode(),
)  # fmt: skip
_BETWEEN = (b"is", b"are", b":", b"=", b"**", "：".encode(), "为".encode(), "是".encode(), b"\\[", b"$$")


class Stated(NamedTuple):
    """An answer as a text states it."""

    text: str
    start: int
    """Byte of the column at which it begins."""
    end: int
    """Byte before which it ends."""


def final_answers(data: bytes, start: int, end: int) -> list[Stated]:
    """Return the answers that a text states last, in their order, each wording once.

    Answers in boxes and in tags count before those that words announce. A box that is not closed holds none.

    Args:
        data: the bytes of a column.
        start: where the text begins.
        end: before which byte it ends.
    """
    marked = sorted({*_boxed(data, start, end), *_tagged(data, start, end)})
    if not marked:
        return [*_announced(data, start, end)]
    found: dict[str, Stated] = {}
    for first, last in marked:
        stated = _stated(data, first, last)
        if stated.text:
            found.pop(stated.text.replace(" ", ""), None)  # the last place of a wording counts
            found[stated.text.replace(" ", "")] = stated
    return list(found.values())


def last_answer(data: bytes, start: int, end: int) -> Stated | None:
    """Return the answer that a text states last, in a box or in tags; None if it states none."""
    for place in _places(data, _BOXES[0], start, end):
        if (inside := _braces(data, place + len(_BOXES[0]), end)) is not None:
            return _stated(data, *inside)
    return None


def _boxed(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the insides of the last boxes of a text."""
    for box in _BOXES:
        for count, place in enumerate(_places(data, box, start, end)):
            if count == _KEPT:
                break
            if (inside := _braces(data, place + len(box), end)) is not None:
                yield inside


def _places(data: bytes, wanted: bytes, start: int, end: int) -> Iterator[int]:
    while (place := data.rfind(wanted, start, end)) >= 0:
        yield place
        end = place


def _braces(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Return what stands in the braces that open at `start`, or the word there; None if they do not close."""
    end = min(end, start + _MOST)
    while start < end and data[start] == 0x20:
        start += 1
    if data[start : min(start + 1, end)] != b"{":
        last = start
        while last < end and data[last] not in b" \n$.,{}\\":
            last += 1
        return (start, last) if last > start else None
    depth, place = 0, start
    while place < end:
        byte = data[place]
        if byte == 0x5C:  # a backslash takes the next byte with it
            place += 1
        elif byte == 0x7B:
            depth += 1
        elif byte == 0x7D:
            depth -= 1
            if not depth:
                return start + 1, place
        place += 1
    return None


def _tagged(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield what stands in the last answer tags of a text; the last tag of all need not close."""
    limit = end
    for count, place in enumerate(_places(data, _OPEN, start, end)):
        if count == _KEPT:
            return
        first = place + len(_OPEN)
        last = data.find(_CLOSE, first, limit)
        last = limit if last < 0 else last
        if last - first <= _MOST and not any(data.find(box, first, last) >= 0 for box in _BOXES):
            yield first, last
        limit = place


def _announced(data: bytes, start: int, end: int) -> Iterator[Stated]:
    """Yield the answer that words announce, or a text that is one short line."""
    tail = max(start, end - _MOST)
    lower = data[tail:end].lower()
    begin = max((place + len(word) for word in _ANNOUNCED if (place := lower.rfind(word)) >= 0), default=-1)
    if begin >= 0:
        first = _skip(lower, begin)
        last = _line_end(lower, first)
        opening = lower.find(b"**", first, last)
        closing = lower.find(b"**", opening + 2, last) if opening >= 0 else -1
        if closing > opening + 2:  # the words in bold of the sentence
            first, last = opening + 2, closing
        stated = _stated(data, tail + first, tail + last)
        if any(map(str.isalnum, stated.text)):
            yield stated
            return
    if b"boxed" in lower:  # cut off
        return
    if end - start <= _SHORT and data.find(b"\n", start, end) < 0 and data[start:end].strip():
        yield _stated(data, start, end)


def _skip(lower: bytes, place: int) -> int:
    """Return where an answer begins after the words that announce it."""
    moved = True
    while moved and place < len(lower):
        moved = False
        while place < len(lower) and lower[place] in b" \n\t":
            place, moved = place + 1, True
        for word in _BETWEEN:
            if lower.startswith(word, place) and (
                word not in (b"is", b"are") or lower[place + len(word) :][:1] in b" :\n"
            ):
                place, moved = place + len(word), True
    return place


def _line_end(lower: bytes, first: int) -> int:
    """Return where the sentence or line ends in which an answer stands."""
    last = len(lower)
    for mark in (b"\n", b". ", "。".encode(), b"\\]"):
        if (place := lower.find(mark, first)) >= 0:
            last = min(last, place)
    return last


def _stated(data: bytes, start: int, end: int) -> Stated:
    while start < end and data[start] in b" \n\t\r":
        start += 1
    while end > start and data[end - 1] in b" \n\t\r":
        end -= 1
    return Stated(data[start:end].decode(errors="replace"), start, end)
