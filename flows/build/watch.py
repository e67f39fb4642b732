"""Who watches a build: a scheduler whose tasks its stages are, and listeners."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from thinkmix.flows.runs.running import UNSCHEDULED, Scheduled
from thinkmix.flows.system.progress import Notify, silent

Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")


class Step(Protocol):
    """How a stage is run under a name: called directly, or as a task of the scheduler."""

    def __call__(self, name: str, function: Callable[Arguments, Outcome], /) -> Callable[Arguments, Outcome]:
        """Return `function` so wrapped that calling it runs the stage `name`."""


def directly(name: str, function: Callable[Arguments, Outcome], /) -> Callable[Arguments, Outcome]:
    """Run a stage by calling it."""
    return function


@dataclass(frozen=True)
class Watch:
    """Who is told of a build, and how its stages are run."""

    step: Step = directly
    """How a stage is run under its name."""
    notify: Notify = silent
    """Told how stages get on."""
    scheduled: Scheduled = UNSCHEDULED
    """The scheduler's run that the build is, and who is told of builds that were killed."""


UNWATCHED = Watch()
