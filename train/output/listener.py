"""Who is told how a training run goes while it lasts."""

from typing import Protocol

from thinkmix.train.output.result import Evaluation, Progress, Start


class Listener(Protocol):
    """Takes note of a run; what it raises ends the run."""

    def begin(self, start: Start) -> None:
        """Take note that all is loaded and the first step of this run is about to be made."""

    def step(self, told: Progress) -> None:
        """Take note of a step."""

    def point(self, found: Evaluation) -> None:
        """Take note of a point of the curve; those of a run that is gone on with come first."""

    def say(self, sentence: str) -> None:
        """Take note of what a person should know of a checkpoint."""


class Silent:
    """A listener that takes note of nothing; one that needs a part of it overrides that."""

    def begin(self, start: Start) -> None:
        """Take no note."""

    def step(self, told: Progress) -> None:
        """Take no note."""

    def point(self, found: Evaluation) -> None:
        """Take no note."""

    def say(self, sentence: str) -> None:
        """Take no note."""


SILENT = Silent()
