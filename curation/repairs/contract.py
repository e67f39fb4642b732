"""What a repair is: a name, the sentence that people read, and edits of one text that can be taken back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from thinkmix.schemas.mending import Kind, Patch


class Edit(NamedTuple):
    """One stretch of a text, and what takes its place."""

    start: int
    end: int
    put: str


class Repair(NamedTuple):
    """One repair. To add one, write it in a file of this folder, and add it to `REPAIRS` in `known.py`.

    A repair is sure: it edits a text only where the damage has one cause and one remedy. It changes no
    number, no code and no formula.
    """

    name: str
    """What recipes call it, and the flag of the rows that it repairs."""
    sentence: str
    """What was wrong with a row that it repaired, as people read it."""
    kinds: frozenset[Kind]
    """Whose texts it repairs."""
    sign: str
    """A pattern that every text matches that it edits, for a search of whole columns (Rust's syntax)."""
    edits: Callable[[str, str], Sequence[Edit]]
    """Takes a text, and what was said before it; returns the edits in their order, none overlapping."""


def mended(
    repairs: Sequence[Repair], kind: Kind, text: str, turns: Sequence[Mapping[str, Any]]
) -> tuple[str, Sequence[Patch]]:
    """Return a text with all repairs in their order, and what each of them replaced.

    Args:
        repairs: those that the recipe asks for.
        kind: whose text it is.
        text: what the row says.
        turns: the turns before it, each with its `content`.
    """
    patches: list[Patch] = []
    said: str | None = None
    for repair in repairs:
        if kind not in repair.kinds:
            continue
        if said is None:
            said = "\n".join(turn["content"] for turn in turns)
        edits = repair.edits(text, said)
        patches += _patches(repair.name, len(turns), kind, text, edits)
        text = edited(text, edits)
    return text, patches


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Return a text with edits made."""
    if not edits:
        return text
    parts: list[str] = []
    reached = 0
    for edit in edits:
        parts += (text[reached : edit.start], edit.put)
        reached = edit.end
    return "".join((*parts, text[reached:]))


def undone(text: str, patches: Sequence[Patch]) -> str:
    """Return the text as it was before the patches, which are all of one text, in their order."""
    for patch in reversed(patches):
        text = f"{text[: patch.start]}{patch.before}{text[patch.start + len(patch.after) :]}"
    return text


def _patches(repair: str, message: int, kind: Kind, text: str, edits: Sequence[Edit]) -> Iterator[Patch]:
    moved = 0
    for edit in edits:
        yield Patch(repair, message, kind, edit.start + moved, text[edit.start : edit.end], edit.put)
        moved += len(edit.put) - (edit.end - edit.start)


_ENDS = {"```": "```", "~~~": "~~~", "$$": "$$", "\\(": "\\)", "\\[": "\\]", "\\begin{": "\\end{"}
"""What ends code or a formula that may have several lines; without its end it is prose, but for a fence."""
_ON_ONE_LINE = ("`", "$")
_FENCES = ("```", "~~~")
_INDENTED = ("    ", "\t")


def prose(text: str) -> Iterator[tuple[int, int]]:
    """Yield where in a text neither code nor a formula stands: pairs of first character and end.

    Code is what stands between back quotes or fences, and lines that are indented by four spaces or a tab;
    a formula is what stands between LaTeX's delimiters. One that is not closed is prose, but a fence. It
    reads the text once, however its marks are nested.
    """
    reached = 0
    for start, end in _marked(text):
        yield from _lines_of_prose(text, reached, start)
        reached = end
    yield from _lines_of_prose(text, reached, len(text))


def _marked(text: str) -> Iterator[tuple[int, int]]:
    """Yield where code and formulas stand that marks enclose, with their marks."""
    nexts = {mark: text.find(mark) for mark in (*_ENDS, *_ON_ONE_LINE)}
    reached = 0
    while True:
        for mark, place in nexts.items():
            if 0 <= place < reached:
                nexts[mark] = text.find(mark, reached)
        found = [(place, -len(mark), mark) for mark, place in nexts.items() if place >= 0]
        if not found:
            return
        start, _, mark = min(found)
        inside = start + len(mark)
        end = _end(text, mark, inside, nexts)
        if end < 0:
            reached = inside
        else:
            yield start, end
            reached = end


def _end(text: str, mark: str, inside: int, nexts: dict[str, int]) -> int:
    """Return where what a mark opens ends; -1 if nothing closes it, which is then not looked for again."""
    if mark in _ON_ONE_LINE:
        line = text.find("\n", inside)
        close = text.find(mark, inside, len(text) if line < 0 else line)
        return close + 1 if close >= 0 else -1
    close = text.find(_ENDS[mark], inside)
    if close >= 0:
        return close + len(_ENDS[mark])
    if mark in _FENCES:
        return len(text)
    nexts[mark] = -1
    return -1


def _lines_of_prose(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield a stretch without its indented lines."""
    first = line = start
    begins = start == 0 or text[start - 1] == "\n"
    while line < end:
        after = text.find("\n", line, end) + 1 or end
        if begins and text.startswith(_INDENTED, line):
            if first < line:
                yield first, line
            first = after
        line, begins = after, True
    if first < end:
        yield first, end
