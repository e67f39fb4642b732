"""Reasoning traces: how an assistant's text is taken apart into the trace and the answer."""

from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault
from thinkmix.schemas.visible import is_visible

OPEN, CLOSE = "<think>", "</think>"

FOREIGN_TAGS = (
    "thought",
    "thoughts",
    "thinking",
    "reasoning",
    "reason",
    "reflection",
    "scratchpad",
    "|begin_of_thought|",
    "|thinking|",
    "seed:think",
)
"""Tags, in lower case, with which other models open a trace (`<thought>`, `<|begin_of_thought|>`, …)."""


def split_think(text: str, *, called: bool = False, unopened: bool = False) -> tuple[str | None, str]:
    """Return (trace or None, answer) of an assistant's text.

    A trace is exactly one `<think>…</think>` before everything else; an empty one means that the
    model was told not to think, so it counts as no trace. All other arrangements are refused,
    because Qwen3's template would silently delete or move text of them.

    Args:
        text: what the assistant wrote.
        called: whether the turn calls tools, which is an answer without text.
        unopened: whether `</think>` without `<think>` closes a trace that the template opened, as
            thinking-only models write it.

    Raises:
        PydanticCustomError: typed by the `Reason` that quarantines the row.
    """
    if unopened and OPEN not in text and CLOSE in text:
        text = f"{OPEN}{text}"
    head, opened, rest = text.partition(OPEN)
    if not opened:
        if CLOSE in text:
            raise fault(Reason.THINK_UNOPENED, f"{CLOSE} at character {text.index(CLOSE)}, no {OPEN}")
        if tag := _foreign_tag(text):
            raise fault(Reason.THINK_FOREIGN_TAG, f"starts with {tag}")
        return None, text
    if CLOSE in head:
        raise fault(Reason.THINK_UNOPENED, f"{CLOSE} at character {head.index(CLOSE)}, before any {OPEN}")
    if head.strip():
        raise fault(Reason.THINK_NOT_FIRST, f"{len(head)} characters before {OPEN}")
    trace, closed, answer = rest.partition(CLOSE)
    if not closed:
        raise fault(Reason.THINK_UNCLOSED, f"no {CLOSE} in the {len(rest)} characters after {OPEN}")
    if OPEN in trace:
        raise fault(Reason.THINK_NESTED, f"a second {OPEN} inside the trace")
    if OPEN in answer or CLOSE in answer:
        raise fault(Reason.THINK_REPEATED, "more think tags after the first trace")
    if not called and not is_visible(answer):
        lacks = "nothing visible" if answer.strip() else "nothing"
        raise fault(Reason.THINK_NO_ANSWER, f"{lacks} after {CLOSE}")
    return (trace if trace.strip() else None), answer


def _foreign_tag(text: str) -> str | None:
    start = text.lstrip()
    if not start.startswith("<"):
        return None
    name = start[1:40].partition(">")[0].lower()
    return start[: len(name) + 2] if name in FOREIGN_TAGS else None
