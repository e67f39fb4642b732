"""What a build tells about itself while it runs, and how a terminal shows it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


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


@contextmanager
def bars(console: "Console") -> Iterator[Notify]:
    """Yield a listener that prints notes and, from the first stage that runs on, draws bars."""
    from rich.text import Text  # noqa: PLC0415 - most listeners draw nothing

    from thinkmix.flows.show import visible  # noqa: PLC0415

    drawing: list[Notify] = []

    def notify(event: Event) -> None:
        if event.note:
            console.print(Text(visible(event.note)), soft_wrap=True)
            return
        if not drawing:
            from thinkmix.flows.bars import drawn  # noqa: PLC0415 - on a night without a change no stage runs

            drawing.append(stack.enter_context(drawn(console)))
        drawing[0](event)

    with ExitStack() as stack:
        yield notify


def short(number: float) -> str:
    """Return a number in at most six characters."""
    for step, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= step:
            return f"{number / (1e3 if letter == 'k' else step):.1f}{letter}"
    return f"{number:.0f}"
