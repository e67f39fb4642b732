"""The repair of answers that follow a trace whose end is missing."""

from collections.abc import Sequence

from thinkmix.curation.repairs.contract import Edit, Repair
from thinkmix.schemas.think import CLOSE, OPEN

_OPENING, _CLOSING = "<answer>", "</answer>"


def edits(text: str, before: str) -> Sequence[Edit]:
    """Write `</think>` before `<answer>…</answer>`, where a trace begins the text and nothing ends it.

    The text has `<think>` once, as its beginning, one pair of tags of an answer, as its end, and both the
    trace and the answer say something.
    """
    if CLOSE in text or text.count(OPEN) != 1 or not text.lstrip().startswith(OPEN):
        return []
    if text.count(_OPENING) != 1 or text.count(_CLOSING) != 1 or not text.rstrip().endswith(_CLOSING):
        return []
    start, end = text.index(_OPENING), text.index(_CLOSING)
    trace = text[text.index(OPEN) + len(OPEN) : start]
    if not trace.strip() or not text[start + len(_OPENING) : end].strip():
        return []
    return [Edit(start, start, f"{CLOSE}\n\n")]


REPAIR = Repair(
    "cut_trace",
    "a trace of it had no end before its whole <answer>, and was closed there",
    frozenset(("assistant",)),
    OPEN,
    edits,
)
