"""What a build tells about itself while it runs."""

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Event:
    """A stage got on: `done` of `total` units of one source (or of all, where source is empty)."""

    stage: str
    source: str
    done: int
    total: int | None
    unit: str = "rows"
    note: str = ""
    """A line that stays on the terminal."""


Notify = Callable[[Event], None]


def silent(event: Event) -> None:
    """Tell nobody."""


LISTENER: ContextVar[Notify] = ContextVar("LISTENER", default=silent)
"""Who is told; a context variable, because a flow's parameters must be plain data."""


def listener() -> Notify:
    """Return who is told. The flow calls this: a served flow is pickled, and the variable cannot be."""
    return LISTENER.get()


def short(number: float) -> str:
    """Return a number in at most six characters."""
    for step, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= step:
            return f"{number / (1e3 if letter == 'k' else step):.1f}{letter}"
    return f"{number:.0f}"


def size(count: int) -> str:
    """Return bytes as people read them."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count} bytes"


PROGRESS = "THINKMIX_PROGRESS"
"""Variable that names a file to which a command appends its progress, a line of JSON an event."""


def noting(notify: Notify) -> Notify:
    """Return who is told, and writes it down, too, where the environment names a file for it.

    Whether the file can be written decides nothing: a build does not fail because nobody can watch it.
    """
    path = os.environ.get(PROGRESS)
    if not path:
        return notify
    last: dict[str, float] = {}

    def told(event: Event) -> None:
        notify(event)
        now, key = time.time(), f"{event.stage} {event.source}"
        if not event.note and event.done != event.total and now - last.get(key, 0.0) < _EVERY:
            return
        last[key] = now
        note_line(Path(path), asdict(event))

    return told


def note_line(path: Path, facts: Mapping[str, object]) -> None:
    """Append facts and the time to a file of progress; one that cannot be written is left alone."""
    with suppress(OSError), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"at": round(time.time(), 3), **facts}) + "\n")


_EVERY = 0.2
"""Seconds between two lines of one stage and source."""
