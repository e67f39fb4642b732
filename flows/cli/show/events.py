"""Events of a build on a terminal: lines that stay, and bars while stages run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.text import Text

from thinkmix.flows.cli.show.printing import visible
from thinkmix.flows.system.progress import Event, Notify


@contextmanager
def bars(console: Console) -> Iterator[Notify]:
    """Yield a listener that prints notes and, from the first stage that runs on, draws bars."""
    drawing: list[Notify] = []

    def notify(event: Event) -> None:
        if event.note:
            console.print(Text(visible(event.note)), soft_wrap=True)
            return
        if not drawing:
            from thinkmix.flows.cli.show.bars import progress_bars

            drawing.append(stack.enter_context(progress_bars(console)))
        drawing[0](event)

    with ExitStack() as stack:
        yield notify
