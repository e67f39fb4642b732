"""What a build tells about itself while it runs, and how a terminal shows it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


@dataclass(frozen=True)
class Event:
    """A stage got on: `done` of `total` units of one source (or of all, where source is empty)."""

    stage: str
    source: str
    done: int
    total: int | None
    unit: str = "rows"
    words: str = ""
    """A line for people, which stays; such an event says nothing of how the stage gets on."""


Notify = Callable[[Event], None]


def silent(event: Event) -> None:
    """Tell nobody."""


LISTENER: ContextVar[Notify] = ContextVar("LISTENER", default=silent)
"""Who is told; a context variable, because a flow's parameters must be plain data."""


def listener() -> Notify:
    """Return who is told. The flow calls this: a served flow is pickled, and the variable cannot be."""
    return LISTENER.get()


class _Rate(ProgressColumn):
    """Units a second since the stage began."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{short(speed)} {task.fields['unit']}/s", style="cyan")


@contextmanager
def bars(console: Console) -> Iterator[Notify]:
    """Yield a listener that draws a bar per stage and source: done, rate, time left."""
    tasks: dict[tuple[str, str], TaskID] = {}
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[shown]}"),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:

        def notify(event: Event) -> None:
            if event.words:
                progress.console.print(event.words, markup=False, highlight=False, soft_wrap=True)
                return
            key = (event.stage, event.source)
            if key not in tasks:
                title = f"{event.stage:<9} {event.source}"
                tasks[key] = progress.add_task(title, total=event.total, unit=event.unit, shown="")
            total = "" if event.total is None else f"/{short(event.total)}"
            progress.update(
                tasks[key],
                completed=event.done,
                total=event.total,
                shown=f"{short(event.done)}{total} {event.unit}",
            )

        yield notify


def short(number: float) -> str:
    """Return a number in at most six characters."""
    for step, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= step:
            return f"{number / (1e3 if letter == 'k' else step):.1f}{letter}"
    return f"{number:.0f}"
