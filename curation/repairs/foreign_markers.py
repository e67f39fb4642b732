"""The repair of answers whose trace stands between the markers of another model, or of a page."""

from collections.abc import Sequence

from thinkmix.curation.repairs.contract import Edit, Repair
from thinkmix.schemas.think import CLOSE, OPEN

_PAIRS = (
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
_SOLUTION = ("<|begin_of_solution|>", "<|end_of_solution|>")
_WORDS = ["think", "answer"]


def edits(text: str, before: str) -> Sequence[Edit]:
    """Write `<think>` and `</think>` in place of other markers.

    Known are a text that is `think`, the trace, `answer` and the answer, on lines of their own; and the pairs
    `<thought>`, `<thoughts>`, `<thinking>`, `<reasoning>`, `<scratchpad>`, `<seed:think>` and
    `<|begin_of_thought|>`, the last one with the pair that encloses its solution. The text begins with the
    marker, each marker occurs once, and trace and answer say something.
    """
    if OPEN in text or CLOSE in text:
        return []
    begun = text.lstrip()
    start = len(text) - len(begun)
    if begun.startswith(f"{_WORDS[0]}\n"):
        return _by_lines(text)
    pair = next((pair for pair in _PAIRS if begun.startswith(pair[0])), None)
    return _by_tags(text, start, *pair) if pair else []


def _by_lines(text: str) -> Sequence[Edit]:
    """Return the edits of a text whose markers are words on lines of their own."""
    marks, place = [], 0
    for line in text.split("\n"):
        if line.rstrip() in _WORDS:
            marks.append((line.rstrip(), place, place + len(line) + 1))
        place += len(line) + 1
    if [word for word, _, _ in marks] != _WORDS:
        return []
    (_, _, trace), (_, marker, answer) = marks
    if not text[trace:marker].strip() or not text[answer:].strip():
        return []
    end = trace + len(text[trace:marker].rstrip("\n"))
    return [Edit(0, trace, f"{OPEN}\n"), Edit(end, answer, f"\n{CLOSE}\n\n")]


def _by_tags(text: str, start: int, opening: str, closing: str) -> Sequence[Edit]:
    """Return the edits of a text whose markers are a pair of tags."""
    close = text.find(closing)
    trace, answer = text[start + len(opening) : close], text[close + len(closing) :].strip()
    if text.count(opening) != 1 or text.count(closing) != 1 or not trace.strip() or not answer:
        return []
    found = [Edit(start, start + len(opening), OPEN), Edit(close, close + len(closing), CLOSE)]
    marks = [text.count(mark) for mark in _SOLUTION]
    if marks == [1, 1] and answer.startswith(_SOLUTION[0]) and answer.endswith(_SOLUTION[1]):
        found += (Edit(at := text.index(mark), at + len(mark), "") for mark in _SOLUTION)
    return [] if any(marks) and len(found) == 2 else found


REPAIR = Repair(
    "foreign_markers",
    "other markers than <think> enclosed a trace of it and were replaced",
    frozenset(("assistant",)),
    r"\A\s*(?:think\n|<(?:thoughts?|thinking|reasoning|scratchpad|seed:think|\|begin_of_thought\|)>)",
    edits,
)
