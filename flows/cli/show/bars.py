"""A bar per stage and source on a terminal: done, rate, time left."""

from collections.abc import Iterator
from contextlib import contextmanager

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

from thinkmix.flows.system.progress import Event, Notify, short


class _Rate(ProgressColumn):
    """Units a second since the stage began."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{short(speed)} {task.fields['unit']}/s", style="cyan")


@contextmanager
def progress_bars(console: Console) -> Iterator[Notify]:
    """Yield a listener that draws bars until it is left."""
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
