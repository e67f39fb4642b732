"""How people see a training run while it lasts: a bar in a terminal, or events among those of a build."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from thinkmix.flows.system.progress import PROGRESS, Event, Notify, note_line, short
from thinkmix.train.output.result import Evaluation, Loss, Start
from thinkmix.train.output.result import Progress as Step


class View(Protocol):
    """Who is told of a run."""

    def begin(self, start: Start) -> None:
        """Take note of where the run begins."""

    def step(self, told: Step, pace: float) -> None:
        """Take note of a step, and of the tokens a second of this run's own steps."""

    def point(self, found: Evaluation) -> None:
        """Take note of a measurement on held-out rows."""

    def say(self, sentence: str) -> None:
        """Tell people a sentence."""


def speaks() -> bool:
    """Return whether this process speaks for the run: torchrun starts several, and the first one does."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def progress_bar(console: Console) -> Iterator[View]:
    """Yield a view that draws a bar: tokens read, loss, tokens a second, and the time that is left."""
    columns = (
        TextColumn("training"),
        BarColumn(bar_width=24),
        TextColumn("step {task.fields[step]}"),
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("{task.fields[pace]}", style="cyan"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", style="cyan"),
    )
    with Progress(*columns, console=console) as bars:
        yield _Bar(bars, bars.add_task("", total=None, step="-", loss="-", pace="", left=""))


@dataclass(frozen=True)
class _Bar:
    bars: Progress
    task: TaskID

    def begin(self, start: Start) -> None:
        self.bars.update(
            self.task,
            completed=start.tokens,
            total=start.total_tokens,
            step=f"{start.step}/{start.steps}",
        )

    def step(self, told: Step, pace: float) -> None:
        self.bars.update(
            self.task,
            completed=told.tokens,
            step=f"{told.step}/{told.steps}",
            loss=f"{told.loss:.3f}",
            pace=f"{short(pace)} tokens/s",
            left=time_left(told, pace),
        )

    def point(self, found: Evaluation) -> None:
        self.say(point(found))

    def say(self, sentence: str) -> None:
        self.bars.console.print(Text(sentence), soft_wrap=True)


@dataclass(frozen=True)
class Events:
    """A view among the stages of a build: steps are events, the rest are lines of the error stream."""

    notify: Notify
    mixture: str

    def begin(self, start: Start) -> None:
        """Tell how many tokens there are."""
        self._tell(start.tokens, start.total_tokens)

    def step(self, told: Step, pace: float) -> None:
        """Tell how many tokens were read; who draws it knows the pace."""
        self._tell(told.tokens, told.total_tokens)

    def point(self, found: Evaluation) -> None:
        """Tell the held-out loss."""
        self.say(point(found))

    def say(self, sentence: str) -> None:
        """Tell a sentence."""
        sys.stderr.write(f"{self.mixture}: {sentence}\n")

    def _tell(self, done: int, total: int) -> None:
        self.notify(Event("train", self.mixture, done, total, unit="tokens"))


@dataclass(frozen=True)
class _Noted:
    """A view that is written down, too: a line of JSON for each step and each measurement."""

    view: View
    path: Path

    def begin(self, start: Start) -> None:
        self.view.begin(start)

    def step(self, told: Step, pace: float) -> None:
        self.view.step(told, pace)
        event = Event("train", "", told.tokens, told.total_tokens, unit="tokens")
        self._note({**asdict(event), "step": told.step, "loss": told.loss})

    def point(self, found: Evaluation) -> None:
        self.view.point(found)
        parts = {name: loss.loss for name, loss in found.by_source.items()}
        self._note({"step": found.step, "heldout": found.total.loss, "by_source": parts})

    def say(self, sentence: str) -> None:
        self.view.say(sentence)

    def _note(self, facts: Mapping[str, object]) -> None:
        note_line(self.path, facts)


def noted(view: View) -> View:
    """Return a view that is written down where the environment names a file for progress."""
    path = os.environ.get(PROGRESS)
    return _Noted(view, Path(path)) if path else view


def time_left(told: Step, pace: float) -> str:
    """Return the time that the tokens which are left will take; steps differ too much to be counted."""
    if not pace:
        return ""
    return f"{timedelta(seconds=round((told.total_tokens - told.tokens) / pace))} left"


def point(found: Evaluation) -> str:
    """Return a point of the curve in a sentence."""
    parts = f" ({_losses(found.by_source)})" if len(found.by_source) > 1 else ""
    return f"step {found.step}: held-out loss {found.total.loss:.3f}{parts}"


def _losses(losses: Mapping[str, Loss]) -> str:
    return ", ".join(f"{name} {loss.loss:.3f}" for name, loss in losses.items())
